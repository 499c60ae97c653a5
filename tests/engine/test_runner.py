import asyncio
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest

from app.adapters.store import PostgresStore, ProcrastinateQueue, opened
from app.core.blueprint import State, Wait, step
from app.core.errors import ModelUnavailable, RateLimited, RepositoryError, SandboxError, Unavailable
from app.core.forge import Permission, Reaction
from app.core.journal import Journal
from app.core.places import Limits, MostOpen
from app.core.run import Run, Status
from app.core.shift import HandedOver, Shift
from app.core.store import Recorded, Store, StoreDown
from app.core.world import World
from tests.engine.conftest import BAKERY, bake, knead, serve_bread


@pytest.fixture
async def limited(bakery: Any, database_url: str, queue: ProcrastinateQueue) -> AsyncIterator[Any]:
    """A bakery in which one run at a time is at work."""
    async with opened(database_url, queue, Limits(installation=1)) as store:
        bakery.store = store
        yield bakery


def nodes(run: Run) -> list[str]:
    return [f"{visit.node}: {visit.outcome or 'done'}" for visit in run.visits]


async def test_a_run_is_announced_walked_and_told_to_its_end(bakery: Any, store: PostgresStore) -> None:
    run_id = await bakery.ask()
    await bakery.runner().advance(run_id)
    run = await store.load(run_id)
    assert nodes(run) == ["knead: smooth", "bake: burnt", "knead: smooth", "bake: crisp", "serve_bread: done"]
    assert (run.status, run.is_reported, run.error) == (Status.DONE, True, "")
    github = bakery.github
    assert github.reactions == {(7, None, Reaction.EYES), (7, None, Reaction.ROCKET)}
    assert list(github.branches) == list(github.pulls) == [run.trail.branch]
    assert [text for text in github.comments.values() if "#99" in text] == list(github.comments.values())
    assert bakery.workspace.removed == 1
    assert await store.patch(run_id) == b"2"


async def test_each_visit_and_the_end_are_traced_once(bakery: Any, store: PostgresStore) -> None:
    traced: list[str] = []

    class Traced:
        def visited(self, run: Run, records: Sequence[Recorded]) -> None:
            assert {record.visit for record in records} <= {len(run.visits) - 1}
            traced.append(run.visits[-1].node)

        def ended(self, run: Run) -> None:
            traced.append(run.status)

    run_id = await bakery.ask()
    await bakery.runner(tracer=Traced()).advance(run_id)
    assert traced == [visit.node for visit in (await store.load(run_id)).visits] + [Status.DONE]


async def test_the_check_run_moves_on_with_the_branch(bakery: Any) -> None:
    await bakery.runner().advance(await bakery.ask())
    first, second = bakery.github.checks.values()
    assert (first[1].status, first[1].conclusion) == ("completed", "neutral")
    assert first[0] == "Minion at work on #7 [skip ci] on base"
    assert (second[1].status, second[1].conclusion) == ("completed", "success")
    assert "Knead the dough" in second[1].summary


async def test_a_run_without_a_result_says_why(bakery: Any, store: PostgresStore) -> None:
    run_id = await bakery.ask()
    run = await store.load(run_id)
    await store.save(run.model_copy(update={"trail": run.trail.model_copy(update={"base_sha": "x", "branch": "b"})}))
    bakery.blueprints["bake"].node("bake")
    bakery.github.branches["guests"] = "nobody"
    started = await store.load(run_id)
    await store.save(
        started.model_copy(
            update={
                "status": Status.RUNNING,
                "state": {"task": run.task.model_dump(mode="json"), "doughs": 5, "branch": "b"},
                "trail": started.trail.model_copy(update={"head_sha": "h"}),
            }
        )
    )
    await bakery.runner().advance(run_id)
    run = await store.load(run_id)
    assert nodes(run)[-2:] == ["knead: exhausted", "buy: done"]
    assert (run.status, run.error) == (Status.DONE, "8 doughs were burnt.")
    assert "8 doughs were burnt." in next(iter(bakery.github.comments.values()))
    assert (7, None, Reaction.CONFUSED) in bakery.github.reactions


