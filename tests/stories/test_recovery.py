"""Minions was away while people went on: what they wanted is found out afterwards, and done once."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from app.adapters.postgres import EmbeddedPostgres
from app.demo.github.faults import DeliveryRule, When
from app.demo.github.troubles import Mishap
from tests.stories.patience import until

pytestmark = [pytest.mark.story, pytest.mark.faults, pytest.mark.timeout(600)]

LONG_AGO = timedelta(days=4)
"""GitHub forgets deliveries after three."""


async def finished(person: Any) -> dict[str, Any]:
    """The one pull request, once its check run is complete."""

    async def look() -> Any:
        for pull in await person.pulls():
            checks = await person.checks(pull["head"]["sha"])
            if checks and checks[0]["status"] == "completed":
                return pull
        return None

    await until(look)
    (pull,) = await person.pulls()
    found: dict[str, Any] = pull
    return found


def attempts(town: Any, event: str, action: str, repository: str) -> list[Any]:
    there = town.stage.hub.repository(repository).id
    return [
        one for one in town.stage.hub.deliveries if (one.event, one.action, one.repository_id) == (event, action, there)
    ]


async def test_f11_what_was_asked_while_we_were_away_is_delivered_again_and_done_once(town: Any) -> None:
    repository = town.repository()
    ann = town.person("ann", repository)
    await town.stage.stop_app()
    try:
        number = await ann.file(town.wanted.issue.title, town.wanted.issue.body)
        await ann.label(number, "minion")
        await town.stage.hub.settled()
        (lost,) = attempts(town, "issues", "labeled", repository)
        assert lost.status == "failed to connect to host"
    finally:
        await town.stage.start_app()
    await finished(ann)
    await town.stage.hub.settled()
    first, *others = attempts(town, "issues", "labeled", repository)
    assert {other.guid for other in others} == {first.guid}
    assert [other.status_code for other in others if other.status_code] == [202]
    assert len(await ann.branches()) == 2


async def test_f12_a_label_of_which_github_has_forgotten_the_delivery_is_found_by_looking(town: Any) -> None:
    repository = town.repository()
    ann, tim = town.person("ann", repository), town.person("tim", repository)
    await town.stage.stop_app()
    try:
        number = await ann.file(town.wanted.issue.title, town.wanted.issue.body)
        other = await ann.file("Something else", "It is not urgent.")
        await ann.label(number, "minion")
        await tim.label(other, "minion")
        await town.stage.hub.settled()
        forget(town, repository)
        await asyncio.to_thread(age_the_last_look, town)
    finally:
        await town.stage.start_app()
    await finished(ann)

    async def refused() -> bool:
        return "-1" in await ann.reactions(other)

    await until(refused)  # who put it on may only triage
    assert len(await ann.branches()) == 2


async def test_f25_what_was_closed_while_we_were_away_is_stopped(town: Any) -> None:
    repository = town.repository({"run.py": "", ".github/minion.yml": "test: sleep 600\n"})
    ann = town.person("ann", repository)
    number = await ann.file("Do it", "Soon, if you can.")
    await ann.label(number, "minion")

    async def begun() -> Any:
        return [one for one in await ann.comments(number) if "Prepare the work tree" in one["body"]]

    await until(begun)
    await town.stage.stop_app()
    try:
        town.stage.hub.close_issue(repository, number, by="ann")
        await town.stage.hub.settled()
        forget(town, repository)
    finally:
        await town.stage.start_app()

    async def stopped() -> Any:
        return [one for one in await ann.comments(number) if "Stopped at" in one["body"]]

    (comment,) = await until(stopped)
    assert "`ann` stopped it" in comment["body"]
    assert await ann.pulls() == []


async def test_f13_a_label_that_arrives_after_it_was_taken_off_brings_nothing(town: Any) -> None:
    repository = town.repository({"run.py": "", ".github/minion.yml": "test: sleep 600\n"})
    ann, hub = town.person("ann", repository), town.stage.hub
    number = await ann.file("Do it", "Soon, if you can.")
    await hub.settled()
    hub.faults.add(DeliveryRule([Mishap("overtaken", seconds=60)], "issues.labeled", When(times=1)))
    await ann.label(number, "minion")
    labelled_at = hub.issue(repository, number).updated_at

    async def a_second_later() -> Any:
        return hub.ground.now() > labelled_at  # within one nobody can tell what came first

    await until(a_second_later)
    hub.remove_label(repository, number, "minion", by="ann")
    await hub.settled()
    (labeled,), (unlabeled,) = (attempts(town, "issues", action, repository) for action in ("labeled", "unlabeled"))
    assert "Nothing is at work" in unlabeled.response_body
    assert labeled.status_code == 202
    assert "It was taken back before this arrived" in labeled.response_body

    async def stopped() -> Any:
        return [one for one in await ann.comments(number) if "`ann` stopped it" in one["body"]]

    assert len(await until(stopped)) == len(await ann.comments(number)) == 1
    assert (await ann.branches(), await ann.pulls()) == (["main"], [])


def forget(town: Any, repository: str) -> None:
    """Days pass: the deliveries are gone, and what happened is long ago."""
    hub = town.stage.hub
    there = hub.repository(repository)
    hub.deliveries[:] = [one for one in hub.deliveries if one.repository_id != there.id]
    for installation in hub.accounts.installations:
        installation.created_at -= 2 * LONG_AGO
    for issue in there.issues.values():
        for happened in issue.events:
            happened.created_at -= LONG_AGO


def age_the_last_look(town: Any) -> None:
    """The same days pass in the database of the server, which is not running."""
    server = EmbeddedPostgres(town.stage.home / "minions")
    engine = create_engine(server.start())
    try:
        with engine.begin() as connection:
            connection.execute(text("UPDATE recoveries SET looked_at = looked_at - interval '5 days'"))
    finally:
        engine.dispose()
        server.stop()
