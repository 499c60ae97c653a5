"""What the doors may rely on: a request is kept once, opened once, and has one run."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.adapters.store import PostgresStore, ProcrastinateQueue
from app.core.access import digest_of, new_secret
from app.core.boxes import ticked
from app.core.errors import NotFound, Unavailable
from app.core.events import Noticed
from app.core.requests import Differs, Request, TooMany, Wanted
from app.core.task import Repository
from app.engine.requests import Opener
from blueprints import BLUEPRINTS
from tests.trackers import MemoryTracker, MemoryTrackers

pytestmark = pytest.mark.contract

WANTED = Wanted(
    door="api", full_name="octo/cat", title="Greet", body="Say hello, @everyone.", blueprint="fix", login="ann"
)


class Desk:
    """A store, a tracker and what opens requests with them."""

    def __init__(self, store: PostgresStore, queue: ProcrastinateQueue) -> None:
        self.store = store
        self.requests = store.requests()
        self.tracker = MemoryTracker({"ann": 1})
        self.queue = queue
        trackers = MemoryTrackers({"octo/cat": self.tracker})
        self.opener = Opener(self.requests, store.campaigns(), trackers, BLUEPRINTS, lambda: datetime.now(UTC))

    async def work(self) -> None:
        async def advance(_run_id: int, _revision: int | None) -> None:
            return None

        await self.queue.work(advance, open_request=self.opener.open, concurrency=2, forever=False)

    async def taken(self, intent: str = "one", **changed: Any) -> Request:
        return await self.requests.take(intent, WANTED.model_copy(update=changed))


@pytest.fixture
async def desk(store: PostgresStore, queue: ProcrastinateQueue) -> Desk:
    return Desk(store, queue)


async def test_a_request_becomes_an_issue_and_a_run(desk: Desk) -> None:
    asked = await desk.taken()
    await desk.work()
    run = await desk.requests.run_of(asked)
    assert run is not None
    assert (run.task.number, run.task.title, run.task.body) == (1, "Greet", "Say hello, @everyone.")
    assert (run.task.requester.login, run.blueprint, run.at) == ("ann", "fix", "prepare")
    ((marker, title, body),) = desk.tracker.issues
    assert marker.startswith("<!-- minions:request=")
    assert asked.key not in marker
    assert title == "Greet"
    assert "Say hello, `@everyone`." in body
    assert "Asked for by `ann` over the API, as `fix`." in body
    assert (await desk.requests.find(asked.key)).number == 1


async def test_a_secret_that_was_pasted_goes_nowhere(desk: Desk) -> None:
    secret = f"ghp_{'a1B2' * 10}"
    asked = await desk.taken(body=f"It fails with {secret}.")
    await desk.work()
    run = await desk.requests.run_of(asked)
    assert run is not None
    assert secret not in f"{desk.tracker.issues} {run.task}"


FAILED = Noticed(
    repository=Repository(id=5, full_name="octo/cat", installation_id=3),
    what="failed on main",
    name="CI",
    url="https://github.test/octo/cat/actions/runs/1",
    sha="1" * 40,
)


@pytest.mark.parametrize("wanted", [(), ("flaky",), ("failed on main",)])
async def test_what_is_noticed_opens_one_issue_where_that_is_wanted_and_starts_nothing(
    desk: Desk, wanted: tuple[str, ...]
) -> None:
    async def suggestions(_: Repository) -> tuple[str, ...]:
        return wanted

    desk.opener = replace(desk.opener, suggestions=suggestions)
    for sha in ("1", "1", "2"):
        await desk.store.accept(None, FAILED.model_copy(update={"sha": sha * 40}), "noticed")
        await desk.work()
    assert await desk.store.counts() == {}
    if "failed on main" not in wanted:
        assert desk.tracker.issues == []
        return
    ((_, title, body),) = desk.tracker.issues
    assert title == "CI failed on the default branch"
    assert all(
        words in body for words in (FAILED.url, "puts the label `minion:fix` on this issue", "Nothing starts by itself")
    )
    assert ticked(body, body.replace("- [ ]", "- [x]")) == "fix"
    assert set(desk.tracker.labels) == {"suggested"}


async def test_the_same_word_five_times_at_once_is_one_request(desk: Desk) -> None:
    taken = await asyncio.gather(*(desk.taken() for _ in range(5)))
    assert len({one.id for one in taken}) == 1
    await desk.work()
    assert len(desk.tracker.issues) == 1
    with pytest.raises(Differs):
        await desk.taken(title="Something else")


async def test_a_request_does_not_wait_until_a_run_has_ended(desk: Desk) -> None:
    """However many runs a worker has in hand, and however long they take."""
    begun, may_end = asyncio.Event(), asyncio.Event()

    async def advance(_run_id: int, _revision: int | None) -> None:
        begun.set()
        await may_end.wait()

    await desk.taken()
    await desk.opener.open(1)
    work = desk.queue.work(advance, open_request=desk.opener.open, concurrency=1)
    working = asyncio.create_task(work)
    async with asyncio.timeout(60):
        await begun.wait()
        await desk.taken("two")
        while len(desk.tracker.issues) < 2:
            await asyncio.sleep(0.05)
        may_end.set()
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def test_an_issue_whose_answer_got_lost_is_there_once(desk: Desk) -> None:
    asked = await desk.taken()
    desk.tracker.trouble = [Unavailable("GitHub did not answer.")]
    with pytest.raises(Unavailable):
        await desk.opener.open(asked.id)
    assert await desk.requests.run_of(asked) is None
    await desk.opener.open(asked.id)
    await desk.opener.open(asked.id)
    assert len(desk.tracker.issues) == 1
    assert await desk.requests.run_of(asked) is not None


async def test_a_github_that_is_away_for_a_day_ends_the_request(desk: Desk) -> None:
    asked = await desk.taken()
    desk.tracker.trouble = [Unavailable("GitHub did not answer.")]
    late = replace(desk.opener, now=lambda: datetime.now(UTC) + timedelta(days=1, minutes=1))
    await late.open(asked.id)
    assert "within a day. GitHub did not answer." in (await desk.requests.load(asked.id)).error


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"login": "mallory"}, "mallory may not ask for work in octo/cat"),
        (
            {"blueprint": "migrate", "body": "Use httpx.\n\nrepositories: octo/cat, octo/dog"},
            "It is not said what the campaign may cost. Add a line such as `budget: $20`.",
        ),
        ({"login": "nobody"}, "nobody may not ask for work in octo/cat"),
        ({"full_name": "octo/dog"}, "The App is not installed on octo/dog"),
        ({"blueprint": "fxi"}, "There is no blueprint 'fxi'. There are: fix"),
    ],
)
async def test_what_may_not_be_opens_no_issue(desk: Desk, changed: dict[str, Any], told: str) -> None:
    asked = await desk.taken(**changed)
    await desk.work()
    assert told in (await desk.requests.load(asked.id)).error
    assert desk.tracker.issues == []
    assert await desk.requests.run_of(asked) is None


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"login": "mallory"}, "mallory may not ask for work in octo/cat"),
        ({"blueprint": "fxi"}, "There is no blueprint 'fxi'. There are: fix"),
        (
            {"blueprint": "migrate", "body": "repositories: octo/cat, octo/dog\nbudget: $9"},
            "A schedule works in its own repository, which is octo/cat, and this one names others.",
        ),
    ],
)
async def test_what_a_schedule_may_not_is_told_in_one_issue_however_often_it_is_due(
    desk: Desk, changed: dict[str, Any], told: str
) -> None:
    """Nobody looks at a log there. It is one also if the answer of GitHub got lost."""
    desk.tracker.trouble = [Unavailable("GitHub did not answer.")]
    first = await desk.taken("monday", door="schedule", source="0 6 * * *", **changed)
    with pytest.raises(Unavailable):
        await desk.opener.open(first.id)
    for _ in range(2):
        await desk.opener.open(first.id)
    second = await desk.taken("tuesday", door="schedule", source="0 6 * * *", **changed)
    await desk.opener.open(second.id)
    ((_, title, body),) = desk.tracker.issues
    assert title == "A schedule in .github/minion.yml could not begin"
    assert told in body
    assert "wants `Greet` at `0 6 * * *`" in body
    assert "@everyone" not in body
    assert set(desk.tracker.labels) == {"suggested"}
    for request in (first, second):
        assert told in (await desk.requests.load(request.id)).error
        assert await desk.requests.run_of(request) is None


async def test_a_refusal_that_nobody_can_be_told_is_one_all_the_same(desk: Desk) -> None:
    """As where a repository has no issues, or GitHub is away for a day."""
    gone = await desk.taken("monday", door="schedule", full_name="octo/dog")
    await desk.opener.open(gone.id)
    assert "The App is not installed on octo/dog" in (await desk.requests.load(gone.id)).error
    away = await desk.taken("tuesday", door="schedule", blueprint="fxi")
    desk.tracker.trouble = [Unavailable("GitHub did not answer.")]
    late = replace(desk.opener, now=lambda: datetime.now(UTC) + timedelta(days=1, minutes=1))
    await late.open(away.id)
    assert "There is no blueprint 'fxi'" in (await desk.requests.load(away.id)).error


async def test_a_fault_of_the_file_is_told_in_one_issue_without_a_voice_or_a_secret(desk: Desk) -> None:
    secret = f"ghp_{'a1B2' * 10}"
    said = {"door": "event", "title": ".github/minion.yml cannot be used", "blueprint": "", "login": ""}
    for day in ("monday", "tuesday"):
        await desk.taken(day, body=f"It has an unknown key '{secret} @everyone'.", **said)
    await desk.work()
    await desk.work()
    ((_, title, body),) = desk.tracker.issues
    assert title == ".github/minion.yml cannot be used"
    assert secret not in body
    assert "`@everyone`" in body
    assert await desk.store.counts() == {}


async def test_a_request_that_was_refused_meanwhile_starts_nothing(desk: Desk) -> None:
    asked = await desk.taken()
    assert await desk.requests.refuse(asked, "ann stopped it before it began.")
    await desk.work()
    assert await desk.requests.run_of(asked) is None
    again = await desk.taken("two")
    await desk.work()
    assert not await desk.requests.refuse(again, "too late")


async def test_a_token_asks_for_so_many_runs_an_hour(store: PostgresStore) -> None:
    token = await store.api_tokens().add("ci", "ann", ["octo/*"], digest_of(new_secret()))
    assert token is not None
    wanted = WANTED.model_copy(update={"token_id": token.id})
    requests = store.requests()

    async def ask(word: int) -> bool:
        try:
            await requests.take(f"api/{word}", wanted, per_hour=3)
        except TooMany as error:
            return not 3_500 < error.retry_after_s <= 3_600
        return True

    assert sum(await asyncio.gather(*(ask(word) for word in range(6)))) == 3
    assert (await requests.take("api/0", wanted, per_hour=3)).intent == "api/0"


async def test_a_token_that_was_revoked_is_of_no_use(store: PostgresStore) -> None:
    tokens, secret = store.api_tokens(), new_secret()
    assert await tokens.add("ci", "ann", ["octo/*"], digest_of(secret))
    found = await tokens.find(digest_of(secret))
    assert found is not None
    assert (found.is_for("Octo/Cat"), found.is_for("evil/cat"), found.used_at is None) == (True, False, False)
    assert await tokens.add("ci", "ann", ["*/*"], digest_of(new_secret())) is None
    assert await tokens.revoke("ci")
    assert await tokens.find(digest_of(secret)) is None
    assert not await tokens.revoke("ci")
    assert [one.name for one in await tokens.all()] == ["ci"]
    assert await tokens.add("ci", "ann", ["octo/*"], digest_of(new_secret()))


async def test_a_request_that_there_is_not(store: PostgresStore) -> None:
    with pytest.raises(NotFound):
        await store.requests().find("nothing")