@pytest.mark.faults
@pytest.mark.parametrize("permission", [Permission.NONE, Permission.READ])
async def test_f16_f22_who_may_not_write_gets_no_run_and_no_words(
    bakery: Any, store: PostgresStore, permission: Permission
) -> None:
    bakery.github.permissions["mallory"] = permission
    run_id = await bakery.ask(login="mallory")
    await bakery.runner().advance(run_id)
    run = await store.load(run_id)
    assert (run.status, run.is_reported, run.visits) == (Status.REFUSED, True, ())
    github = bakery.github
    assert github.reactions == {(7, None, Reaction.NO)}
    assert (github.comments, github.branches, github.checks, github.pulls) == ({}, {}, {}, {})


async def test_a_stranger_does_not_stand_in_anybodys_way(bakery: Any, store: PostgresStore) -> None:
    """The stranger asks first and is looked up last: the run of who may ask starts all the same."""
    strangers = await bakery.ask(login="mallory")
    anns = await bakery.ask(login="ann")
    for run_id in (anns, strangers):
        await bakery.runner().advance(run_id)
    assert (await store.load(anns)).status is Status.DONE
    assert (await store.load(strangers)).status is Status.REFUSED


@pytest.mark.faults
async def test_f26_a_second_request_for_the_same_issue_is_told_about_the_first(
    bakery: Any, store: PostgresStore
) -> None:
    bakery.github.branches["guests"] = "late"
    first, second = await bakery.ask(), await bakery.ask()
    await bakery.runner().advance(first)
    await bakery.runner().advance(second)
    assert (await store.load(first)).status is Status.WAITING
    refused = await store.load(second)
    assert (refused.status, f"Run {first} is at work" in refused.error) == (Status.REFUSED, True)
    assert any("Not started" in text for text in bakery.github.comments.values())


async def test_a_closed_issue_and_an_unknown_blueprint_are_refused_with_a_sentence(
    bakery: Any, store: PostgresStore
) -> None:
    bakery.github.open_issues = {8}
    closed = await bakery.ask(number=7)
    unknown = await bakery.ask(number=8, blueprint="bakr")
    for run_id in (closed, unknown):
        await bakery.runner().advance(run_id)
    assert "is closed" in (await store.load(closed)).error
    run = await store.load(unknown)
    assert "There is no blueprint `bakr`" in run.error
    assert "bake" in run.error
    assert list(bakery.github.branches) == []


async def test_a_parked_run_holds_nothing_and_goes_on_when_the_world_moved(bakery: Any, store: PostgresStore) -> None:
    bakery.github.branches["guests"] = "late"
    run_id = await bakery.ask()
    await bakery.runner().advance(run_id)
    parked = await store.load(run_id)
    assert (parked.status, parked.at, parked.wait and parked.wait.what) == (Status.WAITING, "bake", "the guests")
    bakery.github.branches["guests"] = "hungry"
    await bakery.runner().advance(run_id)
    run = await store.load(run_id)
    assert run.status is Status.DONE
    assert nodes(run) == ["knead: smooth", "bake: crisp", "serve_bread: done"]


async def test_a_job_for_later_does_nothing_once_the_run_moved_on(bakery: Any, store: PostgresStore) -> None:
    bakery.github.branches["guests"] = "late"
    run_id = await bakery.ask()
    await bakery.runner().advance(run_id)
    parked = await store.load(run_id)
    await bakery.runner().advance(run_id, parked.revision - 1)
    assert await store.load(run_id) == parked


async def test_trouble_that_may_pass_puts_the_run_off(bakery: Any, store: PostgresStore) -> None:
    run_id = await bakery.ask()
    bakery.github.faults = [Unavailable("GitHub does not answer."), RateLimited("Slow down.", retry_after_s=5_000)]
    await bakery.runner().advance(run_id)
    assert ((await store.load(run_id)).tries, (await store.load(run_id)).status) == (1, Status.QUEUED)
    await bakery.runner().advance(run_id)
    assert ((await store.load(run_id)).tries, (await store.load(run_id)).error) == (1, "Slow down."), (
        "a limit is no try"
    )
    await bakery.runner().advance(run_id)
    run = await store.load(run_id)
    assert (run.status, run.tries) == (Status.DONE, 0)


