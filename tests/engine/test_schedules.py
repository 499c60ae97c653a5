"""What is wanted by the clock is asked for once, whoever looks and however often."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest

from app.adapters.store import PostgresStore
from app.core.errors import ConfigError, NotFound, Unavailable
from app.core.events import Pushed
from app.core.repo_config import RepoConfig, Schedule
from app.core.schedules import Entry
from app.core.task import Repository
from app.engine.schedules import Schedules, comes, due

CAT = Repository(id=5, full_name="octo/cat", installation_id=3)
NIGHTLY = {"cron": "30 3 * * *", "title": "Update dependencies", "login": "ann"}
BEGUN = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)


def entry(cron: str, since: datetime = BEGUN) -> Entry:
    return Entry(schedule=Schedule(cron=cron, title="x", login="ann"), since=since)


@pytest.mark.parametrize(
    ("cron", "hours", "at"),
    [
        ("30 3 * * *", 0, None),
        ("30 3 * * *", 15, None),
        ("30 3 * * *", 15.5, datetime(2026, 11, 28, 3, 30, tzinfo=UTC)),
        ("30 3 * * *", 17, datetime(2026, 11, 28, 3, 30, tzinfo=UTC)),
        ("30 3 * * *", 17 + 24 * 9, datetime(2026, 12, 7, 3, 30, tzinfo=UTC)),
        ("0 12 * * *", 0, None),
        ("0 0 29 2 *", 24 * 9, None),
        ("0 6 * * mon", 24 * 3, datetime(2026, 11, 30, 6, 0, tzinfo=UTC)),
        ("0 6 * * mon", 24 * 6, None),
        ("0 0 30 2 *", 24 * 9, None),
    ],
)
def test_what_was_due_last_counts_for_a_day_and_never_from_before_it_was_seen(
    cron: str, hours: float, at: datetime | None
) -> None:
    assert due(entry(cron), BEGUN + timedelta(hours=hours)) == at


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("0 0 29 2 *", True),
        ("0 0 30 2 *", False),
        ("0 0 31 4,6,9,11 *", False),
        ("0 3 32 * *", False),
        ("0 3 * * 8", False),
        ("0 3 */0 * *", False),
        ("0 3 * jan-mar mon,fri", True),
        ("0 R * * *", False),
        ("0 3 r/2 * *", False),
        ("0 h * * *", False),
    ],
)
def test_what_no_calendar_has_and_what_is_drawn_by_lot_is_no_time(cron: str, *, expected: bool) -> None:
    assert comes(cron, BEGUN) is expected


class Clockwork:
    """Repositories with files, a clock, and what looks at both."""

    def __init__(self, store: PostgresStore) -> None:
        self.store = store
        self.now = BEGUN
        self.files: dict[str, object] = {"octo/cat": {"schedules": [NIGHTLY]}}
        self.reads = 0
        self.is_away = False
        self.broken = set[str]()
        self.there = [CAT]

    def schedules(self) -> Schedules:
        return Schedules(self.store.timetable(), self.store.requests(), self, self.read, now=lambda: self.now)

    async def repositories(self) -> AsyncIterator[Repository]:
        for repository in self.there:
            yield repository

    async def read(self, repository: Repository) -> RepoConfig:
        self.reads += 1
        if self.is_away or repository.full_name in self.broken:
            raise Unavailable("GitHub does not answer.")
        if repository.full_name not in self.files:
            raise NotFound("There is no such file.")
        return RepoConfig.parse(self.files[repository.full_name])

    async def told(self) -> list[tuple[str, str, str]]:
        """Where something is to be told, under which title, and its first line."""
        found = await self.store.requests().untold("event", 100)
        return [(one.wanted.full_name, one.wanted.title, one.wanted.body.partition("\n")[0]) for one, _ in found]

    async def asked(self) -> list[str]:
        return [one.intent for one, _ in await self.store.requests().untold("schedule", 100)]


@pytest.fixture
async def clockwork(store: PostgresStore) -> Clockwork:
    return Clockwork(store)


async def test_each_time_is_asked_for_once_by_any_number_of_workers(clockwork: Clockwork) -> None:
    workers = [clockwork.schedules() for _ in range(3)]
    for hours in (0, 15.4, 15.5, 16, 39.5, 40):
        clockwork.now = BEGUN + timedelta(hours=hours)
        for worker in workers:
            await worker.look()
    assert [intent.rpartition("/")[2] for intent in await clockwork.asked()] == [
        "2026-11-28T03:30:00+00:00",
        "2026-11-29T03:30:00+00:00",
    ]
    request, _ = (await clockwork.store.requests().untold("schedule", 1))[0]
    assert (request.wanted.full_name, request.wanted.title, request.wanted.login) == (
        "octo/cat",
        "Update dependencies",
        "ann",
    )


async def test_a_push_has_the_file_read_anew_and_nothing_else_does(clockwork: Clockwork) -> None:
    worker = clockwork.schedules()
    for _ in range(3):
        await worker.look()
    assert clockwork.reads == 1
    clockwork.files["octo/cat"] = {"schedules": [NIGHTLY | {"cron": "0 13 * * *"}]}
    await clockwork.store.accept(None, Pushed(repository=CAT, branch="main"), "moved")
    await worker.look()
    await worker.look()
    clockwork.now = BEGUN + timedelta(hours=20)
    await worker.look()
    assert clockwork.reads == 2
    assert [intent.rpartition("/")[2] for intent in await clockwork.asked()] == ["2026-11-27T13:00:00+00:00"]


async def test_a_file_that_is_gone_or_cannot_be_used_asks_for_nothing_more(clockwork: Clockwork) -> None:
    worker = clockwork.schedules()
    await worker.look()
    clockwork.files["octo/cat"] = {"schedules": [NIGHTLY | {"cron": "* * * * *"}]}
    await clockwork.store.accept(None, Pushed(repository=CAT, branch="main"), "moved")
    await worker.look()
    clockwork.now = BEGUN + timedelta(days=1)
    await worker.look()
    assert await clockwork.asked() == []
    ((where, title, why),) = await clockwork.told()
    assert (where, title) == ("octo/cat", ".github/minion.yml cannot be used")
    assert "`schedules`, entry 1, must be a list, each entry with `cron`" in why


async def test_a_time_that_never_comes_is_told_and_holds_up_nobody_else(clockwork: Clockwork) -> None:
    """Also not what was kept of it by a program that did not look so closely."""
    dog = Repository(id=6, full_name="octo/dog", installation_id=3)
    never = NIGHTLY | {"cron": "0 0 30 2 *", "title": "Never"}
    clockwork.there = [CAT, dog]
    clockwork.files = {"octo/cat": {"schedules": [never, NIGHTLY]}, "octo/dog": {"schedules": [NIGHTLY]}}
    await clockwork.store.timetable().keep(CAT, [entry("0 0 30 2 *")])
    await clockwork.store.accept(None, Pushed(repository=CAT, branch="main"), "moved")
    worker = clockwork.schedules()
    for _ in range(3):
        await worker.look()
    clockwork.now = BEGUN + timedelta(hours=16)
    await worker.look()
    assert [intent.split("/")[1] for intent in await clockwork.asked()] == ["5", "6"]
    ((where, title, why),) = await clockwork.told()
    assert (where, title) == ("octo/cat", "A schedule in .github/minion.yml has no time that comes")
    assert "wants `Never` at `0 0 30 2 *`" in why


async def test_while_github_is_away_what_is_known_is_asked_for_all_the_same(clockwork: Clockwork) -> None:
    worker = clockwork.schedules()
    await worker.look()
    clockwork.is_away = True
    await clockwork.store.accept(None, Pushed(repository=CAT, branch="main"), "moved")
    clockwork.now = BEGUN + timedelta(hours=16)
    with pytest.raises(Unavailable):
        await worker.look()
    assert len(await clockwork.asked()) == 1


async def test_a_repository_that_is_renamed_is_not_asked_for_twice_and_holds_up_no_other(clockwork: Clockwork) -> None:
    dog = Repository(id=6, full_name="octo/dog", installation_id=3)
    hourly = Schedule.model_validate(NIGHTLY | {"cron": "0 * * * *"})
    timetable = clockwork.store.timetable()
    await timetable.keep(CAT, [entry("30 3 * * *")])
    worker = clockwork.schedules()
    clockwork.now = BEGUN + timedelta(hours=16)
    await worker.look()
    await timetable.keep(CAT.model_copy(update={"full_name": "octo/tiger"}), [entry("30 3 * * *")])
    await timetable.keep(dog, [Entry(schedule=hourly, since=BEGUN)])
    await worker.look()
    assert [intent.split("/")[1] for intent in await clockwork.asked()] == ["5", "6"]


async def test_a_file_that_cannot_be_read_holds_up_no_other(clockwork: Clockwork) -> None:
    """Also if it is the first to be read again, each time. Many that cannot be read are a GitHub that is away."""
    dogs = [Repository(id=number, full_name=f"octo/dog-{number}", installation_id=3) for number in range(6, 10)]
    clockwork.there = [CAT, *dogs]
    clockwork.files |= {one.full_name: {"schedules": [NIGHTLY]} for one in dogs}
    clockwork.broken = {"octo/cat"}
    worker = clockwork.schedules()
    for reads in (5, 6):
        with pytest.raises(Unavailable):
            await worker.look()
        assert clockwork.reads == reads
    assert [one.id for one, _ in await clockwork.store.timetable().entries()] == [6, 7, 8, 9]
    clockwork.is_away = True
    for one in (CAT, *dogs):
        await clockwork.store.accept(None, Pushed(repository=one, branch="main"), "moved")
    with pytest.raises(Unavailable):
        await worker.look()
    assert clockwork.reads == 9


@pytest.mark.parametrize(
    "wrong",
    [
        "30 3 * * *",
        [{"cron": "30 3 * * *", "title": "x"}],
        [NIGHTLY | {"cron": "*/5 * * * *"}],
        [NIGHTLY | {"cron": "30 3 * *"}],
        [NIGHTLY | {"cron": "61 3 * * *"}],
        [NIGHTLY | {"login": "ann;rm"}],
        [NIGHTLY | {"repository": "evil/cat"}],
        [NIGHTLY] * 21,
    ],
)
def test_a_schedule_that_cannot_be_used_is_told_with_what_it_needs(wrong: object) -> None:
    with pytest.raises(ConfigError, match=r"`schedules`.* must be a list, each entry with `cron`"):
        RepoConfig.parse({"schedules": wrong})
