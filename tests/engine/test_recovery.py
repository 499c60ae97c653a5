"""What did not arrive is asked for again: once, patiently, by one worker at a time, and not for ever."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from app.adapters.store import PostgresStore
from app.core.blueprint import Wait
from app.core.errors import Denied, ForgeError, NotFound, RateLimited, Unavailable
from app.core.events import InstallationChanged, StopRequested, WorkRequested
from app.core.history import Attempt, Doubtful
from app.core.run import Run, Status
from app.core.store import Delivery
from app.core.task import Person, Repository, Task
from app.core.vitals import Look
from app.engine.dispatch import decide
from app.engine.recovery import Recovery
from blueprints import BLUEPRINTS

pytestmark = pytest.mark.faults

HERE = Repository(id=5, full_name="octo/cat", installation_id=3)
ANN = Person(id=1, login="ann")
NOON = datetime(2026, 1, 9, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def asked(at: datetime, number: int = 7) -> WorkRequested:
    """The label, set by ann."""
    task = Task(repository=HERE, number=number, title="Broken", body="It is.", requester=ANN, asked_at=at)
    return WorkRequested(task=task, blueprint="fix", intent=f"label/5/{number}/minion/{at.isoformat()}")


@dataclass
class Memory:
    """Implements `History`: a GitHub that remembers. `answer` is what we say to attempts that it makes."""

    now: datetime = NOON
    attempts: list[Attempt] = field(default_factory=list)
    labels: list[WorkRequested] = field(default_factory=list)
    unwanted: dict[int, StopRequested] = field(default_factory=dict)
    faults: list[ForgeError] = field(default_factory=list)
    answer: int = 0
    times_asked: int = 0
    changes: list[tuple[int, datetime]] = field(default_factory=list)
    """What may not be wanted any more, by number, and when it came to that."""
    glances: list[tuple[int, datetime]] = field(default_factory=list)
    looked_up: list[int] = field(default_factory=list)

    def happened(
        self,
        guid: str,
        *,
        at: datetime,
        event: str = "issues.labeled",
        repeat: bool = False,
        is_hint: bool = False,
    ) -> None:
        """Something that GitHub tells us, or tries to."""
        self.attempts.append(
            Attempt(
                id=len(self.attempts) + 1,
                guid=guid,
                at=at,
                arrived=200 <= self.answer < 400,
                is_repeat=repeat,
                answer=self.answer,
                event=event,
                repository_id=HERE.id,
                is_label=event == "issues.labeled",
                is_urgent=not event.startswith("check"),
                is_hint=is_hint,
            )
        )

    @property
    def repeats(self) -> list[str]:
        """Guids that were asked for again, in order."""
        return [one.guid for one in self.attempts if one.is_repeat]

    def _known(self, since: datetime, *, arrived: bool) -> Sequence[Attempt]:
        self.times_asked += 1
        if self.faults:
            raise self.faults.pop(0)
        oldest = max(since, self.now - 3 * DAY)
        return [one for one in reversed(self.attempts) if one.arrived == arrived and one.at >= oldest]

    def seen(self) -> Look:
        return Look(clock_off_s=12, calls_left=0.5)

    async def failed(self, since: datetime) -> Sequence[Attempt]:
        return self._known(since, arrived=False)

    async def arrived(self, since: datetime) -> Sequence[Attempt]:
        return self._known(since, arrived=True)

    async def deliver_again(self, attempt: Attempt) -> None:
        if self.faults:
            raise self.faults.pop(0)
        self.happened(attempt.guid, at=self.now, event=attempt.event, repeat=True)

    async def labelled(self, since: datetime | None) -> AsyncIterator[WorkRequested]:
        for request in self.labels:
            if since is None or request.task.asked_at >= since:
                yield request

    async def doubtful(self, repository: Repository, since: datetime) -> Doubtful:
        """The changes are those that a test says, each until it was glanced at."""
        self.glances.append((repository.id, since))
        return Doubtful(numbers=[number for number, at in self.changes if at >= since], until=self.now)

    async def withdrawn(self, run: Run) -> StopRequested | None:
        if self.faults:
            raise self.faults.pop(0)
        self.looked_up.append(run.task.number)
        return self.unwanted.get(run.task.number)

    async def called_off(self, task: Task) -> StopRequested | None:
        return self.unwanted.get(task.number)


@dataclass
class Scene:
    """Workers of one App before that GitHub."""

    store: PostgresStore
    memory: Memory = field(default_factory=Memory)

    def worker(self, at_once: int = 100) -> Recovery:
        """One that was just started."""
        logbook = self.store.logbook("1")
        return Recovery(
            *(self.store, logbook, self.memory, {}),
            campaigns=self.store.campaigns(),
            now=lambda: self.memory.now,
            at_once=at_once,
        )

    async def runs(self) -> list[Run]:
        return [await self.store.load(run_id) for run_id in await self.store.unfinished()]

    async def looked(self, ago: timedelta) -> None:
        """The last look was so long ago."""
        logbook = self.store.logbook("1")
        await logbook.note(self.memory.now - ago, last=await logbook.looked_at())

    async def take(self, request: WorkRequested, guid: str) -> int:
        """The delivery of a label arrives."""
        decision = decide(request, {})
        assert decision.act is not None
        delivery = Delivery(app_id="1", guid=guid, event="issues", action="labeled")
        run_id = (await self.store.accept(delivery, decision.act, "why")).run_id
        assert run_id is not None
        return run_id


@pytest.fixture
def scene(store: PostgresStore) -> Scene:
    return Scene(store)


async def test_f11_what_failed_is_asked_for_again_and_what_arrived_is_not(scene: Scene) -> None:
    memory = scene.memory
    for guid in ("lost", "later taken", "stored, but the answer was lost"):
        memory.happened(guid, at=NOON - DAY / 2)
    memory.answer = 202
    memory.happened("later taken", at=NOON - DAY / 4, repeat=True)
    memory.happened("fine", at=NOON - DAY / 4)
    await scene.take(asked(NOON - DAY / 2), "stored, but the answer was lost")
    assert await scene.worker().look()
    assert memory.repeats == ["later taken", "lost"]
    memory.now += timedelta(minutes=5)
    assert not await scene.worker().look()
    assert memory.repeats == ["later taken", "lost"]


async def test_f11_repeats_come_later_and_later_and_end_with_one_sentence(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    memory, worker = scene.memory, scene.worker()
    memory.answer = 503
    memory.happened("lost", at=NOON)
    minutes = []
    for minute in range(240):
        memory.now = NOON + timedelta(minutes=minute)
        before = len(memory.repeats)
        await worker.look()
        minutes += [minute] * (len(memory.repeats) - before)
    assert minutes == [0, 1, 3, 11, 43]
    (told,) = [one.message for one in caplog.records if "in vain" in one.message]
    assert "issues.labeled lost in vain 6 times; our last answer was 503" in told


async def test_f11_people_come_first_and_the_rest_with_the_next_look(scene: Scene) -> None:
    memory, worker = scene.memory, scene.worker()
    for number in range(400):
        memory.happened(f"check {number}", at=NOON - DAY, event="check_run.created")
    memory.happened("issue", at=NOON - DAY / 2)
    memory.answer = 202
    assert await worker.look()
    assert (memory.repeats[0], len(memory.repeats)) == ("issue", 300)
    await worker.look()
    assert sorted(set(memory.repeats)) == sorted(memory.repeats)
    assert len(memory.repeats) == 401


async def test_f38_a_look_that_was_broken_off_is_made_anew(scene: Scene) -> None:
    memory = scene.memory
    memory.happened("lost", at=NOON - 2 * DAY)
    await scene.looked(DAY * 2.2)
    for fault in (RateLimited("Slowly.", retry_after_s=9), Unavailable("Away.")):
        memory.faults = [fault]
        with pytest.raises(type(fault)):
            await scene.worker().look()
        assert await scene.store.logbook("1").looked_at() == NOON - DAY * 2.2
    await scene.worker().look()
    assert memory.repeats == ["lost"]
    assert await scene.store.logbook("1").looked_at() == NOON


async def test_a_delivery_that_cannot_be_repeated_holds_up_no_other(scene: Scene) -> None:
    memory = scene.memory
    memory.happened("forgotten", at=NOON - 2 * DAY)
    memory.happened("lost", at=NOON - DAY)
    await scene.looked(DAY * 2.2)
    assert await memory.failed(NOON - 3 * DAY)

    class Forgetful(Memory):
        async def deliver_again(self, attempt: Attempt) -> None:
            if attempt.guid == "forgotten":
                raise NotFound("GitHub shows nothing there.")
            await super().deliver_again(attempt)

    scene.memory = Forgetful(attempts=memory.attempts)
    await scene.worker().look()
    assert scene.memory.repeats == ["lost"]


async def test_a_look_notes_how_things_stand_with_github(scene: Scene) -> None:
    scene.memory.happened("guid-0001", at=NOON - timedelta(minutes=1))
    await scene.worker().look()
    vitals = await scene.store.vitals()
    assert (vitals.undelivered, vitals.clock_off_s, vitals.calls_left) == (1, 12, 0.5)


async def test_one_worker_looks_at_a_time_and_none_right_after_another(scene: Scene) -> None:
    first, second = scene.worker(), scene.worker()
    async with scene.store.logbook("1").turn() as ours, scene.store.logbook("2").turn() as of_another_app:
        assert (ours, of_another_app) == (True, True)
        assert not await first.look()
        assert scene.memory.times_asked == 0
    await asyncio.gather(first.look(), second.look())
    await first.look()
    await second.look()  # each looks at its own start
    asked_before = scene.memory.times_asked
    scene.memory.now += timedelta(seconds=100)
    await first.look()
    await second.look()
    assert scene.memory.times_asked == asked_before
    scene.memory.now += timedelta(seconds=200)
    await first.look()
    assert scene.memory.times_asked > asked_before


async def test_f12_after_a_long_time_away_labels_are_looked_for_and_each_starts_one_run(scene: Scene) -> None:
    scene.memory.labels = [asked(NOON - 4 * DAY, 7), asked(NOON - 4 * DAY, 8), asked(NOON - 9 * DAY, 9)]
    await scene.take(asked(NOON - 4 * DAY + timedelta(seconds=2), 8), "it arrived, and its time was another one")
    for _ in range(2):
        await scene.looked(5 * DAY)
        await scene.worker().look()
    assert sorted(run.task.number for run in await scene.runs()) == [7, 8]


async def test_f12_the_very_first_look_is_for_labels_too(scene: Scene) -> None:
    scene.memory.labels = [asked(NOON - 90 * DAY)]
    await scene.worker().look()
    assert [run.task.number for run in await scene.runs()] == [7]


async def test_f12_a_label_whose_delivery_github_still_has_is_not_taken_twice(scene: Scene) -> None:
    scene.memory.labels = [asked(NOON - 2 * DAY, 7)]
    scene.memory.happened("lost", at=NOON - 2 * DAY + timedelta(seconds=3))
    await scene.worker().look()
    assert scene.memory.repeats == ["lost"]
    assert await scene.runs() == []


async def test_after_a_short_time_away_nobody_looks_for_labels(scene: Scene) -> None:
    scene.memory.labels = [asked(NOON - DAY)]
    await scene.looked(2 * DAY)
    await scene.worker().look()
    assert await scene.runs() == []


async def test_f31_what_was_labelled_while_we_were_suspended_is_looked_for(scene: Scene) -> None:
    worker = scene.worker()
    await worker.look()
    scene.memory.labels = [asked(NOON - DAY)]
    scene.memory.now += timedelta(minutes=5)
    await worker.look()
    assert await scene.runs() == []
    delivery = Delivery(app_id="1", guid="back again", event="installation", action="unsuspend")
    back = InstallationChanged(installation_id=3, account="octo", change="unsuspended", at=NOON)
    last = await scene.store.logbook("1").looked_at()
    await scene.store.accept(delivery, back, "why")
    await scene.store.logbook("1").note(scene.memory.now, last=last)  # a look that began before
    scene.memory.now += timedelta(minutes=5)
    await worker.look()
    assert [run.task.number for run in await scene.runs()] == [7]


def stop(requester: Person | None, number: int = 7) -> StopRequested:
    return StopRequested(repository=HERE, number=number, requester=requester, at=NOON, intent=f"closed/5/{number}")


async def stops(scene: Scene, run_id: int) -> list[Any]:
    return [one.requester for one in await scene.store.orders(run_id)]


async def test_f25_a_run_that_nobody_wants_any_more_is_stopped_once(scene: Scene) -> None:
    run_id, other = await scene.take(asked(NOON - DAY), "1"), await scene.take(asked(NOON - DAY, 8), "2")
    scene.memory.unwanted = {7: stop(ANN)}
    await scene.worker().look()
    await scene.worker().look()
    assert (await stops(scene, run_id), await stops(scene, other)) == ([ANN], [])


async def test_f25_what_is_not_found_is_looked_for_twice(scene: Scene) -> None:
    run_id, worker = await scene.take(asked(NOON - DAY), "1"), scene.worker()
    scene.memory.unwanted = {7: stop(None)}
    assert await worker.look()
    scene.memory.unwanted = {}
    assert not await worker.look()
    scene.memory.unwanted = {7: stop(None)}
    scene.memory.now += timedelta(minutes=5)
    assert await worker.look()
    assert await stops(scene, run_id) == []
    assert not await worker.look()
    assert await stops(scene, run_id) == [None]


async def campaign(scene: Scene, number: int = 7) -> int:
    """One that ann asked for, with nothing at work yet; answers with its id."""
    body = "Use httpx.\n\nrepositories: octo/cat, octo/dog\nbudget: $20"
    request = asked(NOON - DAY, number)
    task = request.task.model_copy(update={"body": body})
    decision = decide(request.model_copy(update={"task": task, "blueprint": "migrate"}), BLUEPRINTS)
    assert decision.act is not None
    await scene.store.accept(None, decision.act, decision.reason)
    return max(one.id for one in await scene.store.campaigns().unfinished())


async def told(scene: Scene, campaign_id: int) -> list[Any]:
    return [(one.order.kind, one.requester) for one in await scene.store.campaigns().orders(campaign_id)]


async def test_f25_a_campaign_whose_issue_was_closed_unheard_is_stopped_once(scene: Scene) -> None:
    closed, other = await campaign(scene, 7), await campaign(scene, 8)
    scene.memory.unwanted = {7: stop(ANN)}
    for _ in range(2):
        await scene.looked(5 * DAY)
        await scene.worker().look()
    assert (await told(scene, closed), await told(scene, other)) == ([("stop", ANN)], [])


async def test_f25_a_campaign_whose_issue_is_not_found_is_looked_for_twice(scene: Scene) -> None:
    lost, worker = await campaign(scene), scene.worker()
    scene.memory.unwanted = {7: stop(None)}
    assert await worker.look()
    assert await told(scene, lost) == []
    await worker.look()
    assert await told(scene, lost) == [("stop", None)]


async def test_f31_a_run_of_which_github_says_nothing_holds_up_no_other(scene: Scene) -> None:
    await scene.take(asked(NOON - DAY), "1")
    other = await scene.take(asked(NOON - DAY, 8), "2")
    scene.memory.unwanted = {8: stop(ANN, 8)}

    class Half(Memory):
        async def withdrawn(self, run: Run) -> StopRequested | None:
            if run.task.number == 7:
                raise Denied("GitHub does not allow us to look.")
            return await super().withdrawn(run)

    scene.memory = Half(unwanted=scene.memory.unwanted)
    await scene.worker().look()
    assert await stops(scene, other) == [ANN]


async def test_of_thousands_of_runs_each_has_its_turn(scene: Scene) -> None:
    numbers = range(1, 8)
    for number in numbers:
        await scene.take(asked(NOON - DAY, number), str(number))
    looked: list[list[int]] = []

    class Counting(Memory):
        async def withdrawn(self, run: Run) -> StopRequested | None:
            looked[-1].append(run.task.number)
            return stop(None, 2) if run.task.number == 2 else None

    scene.memory = Counting()
    worker = scene.worker(at_once=3)
    for _ in range(3):
        looked.append([])
        await worker.look()
        scene.memory.now += timedelta(minutes=5)
    assert looked == [[1, 2, 3], [4, 5, 6, 2], [7, 1, 2]]  # of 2 something was missing: it is looked for once more


async def test_one_glance_at_a_repository_finds_which_of_many_runs_to_look_up(scene: Scene) -> None:
    for number in range(1, 31):
        await scene.take(asked(NOON - DAY, number), str(number))
    closed = (await scene.store.unfinished())[24]
    scene.memory.changes = [(25, NOON - DAY / 2), (99, NOON - DAY / 2)]
    scene.memory.unwanted = {25: stop(ANN, 25)}
    await scene.worker(at_once=2).look()
    assert await stops(scene, closed) == [ANN]
    assert (len(scene.memory.glances), scene.memory.looked_up) == (1, [25, 1, 2])


async def test_a_glance_begins_where_the_last_one_ended_or_the_first_run_was_asked_for(scene: Scene) -> None:
    await scene.take(asked(NOON - DAY), "1")
    worker = scene.worker()
    await worker.look()
    scene.memory.now += timedelta(minutes=5)
    await worker.look()
    await scene.worker().look()  # another one knows nothing of that, but of how far all was looked after
    minute, last = timedelta(minutes=1), NOON + timedelta(minutes=5)
    assert [since for _, since in scene.memory.glances] == [
        NOON - DAY - minute,
        NOON,
        last - 2 * timedelta(hours=1) - minute,
    ]


async def test_f31_a_repository_that_shows_nothing_holds_up_no_other(scene: Scene) -> None:
    there = HERE.model_copy(update={"id": 4, "full_name": "octo/gone"})
    elsewhere = asked(NOON - DAY).model_copy(update={"task": asked(NOON).task.model_copy(update={"repository": there})})
    await scene.take(elsewhere.model_copy(update={"intent": "elsewhere"}), "1")
    run_id = await scene.take(asked(NOON - DAY, 8), "2")

    class Half(Memory):
        async def doubtful(self, repository: Repository, since: datetime) -> Doubtful:
            if repository.id == there.id:
                raise NotFound("GitHub shows nothing there.")
            return await super().doubtful(repository, since)

    scene.memory = Half(changes=[(8, NOON)], unwanted={8: stop(ANN, 8)})
    await scene.worker(at_once=1).look()
    assert await stops(scene, run_id) == [ANN]


async def test_a_run_that_has_ended_is_not_asked_about(scene: Scene) -> None:
    run = await scene.store.load(await scene.take(asked(NOON - DAY), "1"))
    await scene.store.save(run.model_copy(update={"status": Status.FAILED, "ended_at": NOON}))
    scene.memory.unwanted = {7: stop(None)}
    assert not await scene.worker().look()


async def test_a_run_that_is_parked_for_long_looks_for_itself(scene: Any, store: PostgresStore) -> None:
    """What it waits for may have come while we were away: such events are not delivered again."""
    run_id = await scene.take(asked(NOON), "one")
    run = await store.load(run_id)
    wait = Wait(what="the checks", deadline=datetime(2100, 1, 1, tzinfo=UTC))
    await store.save(run.model_copy(update={"status": Status.WAITING, "wait": wait}))
    advance = "SELECT count(*) FROM procrastinate_jobs WHERE args ->> 'run_id' = :run_id"
    jobs: list[int] = []
    for minutes in (5, 15):
        async with store._engine.begin() as connection:
            moved = {"minutes": minutes, "run_id": run_id}
            await connection.execute(
                text("UPDATE runs SET parked_at = now() - make_interval(mins => :minutes) WHERE id = :run_id"), moved
            )
        scene.memory.now += timedelta(minutes=10)
        await scene.worker().look()
        async with store._engine.connect() as connection:
            jobs.append((await connection.execute(text(advance), {"run_id": str(run_id)})).scalar_one())
    assert jobs == [1, 2]


async def test_few_parked_runs_look_again_unless_github_could_not_tell_us_of_checks(scene: Scene) -> None:
    wait = Wait(what="the checks", deadline=datetime(2100, 1, 1, tzinfo=UTC))
    for number in range(1, 9):
        run = await scene.store.load(await scene.take(asked(NOON, number), str(number)))
        await scene.store.save(run.model_copy(update={"status": Status.WAITING, "wait": wait}))
    looking = "SELECT count(*) FROM procrastinate_jobs WHERE priority = 0"
    found = []
    for is_lost in (False, True):
        if is_lost:
            scene.memory.happened("a check", at=NOON, event="check_run.completed", is_hint=True)
        async with scene.store._engine.begin() as connection:
            await connection.execute(text("DELETE FROM procrastinate_jobs"))
            await connection.execute(text("UPDATE runs SET parked_at = now() - interval '15 min'"))
        assert not await scene.worker().look()
        async with scene.store._engine.connect() as connection:
            found.append((await connection.execute(text(looking))).scalar_one())
    assert (found, scene.memory.repeats) == ([5, 8], [])