async def test_what_is_in_the_way_is_told_until_it_is_gone(bakery: Any, store: PostgresStore) -> None:
    async def away(*_: Any) -> World:
        raise ModelUnavailable("The model bread/1 cannot be reached.")

    run_id = await bakery.ask()
    await replace(bakery.runner(), open_world=away).advance(run_id)
    (comment,) = bakery.github.comments.values()
    ((_, check),) = bakery.github.checks.values()
    assert "The model bread/1 cannot be reached. Tried 1 time so far" in comment
    assert "The model bread/1 cannot be reached. Tried 1 time so far" in check.summary
    await bakery.runner().advance(run_id)
    (comment,) = bakery.github.comments.values()
    run = await store.load(run_id)
    assert (run.status, run.error, "cannot be reached" in comment) == (Status.DONE, "", False)


async def test_a_box_that_is_lost_on_the_way_is_waited_for(bakery: Any, store: PostgresStore) -> None:
    """A run that never had one ends: something is set up wrong, and waiting would not help."""
    bakery.github.branches["guests"] = "hungry"
    run_id, runner = await bakery.ask(), bakery.runner()

    async def without_boxes(run: Run, *rest: Any) -> World:
        if run.visits:
            raise SandboxError("The box could not be built.")
        world: World = await runner.open_world(run, *rest)
        return world

    await replace(runner, open_world=without_boxes).advance(run_id)
    run = await store.load(run_id)
    assert (run.status, run.tries, run.error) == (Status.RUNNING, 1, "The box could not be built.")
    await bakery.runner().advance(run_id)
    assert (await store.load(run_id)).status is Status.DONE

    async def never(*_: Any) -> World:
        raise SandboxError("The box could not be built.")

    other = await bakery.ask(number=8)
    await replace(runner, open_world=never).advance(other)
    assert (await store.load(other)).status is Status.FAILED


async def test_trouble_that_does_not_pass_ends_the_run_with_a_sentence(bakery: Any, store: PostgresStore) -> None:
    run_id = await bakery.ask()
    bakery.github.faults = [Unavailable("GitHub does not answer.")] * 13
    for _ in range(13):
        await bakery.runner().advance(run_id)
    run = await store.load(run_id)
    assert run.status is Status.FAILED
    assert run.error.startswith("GitHub does not answer. This was tried 12 times")


async def test_an_end_that_cannot_be_told_is_told_later(bakery: Any, store: PostgresStore) -> None:
    bakery.github.branches["guests"] = "hungry"
    run_id = await bakery.ask()

    class NearEnd(Passing):
        async def save(self, run: Run, **more: Any) -> Run:
            saved = await super().save(run, **more)
            if saved.status is Status.DONE and not bakery.time.minute:
                bakery.github.faults = [Unavailable("GitHub does not answer.")]
                bakery.time += timedelta(minutes=1)
            return saved

    await bakery.runner(NearEnd(store)).advance(run_id)
    untold = await store.load(run_id)
    assert (untold.status, untold.is_reported, untold.tries) == (Status.DONE, False, 1)
    await bakery.runner().advance(run_id)
    assert (await store.load(run_id)).is_reported
    assert (7, None, Reaction.ROCKET) in bakery.github.reactions
    (comment,) = bakery.github.comments.values()
    assert "Tried" not in comment, "it has ended: nothing is tried any more"


async def test_an_end_that_cannot_be_told_without_the_database_is_told_later(bakery: Any, store: PostgresStore) -> None:
    run_id = await bakery.ask()

    class AtTheEnd(Passing):
        async def save(self, run: Run, **more: Any) -> Run:
            saved = await super().save(run, **more)
            if saved.status is Status.DONE:
                bakery.github.faults = [StoreDown("The pace of calls cannot be kept.")]
            return saved

    with pytest.raises(StoreDown):
        await bakery.runner(AtTheEnd(store)).advance(run_id)
    assert not (await store.load(run_id)).is_reported
    await bakery.runner().advance(run_id)
    assert (await store.load(run_id)).is_reported
    assert [check.status for _, check in bakery.github.checks.values()] == ["completed"] * len(bakery.github.checks)


async def test_an_issue_that_vanished_does_not_keep_the_run_alive(bakery: Any, store: PostgresStore) -> None:
    run_id = await bakery.ask()

    class Vanishing(Passing):
        async def save(self, run: Run, **more: Any) -> Run:
            if run.status is Status.RUNNING and not run.state:
                bakery.github.open_issues.clear()
            return await super().save(run, **more)

    await bakery.runner(Vanishing(store)).advance(run_id)
    run = await store.load(run_id)
    assert (run.status, run.is_reported, run.error) == (Status.FAILED, True, "The issue is gone.")


