"""A campaign on a real database and its real queue: so many at once, so much money, and each part once.

Its runs are played here by what a run leaves in the store: money that is asked for and spent, and an end.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from app.adapters.store import PostgresStore, ProcrastinateQueue
from app.core.budget import Usage
from app.core.campaign import Campaign, Part, Stage
from app.core.errors import NotFound, Unavailable
from app.core.events import OrderGiven, StopRequested, WorkRequested
from app.core.forge import Permission, Reaction
from app.core.journal import ModelAnswered, ModelAsked, Opened
from app.core.orders import Order, RaiseBudget, Retry, ShowStatus, Stop, WrapUp
from app.core.requests import Door, Request, Wanted
from app.core.run import Run, Status
from app.core.store import Receipt
from app.core.task import Person, Place, Repository, Task
from app.engine.campaigns import Announcer, Conductor
from app.engine.dispatch import decide
from app.engine.requests import Opener, standing_of
from blueprints import BLUEPRINTS
from tests.contracts import conftest
from tests.engine.conftest import FakeGitHub
from tests.trackers import MemoryTracker, MemoryTrackers

pytest_generate_tests = conftest.pytest_generate_tests

HUB = Repository(id=5, full_name="octo/hub", installation_id=3)
ANN = Person(id=5, login="ann")
NAMES = [f"octo/r{number:02}" for number in range(1, 21)]


@dataclass
class Field:
    """Twenty repositories, people, and a campaign."""

    store: PostgresStore
    queue: ProcrastinateQueue
    github: FakeGitHub = field(default_factory=FakeGitHub)
    trackers: dict[str, MemoryTracker] = field(default_factory=dict)
    costs: dict[str, float] = field(default_factory=dict)
    """What a run takes in a repository, in US dollars, where it is not the usual."""
    failing: set[str] = field(default_factory=set)
    """Repositories in which runs fail."""
    hanging: set[str] = field(default_factory=set)
    """Repositories in which runs do not come to their end."""
    most_open: int = 0
    time: datetime = field(default_factory=lambda: datetime.now(UTC) - timedelta(minutes=1))
    said: int = 0
    asked_for_usd: float = 0.9
    away: int = 0
    """So many listings of repositories find GitHub away."""

    def __post_init__(self) -> None:
        self.trackers = {name: MemoryTracker({"ann": 5}) for name in ["octo/hub", *NAMES]}
        self.github.permissions["tim"] = Permission.READ

    async def repositories(self) -> AsyncIterator[Repository]:
        if self.away:
            self.away -= 1
            raise Unavailable("GitHub did not answer.")
        for name in self.trackers:
            yield await MemoryTrackers(self.trackers).find(name)

    @property
    def conductor(self) -> Conductor:
        return Conductor(
            self.store.campaigns(),
            self.store.requests(),
            MemoryTrackers(self.trackers),
            self,
            lambda _: self.github,
            lambda act, reason: self.store.accept(None, act, reason),
        )

    async def ask(self, body: str, *, login: str = "ann", number: int = 7, word: str = "one") -> Receipt:
        task = Task(
            repository=HUB,
            number=number,
            title="Use httpx",
            body=body,
            author=ANN,
            requester=Person(id=5 if login == "ann" else 6, login=login),
            asked_at=self.time,
        )
        decision = decide(WorkRequested(task=task, blueprint="migrate", intent=word), BLUEPRINTS)
        assert decision.act is not None
        return await self.store.accept(None, decision.act, decision.reason)

    async def tell(self, order: Order, *, login: str = "ann", word: str = "") -> Receipt:
        self.said += 1
        event = OrderGiven(
            repository=HUB,
            number=7,
            order=order,
            requester=Person(id=5 if login == "ann" else 6, login=login),
            place=Place(number=7, comment_id=100 + self.said),
            at=datetime.now(UTC),
            intent=word or f"told/{self.said}",
            task=Task(
                repository=HUB, number=7, title="x", body="", requester=ANN, asked_at=datetime.now(UTC), author=ANN
            ),
        )
        return await self.store.accept(None, event, "told")

    @property
    def opener(self) -> Opener:
        trackers = MemoryTrackers(self.trackers)
        return Opener(self.store.requests(), self.store.campaigns(), trackers, BLUEPRINTS, lambda: datetime.now(UTC))

    async def work(self) -> None:
        """Do all that can be done now."""
        for _ in range(60):
            before = await self.jobs()
            if not before:
                return
            await self.queue.work(
                self.advance,
                open_request=self.opener.open,
                look_after=self.conductor.look_after,
                concurrency=3,
                forever=False,
            )
        raise AssertionError("It does not come to rest.")

    async def jobs(self) -> int:
        query = text("SELECT count(*) FROM procrastinate_jobs WHERE status = 'todo' AND scheduled_at IS NULL")
        async with self.store._engine.connect() as connection:
            return int((await connection.execute(query)).scalar_one())

    async def advance(self, run_id: int, _revision: int | None) -> None:
        """Play a run to its end."""
        run = await self.store.load(run_id)
        if run.status.has_ended:
            return
        if run.status is Status.QUEUED:
            run = await self.store.admit(run)
        self.most_open = max(self.most_open, sum(one.is_open for one in await self.parts()))
        name = run.task.repository.full_name
        if await self.store.orders(run_id):
            await self.end(run, Status.STOPPED, error="Stopped.")
        elif name in self.hanging:
            return
        elif not await self.spend(run, self.costs.get(name, self.asked_for_usd)):
            await self.end(run, Status.FAILED, error="The budget of its campaign is used up.")
        elif name in self.failing:
            await self.end(run, Status.FAILED, error="It broke | with @everyone.")
        else:
            await self.end(run, Status.DONE, pull=run.task.number + 1)

    async def spend(self, run: Run, usd: float) -> bool:
        """One call of a model, if there is money for it."""
        held = await self.store.purse(run).reserve(usd)
        if not held.is_granted:
            return False
        journal = self.store.journal(run.id, 0)
        await journal.append(Opened(messages=(), model="some/model"))
        await journal.append(ModelAsked(turn=1, reserved_usd=usd))
        usage = Usage(turns=1, usd=usd)
        answer = ModelAnswered(turn=1, message={"role": "assistant"}, usage=usage, finish_reason="stop", seconds=1)
        await journal.append(answer)
        return True

    async def end(self, run: Run, status: Status, *, error: str = "", pull: int | None = None) -> None:
        ended = {"status": status, "error": error, "ended_at": datetime.now(UTC), "is_reported": True}
        trail = run.trail.model_copy(update={"pull_request_number": pull})
        await self.store.save(run.model_copy(update=ended | {"trail": trail}))

    async def campaign(self, campaign_id: int = 1) -> Campaign:
        return await self.store.campaigns().load(campaign_id)

    async def parts(self, campaign_id: int = 1) -> Sequence[Part]:
        return await self.store.campaigns().parts(campaign_id)

    async def comment(self, pause_s: float = 0) -> str:
        """What our comment says after one look."""
        await self.announcer(pause_s).look()
        return next(iter(self.github.comments.values()), "")

    def announcer(self, pause_s: float = 0) -> Announcer:
        return Announcer(
            self.store.campaigns(),
            lambda _: self.github,
            BLUEPRINTS,
            lambda key: f"https://minions.test/runs/{key}",
            pause_s=pause_s,
        )

    async def spent(self) -> float:
        async with self.store._engine.connect() as connection:
            return float((await connection.execute(text("SELECT coalesce(sum(usd), 0) FROM ledger"))).scalar_one())

    def issues(self) -> Mapping[str, int]:
        return {name: len(tracker.issues) for name, tracker in self.trackers.items() if tracker.issues}


@pytest.fixture
def land(store: PostgresStore, queue: ProcrastinateQueue) -> Field:
    """Nothing was asked for yet."""
    return Field(store, queue)


def listed(names: Sequence[str], more: str = "limit: 3\nbudget: $20") -> str:
    return "\n".join(["Do it.", "", "repositories:", *(f"- {name}" for name in names), "", more])


async def test_twenty_repositories_three_at_a_time_each_once(land: Field) -> None:
    await land.ask(listed(NAMES))
    await land.ask(listed(NAMES))
    await land.work()
    assert (await land.campaign()).stage is Stage.ENDED
    assert land.issues() == dict.fromkeys(NAMES, 1)
    assert all(part.has_result for part in await land.parts())
    assert land.most_open <= 3
    assert await land.spent() == pytest.approx(18.0)
    assert (7, None, Reaction.EYES) in land.github.reactions
    comment = await land.comment()
    assert "**✅ 20 of 20 parts done** · a campaign, asked by `ann`" in comment
    assert "$18.00 of $20.00 spent, at most 3 at once." in comment
    assert "| `octo/r07` | octo/r07#1 · [run " in comment
    assert "| octo/r07#2 | ✅ waits for review | $0.90 |" in comment


async def test_a_part_is_an_issue_of_its_own_with_the_words_of_the_campaign(land: Field) -> None:
    await land.ask(listed(["octo/r01"], "parts: src/a tests/a, src/b\nlimit: 1\nbudget: $5\ngone: `requests`"))
    await land.work()
    (_, title, body), (_, other, _) = land.trackers["octo/r01"].issues
    assert (title, other) == ("Use httpx (src/a tests/a)", "Use httpx (src/b)")
    assert "Do it." in body
    assert "gone: `requests`\n\nwithin: src/a, tests/a" in body
    assert "Part of the campaign octo/hub#7, asked for by `ann`." in body
    assert "repositories:" not in body
    run = await land.store.load(1)
    assert (run.task.campaign, run.blueprint, run.task.author) == (1, "migrate", ANN)


async def test_the_money_is_never_exceeded_and_the_rest_waits_for_more(land: Field) -> None:
    """An equal share is 0.31, a run wants 0.9: the purse holds, whatever was set aside."""
    few = NAMES[:8]
    await land.ask(listed(few, "limit: 3\nbudget: $2.50"))
    await land.work()
    assert await land.spent() == pytest.approx(1.8)
    assert sum(part.has_result for part in await land.parts()) == 2
    assert sum(part.is_waiting for part in await land.parts()) >= 5
    assert (await land.campaign()).stage is Stage.ENDED
    assert "The rest of the budget is too little for another part" in await land.comment()
    await land.tell(RaiseBudget(usd=20), word="more")
    await land.tell(RaiseBudget(usd=20), word="more")
    await land.tell(Retry())
    await land.work()
    assert (await land.campaign()).budget_usd == 22.5
    assert all(part.has_result for part in await land.parts())
    assert await land.spent() == pytest.approx(7.2)
    assert land.most_open <= 3
    assert land.issues() == dict.fromkeys(few, 1)


async def test_what_failed_is_begun_again_on_its_own_issue_and_nothing_else_is(land: Field) -> None:
    land.failing = {"octo/r02"}
    land.trackers.pop("octo/r03")
    land.trackers["octo/r04"].writers.clear()
    await land.ask(listed(NAMES[:5]))
    await land.work()
    comment = await land.comment()
    assert "**⚠️ 2 of 5 parts done, 3 without a result**" in comment
    assert "| ❌ It broke ¦ with `@everyone`. |" in comment
    assert "❌ The App is not installed on octo/r03" in comment
    assert "❌ ann may not ask for work in octo/r04" in comment
    land.failing.clear()
    land.trackers["octo/r03"] = MemoryTracker({"ann": 5})
    await land.tell(Retry())
    await land.work()
    assert [part.has_result for part in await land.parts()] == [True, True, True, False, True]
    assert land.issues() == dict.fromkeys([NAMES[0], NAMES[1], NAMES[2], NAMES[4]], 1)
    assert (7, 101, Reaction.YES) in land.github.reactions
    assert "| $1.80 |" in await land.comment()


async def test_stopped_it_ends_what_is_at_work_and_begins_nothing_more(land: Field) -> None:
    land.hanging = set(NAMES)
    await land.ask(listed(NAMES[:8]))
    await land.work()
    assert sum(part.is_open for part in await land.parts()) == 3
    assert "🏃 Prepare the work tree" in await land.comment()
    await land.tell(Stop(), word="enough")
    await land.tell(Stop(), word="enough")
    await land.work()
    parts = await land.parts()
    assert [part.is_stopped for part in parts] == [False] * 3 + [True] * 5
    assert [part.run and part.run.status for part in parts[:3]] == [Status.STOPPED] * 3
    assert (await land.campaign()).stage is Stage.ENDED
    assert "⏹️ stopped before it began" in await land.comment()
    land.hanging.clear()
    await land.tell(Retry())
    await land.work()
    assert all(part.has_result for part in await land.parts())


async def test_closing_its_issue_stops_it(land: Field) -> None:
    land.hanging = set(NAMES)
    await land.ask(listed(NAMES))
    await land.work()
    gone = StopRequested(repository=HUB, number=7, requester=ANN, at=datetime.now(UTC), intent="closed")
    await land.store.accept(None, gone, "closed")
    await land.work()
    assert (await land.campaign()).stage is Stage.ENDED


async def test_who_may_only_read_can_neither_begin_nor_tell_anything(land: Field) -> None:
    await land.ask(listed(NAMES), login="tim")
    await land.work()
    assert (await land.campaign()).stage is Stage.REFUSED
    assert land.github.reactions == {(7, None, Reaction.NO)}
    assert (await land.comment(), land.issues()) == ("", {})
    land.hanging = set(NAMES)
    await land.ask(listed(NAMES), word="two")
    await land.work()
    await land.tell(Stop(), login="tim")
    await land.work()
    assert sum(part.is_open for part in await land.parts(2)) == 3
    assert (7, 101, Reaction.NO) in land.github.reactions


async def test_a_star_means_what_who_asks_may_write_in(land: Field) -> None:
    land.trackers["octo/r03"].writers.clear()
    land.trackers["evil/r01"] = MemoryTracker({"ann": 5})
    land.away = 1
    await land.ask(listed(["octo/r0?", "OCTO/R01"]))
    await land.work()
    while (await land.campaign()).stage is Stage.ASKED:  # the job is tried again after a second
        await land.conductor.look_after(1)
    await land.work()
    assert [part.spot.full_name for part in await land.parts()] == [name for name in NAMES[:9] if name != NAMES[2]]


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (
            listed(NAMES, "limit: 3"),
            "It is not said what the campaign may cost. Add a line such as `budget: $20`.",
        ),
        (listed(["octo/nothing-*"]), "There is no repository `octo/nothing-*` that this App is installed on"),
        (listed([*NAMES, "@everyone"]), "`@everyone` is no repository"),
    ],
)
async def test_what_cannot_begin_is_told_with_what_to_do(land: Field, body: str, told: str) -> None:
    await land.ask(body)
    await land.work()
    comment = await land.comment()
    assert "**Not started.**" in comment
    assert told in comment
    assert land.issues() == {}


async def test_asked_for_twice_it_says_how_it_stands(land: Field) -> None:
    land.hanging = set(NAMES)
    await land.ask(listed(NAMES))
    await land.work()
    await land.ask(listed(NAMES), word="two")
    await land.tell(ShowStatus())
    await land.tell(WrapUp())
    await land.work()
    answers = [one for one in land.github.comments.values() if "order=" in one]
    assert sum("**🏃 0 of 20 parts done, 3 at work, 17 waiting**" in one for one in answers) == 2
    assert sum("A campaign cannot be told that." in one for one in answers) == 1


async def test_its_comment_is_edited_only_on_change_and_not_too_often(land: Field) -> None:
    land.hanging = set(NAMES)
    await land.ask(listed(NAMES))
    await land.work()
    first = await land.comment(10)
    land.github.comments.clear()
    assert await land.comment(0) == ""  # nothing changed
    await land.tell(Stop())
    await land.work()
    assert await land.comment(10) == ""  # changed, and too early
    assert await land.comment(0) != first


async def test_one_announcer_at_a_time(land: Field) -> None:
    await land.ask(listed(NAMES[:2]))
    await land.work()
    async with land.store.campaigns().turn() as is_ours:
        assert is_ours
        assert await land.comment() == ""
    assert await land.comment() != ""


async def test_ten_looks_at_once_begin_three_parts(land: Field) -> None:
    land.hanging = set(NAMES)
    await land.ask(listed(NAMES))
    campaigns = land.store.campaigns()
    await land.conductor.look_after(1)
    await asyncio.gather(*(campaigns.fill(1) for _ in range(10)))
    assert sum(part.is_open for part in await land.parts()) == 3


def wanted(door: Door, body: str) -> Wanted:
    """A campaign that is asked for elsewhere."""
    return Wanted(door=door, full_name="octo/hub", title="Use httpx", body=body, blueprint="migrate", login="ann")


@pytest.mark.parametrize(
    ("door", "body", "where"),
    [
        ("api", listed(NAMES[:4]), NAMES[:4]),
        ("slack", listed(NAMES[:2]), NAMES[:2]),
        ("schedule", "parts: src/a, src/b\nrepositories: octo/hub\nbudget: $5", ["octo/hub", "octo/hub"]),
    ],
)
async def test_asked_for_elsewhere_it_begins_once_at_an_issue_that_is_its_record(
    land: Field, door: Door, body: str, where: Sequence[str]
) -> None:
    """The answer to opening the issue gets lost, the job comes again, and the same is asked for once more."""
    land.github.open_issues.add(1)
    land.trackers["octo/hub"].trouble = [Unavailable("GitHub did not answer.")]
    request = await land.store.requests().take("one", wanted(door, body))
    with pytest.raises(Unavailable):
        await land.opener.open(request.id)
    await asyncio.gather(*(land.opener.open(request.id) for _ in range(3)))
    assert (await land.store.requests().take("one", wanted(door, body))).id == request.id
    assert not await land.store.requests().refuse(request, "ann stopped it before it began.")
    await land.work()
    await land.opener.open(request.id)
    standing = await standing_of(request, land.store.campaigns())
    assert standing is not None
    assert (standing.campaign.id, standing.status, standing.has_ended) == (1, Status.DONE, True)
    assert [part.spot.full_name for part in standing.parts] == where
    task = standing.campaign.task
    assert (task.repository.full_name, task.number, task.requester) == ("octo/hub", 1, ANN)
    marked = [issue for issue in land.trackers["octo/hub"].issues if "Asked for by `ann`" in issue[2]]
    assert [title for _, title, _ in marked] == ["Use httpx"]
    assert f"{len(where)} of {len(where)} parts done" in await land.comment()


async def test_who_asked_elsewhere_stops_it_as_its_issue_would(land: Field) -> None:
    land.github.open_issues.add(1)
    land.hanging = set(NAMES)
    request = await land.store.requests().take("one", wanted("api", listed(NAMES[:5])))
    await land.work()
    for _ in range(2):
        await land.store.campaigns().give(1, "stop", Stop(), ANN)
    await land.work()
    standing = await standing_of(request, land.store.campaigns())
    assert standing is not None
    assert standing.status is Status.STOPPED
    assert not any(part.is_open or part.is_waiting for part in standing.parts)


async def test_a_label_that_was_quicker_has_the_campaign_of_the_issue(land: Field) -> None:
    """Somebody labels the issue in the moment between its opening and the beginning of its campaign."""
    request = await land.store.requests().take("one", wanted("api", listed(NAMES[:5])))
    await land.ask(listed(NAMES[:5]), number=1)
    await land.opener.open(request.id)
    assert "A campaign is at work on its issue already" in (await reloaded(land, request)).error
    with pytest.raises(NotFound):
        await land.campaign(2)


async def reloaded(land: Field, request: Request) -> Request:
    return await land.store.requests().load(request.id)
