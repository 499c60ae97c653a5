"""A conversation about how much there is to be reviewed: a second run waits in line, and begins by itself."""

from typing import Any

import pytest

from tests.stories.patience import until

pytestmark = [pytest.mark.story, pytest.mark.timeout(600)]


async def test_who_would_be_one_too_many_waits_in_line_and_begins_when_one_is_closed(town: Any) -> None:
    hub, wish = town.stage.hub, town.wanted.issue
    repository = town.repository(dict(town.wanted.files) | {".github/minion.yml": "open_pulls: 1\n"})
    ann = town.person("ann", repository)

    async def asked() -> int:
        number = int(await ann.file(wish.title, wish.body))
        await ann.label(number, "minion")
        return number

    async def told(number: int, words: str) -> str:
        async def look() -> str:
            bodies = [one["body"] for one in await ann.comments(number)]
            return next((body for body in bodies if words in body), "")

        return str(await until(look))

    async def pulls() -> list[dict[str, Any]]:
        return list(await ann.pulls())

    await asked()
    (first,) = await until(pulls)
    second = await asked()
    comment = await told(second, "1st of 1 in line")
    assert "1st of 1; 1 pull request of minions waits for review here" in comment
    assert "at most 1. It begins by itself when one of them is merged or closed." in comment
    (branch,) = [name for name in await ann.branches() if name not in {"main", first["head"]["ref"]}]
    (check,) = await ann.checks(branch)
    assert (check["status"], check["output"]["title"]) == ("queued", "⏳ 1st of 1 in line")
    await ann.comment(second, "/minion status")
    assert "at most 1" in await told(second, "minions:order=")

    hub.close_issue(repository, first["number"], by="ann")
    (after,) = await until(pulls)
    assert (after["number"] > first["number"], after["head"]["ref"]) == (True, branch)
    await told(second, f"#{after['number']}")
    assert len([one for one in await ann.comments(second) if "minions:run=" in one["body"]]) == 1