async def test_what_a_run_used_is_given_up_when_its_end_is_told_and_not_before(
    bakery: Any, store: PostgresStore
) -> None:
    left: list[int] = []

    async def leave(run: Run) -> None:
        left.append(run.id)
        raise Unavailable("GitHub is away.")

    run_id = await parked_at_the_oven(bakery, store)
    runner = replace(bakery.runner(), leave=leave)
    bakery.github.branches["guests"] = "late"
    await runner.advance(run_id)
    assert left == []
    bakery.github.branches["guests"] = "hungry"
    await runner.advance(run_id)
    assert (left, (await store.load(run_id)).is_reported) == ([run_id], True)


async def parked_at_the_oven(bakery: Any, store: PostgresStore) -> int:
    """A run that has begun, with the table of version 1."""
    run_id: int = await bakery.ask()
    bakery.github.branches["guests"] = "late"
    await bakery.runner().advance(run_id)
    assert ((await store.load(run_id)).status, (await store.load(run_id)).at) == (Status.WAITING, "bake")
    bakery.github.branches["guests"] = "hungry"
    return run_id


@step("Slice the bread")
async def slice_it(_bread: State, world: World) -> Literal["sliced"] | Wait:
    if await world.forge.branch_sha("knife"):
        return "sliced"
    return Wait(what="a knife", deadline=datetime(2026, 1, 2, tzinfo=UTC))


NEWER = replace(
    BAKERY,
    version=3,
    goes_on_from=1,
    edges={**BAKERY.edges, bake: {"crisp": slice_it, "burnt": knead}, slice_it: {"sliced": serve_bread}},
)


async def test_a_run_of_an_older_blueprint_ends_with_a_sentence(bakery: Any, store: PostgresStore) -> None:
    run_id = await parked_at_the_oven(bakery, store)
    bakery.blueprints = {"bake": replace(bakery.blueprints["bake"], version=2)}
    await bakery.runner().advance(run_id)
    run = await store.load(run_id)
    assert (run.status, "was changed" in run.error) == (Status.FAILED, True)


async def test_a_run_goes_on_with_a_newer_table_that_takes_it_and_not_with_an_older_one(
    bakery: Any, store: PostgresStore
) -> None:
    """An older worker that comes by while both are at work would not know the node that it stands at."""
    run_id = await parked_at_the_oven(bakery, store)
    old, bakery.blueprints = bakery.blueprints, {"bake": NEWER}
    await bakery.runner().advance(run_id)
    run = await store.load(run_id)
    assert (run.at, run.blueprint_version, run.status) == ("slice_it", 3, Status.WAITING)
    await bakery.runner(blueprints=old).advance(run_id)
    run = await store.load(run_id)
    assert (run.at, run.status, "of a newer Minions" in run.error) == ("slice_it", Status.WAITING, True)
    bakery.github.branches["knife"] = "sharp"
    await bakery.runner().advance(run_id)
    run = await store.load(run_id)
    assert nodes(run) == ["knead: smooth", "bake: crisp", "slice_it: sliced", "serve_bread: done"]
    assert (run.status, run.is_reported) == (Status.DONE, True)


async def test_a_run_that_has_not_begun_begins_with_the_newest_table(bakery: Any, store: PostgresStore) -> None:
    run_id = await bakery.ask()
    bakery.blueprints = {"bake": replace(bakery.blueprints["bake"], version=2)}
    await bakery.runner().advance(run_id)
    run = await store.load(run_id)
    assert (run.status, run.blueprint_version) == (Status.DONE, 2)


async def test_a_run_of_a_newer_blueprint_waits_for_a_newer_worker(bakery: Any, store: PostgresStore) -> None:
    """While a new version is rolled out: it is neither failed nor refused, and goes on where there is such a worker."""
    old = bakery.blueprints
    bakery.blueprints = {"bake": replace(old["bake"], version=2), "fry": replace(old["bake"], name="fry")}
    known, unknown = await bakery.ask(), await bakery.ask(number=8, blueprint="fry")
    old_worker = bakery.runner(blueprints=old)
    for run_id in (known, unknown):
        await old_worker.advance(run_id)
        run = await store.load(run_id)
        assert (run.status, run.tries, "of a newer Minions" in run.error) == (Status.QUEUED, 1, True)
    assert bakery.github.comments == {}
    for run_id in (known, unknown):
        await bakery.runner().advance(run_id)
        run = await store.load(run_id)
        assert (run.status, run.tries, run.error) == (Status.DONE, 0, "")


