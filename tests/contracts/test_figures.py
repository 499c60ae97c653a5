"""What is told of many runs together, on the real database."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.adapters.store import PostgresStore
from app.core.blueprint import Kind
from app.core.budget import Usage
from app.core.events import Closed, Pushed, StopRequested
from app.core.figures import Wanted
from app.core.journal import ModelAnswered, Opened
from app.core.opinions import Thumbs
from app.core.run import Run, Status, Trail, Visit
from app.core.store import Draft
from app.core.task import Person, Repository, Task

pytestmark = pytest.mark.contract
AT = datetime(2026, 1, 2, tzinfo=UTC)


async def run_of(store: PostgresStore, number: int, *, repository: int = 5, title: str = "Broken") -> Run:
    task = Task(
        repository=Repository(id=repository, full_name=f"octo/r{repository}", installation_id=3),
        number=number,
        title=title,
        body="",
        requester=Person(id=1, login="ann"),
        asked_at=AT,
    )
    draft = Draft(intent=f"{repository}/{number}", task=task, blueprint="fix", blueprint_version=1, start="prepare")
    return await store.load((await store.accept(None, draft, "why")).run_id or 0)


async def proposed(store: PostgresStore, run: Run, pull: int, *checks: str, head: str = "ours") -> Run:
    """The run opens a pull request, whose checks come to these verdicts one after the other."""
    await store.journal(run.id, 0).append(Opened(messages=(), model="some/model"))
    answer = {"turn": 1, "message": {}, "usage": Usage(turns=1, usd=0.5), "finish_reason": "stop", "seconds": 1}
    await store.journal(run.id, 0).append(ModelAnswered.model_validate(answer))
    for verdict in checks or ("",):
        watched = Visit(node="watch", title="Wait", kind=Kind.STEP, outcome=verdict, started_at=AT, seconds=1)
        trail = Trail.model_validate({"head_sha": head, "pull_request_number": pull, "checks": verdict})
        visits = (*run.visits, watched) if checks else run.visits
        run = await store.save(run.model_copy(update={"status": Status.RUNNING, "trail": trail, "visits": visits}))
    return await store.save(run.model_copy(update={"status": Status.DONE, "ended_at": AT}))


async def closed(store: PostgresStore, pull: int, **facts: Any) -> None:
    what = Closed.model_validate({"is_merged": True, "head_sha": "ours", "comments": 0} | facts)
    repository = Repository(id=5, full_name="octo/r5", installation_id=3)
    event = StopRequested(
        repository=repository, number=pull, requester=None, at=AT, intent=f"closed {pull} {facts}", pull=what
    )
    await store.accept(None, event, "closed")


async def pushed(store: PostgresStore, reverts: tuple[str, ...], *, repository: int = 5) -> None:
    where = Repository(id=repository, full_name=f"octo/r{repository}", installation_id=3)
    await store.accept(None, Pushed(repository=where, branch="main", reverts=reverts), "moved")


async def told(store: PostgresStore, **wanted: Any) -> dict[str, Any]:
    found = await store.figures().overview(Wanted.model_validate(wanted), None)
    return found.by("all")[0].model_dump()


async def test_figures_say_what_became_of_pull_requests(store: PostgresStore) -> None:
    for number, checks in {1: ("green",), 2: ("red", "green"), 3: ()}.items():
        await proposed(store, await run_of(store, number), number + 100, *checks)
    await run_of(store, 4)
    await closed(store, 101, comments=3)
    await closed(store, 102, head_sha="somebody's", comments=1)
    await closed(store, 103, is_merged=False, comments=2)
    await closed(store, 900, reverts=101)  # of nobody's run, and it takes ours back
    await closed(store, 901, reverts=103)  # takes back what was never merged
    figures = await told(store)
    expected = {"runs": 4, "opened": 3, "merged": 2, "untouched": 1, "checked": 2, "green_at_first": 1}
    assert figures.items() >= (expected | {"rounds": 1.5, "comments": 2.0, "reverted": 1, "usd": 1.5}).items()
    assert figures["seconds"] >= 1


@pytest.mark.parametrize(
    ("named", "reverted"),
    [
        (("a" * 40,), 1),  # the merge
        (("ab" * 20,), 1),  # the last commit of the branch
        (("c" * 40, "aaaaaaa"), 1),  # among others, by the beginning of its name
        (("c" * 40,), 0),
        (("b" * 40,), 0),  # GitHub's merge to try, of what was never merged
    ],
)
async def test_what_is_taken_back_by_hand_is_reverted(
    store: PostgresStore, named: tuple[str, ...], reverted: int
) -> None:
    for number in (1, 2):
        await proposed(store, await run_of(store, number), number + 100)
    await closed(store, 101, merge_sha="a" * 40, head_sha="ab" * 20)
    await closed(store, 102, is_merged=False, head_sha="b" * 40)
    await pushed(store, named, repository=6)  # of that name elsewhere
    assert (await told(store))["reverted"] == 0
    await pushed(store, named)
    assert (await told(store))["reverted"] == reverted


async def test_satisfaction_is_what_people_think_of_pull_requests(store: PostgresStore) -> None:
    """Asked about in turns, as long as somebody may still say something."""
    opinions, ids = store.opinions(), dict[int, int]()
    for number in (1, 2, 3):
        run = await proposed(store, await run_of(store, number), number + 100)
        ids[run.id] = number
    await run_of(store, 4)  # has no pull request
    assert (await told(store)).items() >= {"thumbs_up": 0, "thumbs_down": 0}.items()
    asked = [ids[posts.run_id] for posts in await opinions.due(2)]
    assert asked == [1, 2]
    for posts, thumbs in zip(await opinions.due(2), (Thumbs(up=2, down=1), None), strict=True):
        await opinions.note(posts.run_id, thumbs)
    assert [ids[posts.run_id] for posts in await opinions.due(9)] == [3, 1, 2]
    (first, *_) = await opinions.due(1)
    assert (first.pull_request_number, first.repository.full_name, first.comment_id) == (103, "octo/r5", None)
    await opinions.note(first.run_id, Thumbs(up=1))
    group = (await store.figures().overview(Wanted(), None)).by("all")[0]
    assert (group.thumbs_up, group.thumbs_down, group.satisfaction) == (3, 1, 0.75)
    await closed(store, 101)
    assert len(await opinions.due(9)) == 3, "people go on saying what they think for some days"


async def test_what_a_follow_up_pushed_is_not_a_persons_commit(store: PostgresStore) -> None:
    await proposed(store, await run_of(store, 1), 101, head="first")
    await proposed(store, await run_of(store, 2), 101, head="second")
    await closed(store, 101, head_sha="second")
    found = await store.figures().overview(Wanted(), None)
    assert {group.untouched for group in found.by("blueprint")} == {2}


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        ({}, [4, 3, 2, 1]),
        ({"repository": "octo/R5"}, [3, 2, 1]),
        ({"text": "acc"}, [3]),
        ({"text": "#2"}, [2]),
        ({"text": "101"}, [1]),
        ({"text": "100%_'; DROP TABLE runs"}, []),
        ({"outcome": "pull request"}, [1]),
        ({"outcome": "at work"}, [4, 3]),
        ({"outcome": "failed"}, [2]),
        ({"model": "some/model"}, [1]),
        ({"requester": "ann", "blueprint": "fix"}, [4, 3, 2, 1]),
        ({"requester": "bob"}, []),
        ({"page": 2}, []),
        ({"weeks": 0}, [4, 3, 2, 1]),
    ],
)
async def test_runs_are_found_by_what_they_have(
    store: PostgresStore, wanted: dict[str, Any], numbers: list[int]
) -> None:
    await proposed(store, await run_of(store, 1), 101)
    failed = {"status": Status.FAILED, "ended_at": AT, "error": "broke"}
    await store.save((await run_of(store, 2)).model_copy(update=failed))
    await run_of(store, 3, title="Accents are lost")
    await run_of(store, 4, repository=6)
    found = await store.figures().listed(Wanted.model_validate(wanted), None, 50)
    assert [run.number for run in found] == numbers


async def test_nobody_is_told_of_repositories_that_they_cannot_read(store: PostgresStore) -> None:
    await run_of(store, 1)
    await run_of(store, 2, repository=6)
    found = await store.figures().overview(Wanted(), {6})
    assert [run.repository for run in found.runs] == [group.name for group in found.by("repository")] == ["octo/r6"]
    assert (await store.figures().overview(Wanted(), ())).runs == []


async def test_attempts_that_came_to_nothing_are_grouped_by_what_people_were_told(store: PostgresStore) -> None:
    for number in (1, 2, 3):
        error = f"Command `make {number}` ended with {number}. Look at it." if number < 3 else "`ann` stopped it."
        ended = {"status": Status.FAILED, "ended_at": AT, "error": error}
        await store.save((await run_of(store, number)).model_copy(update=ended))
    causes = (await store.figures().overview(Wanted(), None)).causes
    assert [(cause.sentence, cause.runs, len(cause.examples)) for cause in causes] == [
        ("Command … ended with …", 2, 2),
        ("… stopped it.", 1, 1),
    ]