async def test_the_end_of_a_newer_blueprint_is_told_by_a_newer_worker(bakery: Any, store: PostgresStore) -> None:
    old = bakery.blueprints
    bakery.blueprints = {"bake": replace(old["bake"], version=2)}
    run_id = await bakery.ask()
    run = await store.load(run_id)
    await store.save(run.model_copy(update={"status": Status.DONE, "state": {"task": {}}, "at": "shelf"}))
    await bakery.runner(blueprints=old).advance(run_id)
    run = await store.load(run_id)
    assert (run.status, run.is_reported, bakery.github.comments) == (Status.DONE, False, {})
    await bakery.runner().advance(run_id)
    assert ((await store.load(run_id)).is_reported, len(bakery.github.comments)) == (True, 1)


async def test_nobody_waits_for_ever_for_a_newer_worker(bakery: Any, store: PostgresStore) -> None:
    old = bakery.blueprints
    bakery.blueprints = {"bake": replace(old["bake"], version=2)}
    run_id = await bakery.ask()
    for _ in range(2 * 12 + 1):  # its end is left to a newer one as well, and at last told as well as can be
        await bakery.runner(blueprints=old).advance(run_id)
    run = await store.load(run_id)
    assert (run.status, run.is_reported, "was changed" in run.error) == (Status.FAILED, True, True)


async def test_a_run_that_has_to_wait_for_a_place_is_seen_at_once(limited: Any) -> None:
    at_work = await limited.admitted()
    run_id = await limited.ask()
    await limited.runner().advance(run_id)
    run = await limited.store.load(run_id)
    github = limited.github
    assert (run.status, run.was_held, run.tries) == (Status.QUEUED, True, 0)
    assert (github.reactions, github.comments, github.branches) == ({(7, None, Reaction.EYES)}, {}, {})
    await limited.runner().advance(at_work.id)
    assert (await limited.store.load(run_id)).status is Status.RUNNING
    await limited.runner().advance(run_id)
    assert (await limited.store.load(run_id)).status is Status.DONE


@pytest.mark.parametrize("change", ["permission", "issue"])
async def test_who_waited_for_a_place_is_looked_up_again(limited: Any, change: str) -> None:
    at_work = await limited.admitted()
    run_id, last = await limited.ask(), await limited.ask(login="bea", number=9)
    limited.github.permissions["bea"] = Permission.WRITE
    limited.github.open_issues |= {9}
    for waiting in (run_id, last):
        await limited.runner().advance(waiting)
    await limited.runner().advance(at_work.id)
    if change == "permission":
        limited.github.permissions["ann"] = Permission.READ
    else:
        limited.github.open_issues -= {7}
    await limited.runner().advance(run_id)
    run = await limited.store.load(run_id)
    assert (run.status, run.is_reported, run.visits) == (Status.REFUSED, True, ())
    assert (await limited.store.load(last)).status is Status.RUNNING


async def test_a_run_that_waits_for_a_place_can_be_stopped(limited: Any) -> None:
    await limited.admitted()
    run_id = await limited.ask()
    await limited.runner().advance(run_id)
    await limited.ask_to_stop("ann", comment_id=None)
    await limited.runner().advance(run_id)
    assert (await limited.store.load(run_id)).status is Status.STOPPED


async def test_a_worker_that_leaves_hands_over_between_two_nodes(bakery: Any, store: PostgresStore) -> None:
    shift = Shift()

    class Leaving(Passing):
        async def save(self, run: Run, **more: Any) -> Run:
            shift.is_over = shift.is_over or len(run.visits) == 2
            return await super().save(run, **more)

    run_id = await bakery.ask()
    with pytest.raises(HandedOver):
        await replace(bakery.runner(Leaving(store)), shift=shift).advance(run_id)
    assert nodes(await store.load(run_id)) == ["knead: smooth", "bake: burnt"]
    await bakery.runner().advance(run_id)
    assert (await store.load(run_id)).status is Status.DONE


async def test_a_node_that_hands_over_is_visited_again(bakery: Any, store: PostgresStore) -> None:
    async def leaving(_path: str, _data: bytes) -> None:
        raise HandedOver("This worker was told to stop.")

    run_id = await bakery.ask()
    write, bakery.workspace.write = bakery.workspace.write, leaving
    with pytest.raises(HandedOver):
        await bakery.runner().advance(run_id)
    run = await store.load(run_id)
    assert (run.status, run.tries, run.visits) == (Status.RUNNING, 0, ())
    bakery.workspace.write = write
    await bakery.runner().advance(run_id)
    assert (await store.load(run_id)).status is Status.DONE


async def test_a_node_that_breaks_ends_its_run_and_not_the_worker(bakery: Any, store: PostgresStore) -> None:
    run_id = await bakery.ask()
    bakery.github.faults = []

    async def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    bakery.workspace.write = broken
    await bakery.runner().advance(run_id)
    run = await store.load(run_id)
    assert (run.status, "Something in Minions itself broke" in run.error) == (Status.FAILED, True)


@pytest.mark.parametrize("error", [RepositoryError("There is no work tree."), ZeroDivisionError(), Unavailable("No.")])
async def test_who_was_taken_for_lost_and_fails_ends_nothing(
    bakery: Any, store: PostgresStore, error: Exception
) -> None:
    """Another worker went on with the run meanwhile; what is in the way of this one is not in the way of that one."""
    run_id = await bakery.ask()
    bakery.github.faults = []
    write = bakery.workspace.write

    async def overtaken(*_: Any, **__: Any) -> None:
        bakery.workspace.write = write
        await bakery.runner().advance(run_id)
        raise error

    bakery.workspace.write = overtaken
    await bakery.runner().advance(run_id)
    run = await store.load(run_id)
    assert (run.status, run.is_reported, run.error) == (Status.DONE, True, "")


async def test_trouble_while_tidying_up_changes_no_end(bakery: Any, store: PostgresStore) -> None:
    run_id = await bakery.ask()

    async def stuck() -> None:
        raise OSError("The folder is busy.")

    bakery.workspace.remove = stuck
    await bakery.runner().advance(run_id)
    run = await store.load(run_id)
    assert (run.status, run.is_reported, run.error) == (Status.DONE, True, "")


class Power(BaseException):
    """The machine lost power."""


class Passing:
    """A store that hands everything on to another one."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    async def save(self, run: Run, **more: Any) -> Run:
        return await self.store.save(run, **more)

    async def admit(self, run: Run, *most_open: MostOpen) -> Run:
        return await self.store.admit(run, *most_open)

    def journal(self, run_id: int, visit: int) -> Journal:
        return self.store.journal(run_id, visit)


class Dying(Passing):
    """Loses power at the n-th save: before it is done, or right after."""

    def __init__(self, store: Store, at: int, *, done: bool) -> None:
        super().__init__(store)
        self.left, self.done = at, done

    async def admit(self, run: Run, *most_open: MostOpen) -> Run:
        return await self.cut(super().admit(run, *most_open))

    async def save(self, run: Run, **more: Any) -> Run:
        return await self.cut(super().save(run, **more))

    async def cut(self, saving: Coroutine[Any, Any, Run]) -> Run:
        self.left -= 1
        if self.left == 0 and not self.done:
            saving.close()
            raise Power
        saved = await saving
        if self.left == 0:
            raise Power
        return saved


@pytest.mark.crash
@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("at", range(1, 10))
async def test_a_power_cut_at_any_save_costs_at_most_one_node(
    bakery: Any, store: PostgresStore, at: int, *, done: bool
) -> None:
    run_id = await bakery.ask()
    with pytest.raises(Power):
        await bakery.runner(Dying(store, at, done=done)).advance(run_id)
    await bakery.runner().advance(run_id)
    run = await store.load(run_id)
    assert nodes(run) == ["knead: smooth", "bake: burnt", "knead: smooth", "bake: crisp", "serve_bread: done"]
    assert (run.status, run.is_reported) == (Status.DONE, True)
    github = bakery.github
    assert (len(github.branches), len(github.pulls), len(github.comments), len(github.checks)) == (1, 1, 1, 2)
    assert {check.status for _, check in github.checks.values()} == {"completed"}


async def test_who_may_write_can_end_a_run_in_the_middle_of_a_node(bakery: Any, store: PostgresStore) -> None:
    bakery.oven = asyncio.Event()
    run_id = await bakery.ask()
    walking = asyncio.create_task(replace(bakery.runner(), look_s=0.01).advance(run_id))
    await bakery.oven.wait()
    await bakery.ask_to_stop("mallory", comment_id=3)
    await bakery.ask_to_stop("ann", comment_id=4)
    await walking
    run = await store.load(run_id)
    assert (run.status, run.is_reported, run.at, bakery.broken_off) == (Status.STOPPED, True, "bake", 1)
    assert "`ann` stopped it" in run.error
    assert await store.patch(run_id) == b"1"
    assert {(7, 3, Reaction.NO), (7, 4, Reaction.YES)} <= bakery.github.reactions
    assert [check.conclusion for _, check in bakery.github.checks.values()] == ["cancelled"]
    assert "⏹️ Stopped at" in next(iter(bakery.github.comments.values()))
    assert bakery.workspace.removed == 1


async def test_a_stranger_ends_nothing(bakery: Any, store: PostgresStore) -> None:
    run_id = await bakery.ask()
    await bakery.ask_to_stop("mallory", comment_id=3)
    await bakery.runner().advance(run_id)
    assert (await store.load(run_id)).status is Status.DONE
    assert (7, 3, Reaction.NO) in bakery.github.reactions


@pytest.mark.parametrize("status", [Status.QUEUED, Status.WAITING])
async def test_a_run_that_waits_ends_as_well(bakery: Any, store: PostgresStore, status: Status) -> None:
    bakery.github.branches["guests"] = "late"
    run_id = await bakery.ask()
    if status is Status.WAITING:
        await bakery.runner().advance(run_id)
    assert (await store.load(run_id)).status is status
    await bakery.ask_to_stop("ann", comment_id=None)
    await bakery.runner().advance(run_id)
    run = await store.load(run_id)
    assert (run.status, run.is_reported) == (Status.STOPPED, True)
    assert len(bakery.github.comments) == 1


async def test_a_parked_run_says_what_it_waits_for_once_and_keeps_what_it_noted(
    bakery: Any, store: PostgresStore
) -> None:
    bakery.github.branches["guests"] = "late"
    run_id = await bakery.ask()
    await bakery.runner().advance(run_id)
    parked = await store.load(run_id)
    assert parked.state["calls"] == 1
    (comment,) = bakery.github.comments.values()
    assert "⏸️ Waiting: Bake it" in comment
    assert "Waiting for the guests, until 2026-01-01 01:00 UTC at the latest." in comment
    bakery.github.comments.clear()
    await bakery.runner().advance(run_id)
    assert (await store.load(run_id)).state["calls"] == 2
    assert bakery.github.comments == {}, "nothing else is to be said"


async def test_a_run_that_is_stirred_while_its_node_looks_is_advanced_again(
    bakery: Any, store: PostgresStore, queue: ProcrastinateQueue
) -> None:
    """The event came after the node had looked, and before the run was parked: it would sleep until its deadline."""
    run_id = await bakery.ask()
    looks: list[str] = []

    async def look(branch: str) -> str:
        looks.append(branch)
        if len(looks) > 1:
            return "hungry"
        await store.stir([(5, (await store.load(run_id)).trail.head_sha)])
        return "late"

    bakery.github.branch_sha = look
    await queue.work(bakery.runner().advance, concurrency=1, forever=False)
    assert (await store.load(run_id)).status is Status.DONE


async def test_a_node_outside_of_the_tree_leaves_the_saved_change_alone(bakery: Any, store: PostgresStore) -> None:
    """A machine that never had the tree would save an empty one."""
    bakery.github.branches["guests"] = "late"
    run_id = await bakery.ask()
    await bakery.runner().advance(run_id)
    assert await store.patch(run_id) == b"1"
    bakery.workspace.files.clear()
    bakery.github.branches["guests"] = "hungry"
    outside = replace(bake, in_tree=False)
    edges: dict[Any, Any] = {outside if node is bake else node: edge for node, edge in BAKERY.edges.items()}
    edges[knead] = edges[knead] | {"smooth": outside}
    bakery.blueprints = {"bake": replace(BAKERY, edges=edges)}
    await bakery.runner().advance(run_id)
    assert (await store.load(run_id)).status is Status.DONE
    assert await store.patch(run_id) == b""  # by the next node, which has a tree
