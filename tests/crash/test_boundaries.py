"""A real worker is really killed, at every commit of a whole real run, and started again.

Each commit has two worst moments: right after it, when the next effect has not begun, and right before it, when the
effect has happened and nobody knows. All of them in *one* run are as good as a run of its own for each, and sixty times
cheaper: a restarted worker knows nothing but what is durable, and the commits of the killed run are, in their order and
content, those of an undisturbed one. So each death finds the very state in which a fresh run would have died.
"""

from collections.abc import Sequence
from typing import Any

import pytest

pytestmark = [pytest.mark.crash, pytest.mark.timeout(420)]

SIGKILL = 9


def news(commits: Sequence[str]) -> list[str]:
    """Without the questions that were written down once more because nobody knows what became of the first."""
    return [commit for commit in commits if not commit.startswith("again: ")]


def interrupted(undisturbed: Any) -> list[tuple[str, str]]:
    """What a minion is told when each call was begun and cut off: nobody knows what a command did."""
    return [(tool, "interrupted" if tool == "bash" else word) for tool, word in undisturbed.told]


async def killed_at_every_commit(
    mortal: Any, scene: Any, when: str, steps: Sequence[int], *, moves: bool = False
) -> tuple[int, list[str]]:
    """Kill and restart until the run ends; how often it was killed, and everything that was committed.

    `steps`: at which new commit the first attempt dies, and at which every later one does. With `moves`, each attempt
    is on a machine that knows nothing of the run but what is stored.
    """
    commits: list[str] = []
    for kills in range(200):
        answer = await mortal.attempt(scene, die_at=steps[min(kills, 1)], when=when)
        commits += answer["commits"]
        assert not answer["hung"], commits
        if answer["died_by"] != SIGKILL:
            assert (answer["died_by"], answer["exit_code"]) == (0, 0), commits
            return kills, commits
        if moves:
            await scene.lose_disk()
    raise AssertionError(f"It does not end: {commits[-20:]}")


async def test_an_undisturbed_run_has_every_effect_once(undisturbed: Any) -> None:
    """The measure for the others, looked at by itself."""
    seen, bill = undisturbed.seen, undisturbed.bill
    assert seen.ended == "done, reported "
    assert (seen.branches, len(seen.commits), len(seen.pulls), seen.comments) == (2, 1, 1, 1)
    assert seen.checks == ("before: completed neutral", "head: completed success")
    assert seen.reactions == ("minions[bot]: eyes", "minions[bot]: rocket")
    assert "creme-brulee" in seen.diff
    assert {len(bodies) for bodies in bill.requests.values()} == {1}
    assert bill.charged == bill.owed
    assert undisturbed.leftovers == []
    assert {word for _, word in undisturbed.told} == {"ok"}
    assert news(undisturbed.commits) == list(undisturbed.commits)


@pytest.mark.faults
async def test_f10_f65_killed_right_after_every_commit(mortal: Any, scene: Any, undisturbed: Any) -> None:
    """Nothing that was committed happens again, and everything else happens once."""
    kills, commits = await killed_at_every_commit(mortal, scene, "after", (1, 1))
    assert news(commits) == list(undisturbed.commits)
    assert kills == len(undisturbed.commits)
    assert await scene.seen() == undisturbed.seen
    bill = await scene.bill()
    assert {len(bodies) for bodies in bill.requests.values()} == {1}, "an answered question was asked again"
    assert bill.charged == bill.owed
    assert bill.answered == undisturbed.bill.answered
    assert await scene.told() == interrupted(undisturbed)
    assert await scene.leftovers() == []


@pytest.mark.parametrize("step", [4, pytest.param(1, marks=pytest.mark.soak)])
async def test_killed_right_after_a_commit_and_taken_over_by_another_machine(
    mortal: Any, scene: Any, undisturbed: Any, step: int
) -> None:
    """The tree of another machine is the one that the journal speaks of. All commits take minutes: `make soak`."""
    kills, commits = await killed_at_every_commit(mortal, scene, "after", (1, step), moves=True)
    assert news(commits) == list(undisturbed.commits)
    assert kills == 1 + (len(undisturbed.commits) - 1) // step
    assert await scene.seen() == undisturbed.seen
    told = await scene.told()
    assert [tool for tool, _ in told] == [tool for tool, _ in undisturbed.told]
    assert set(told) <= {*undisturbed.told, *interrupted(undisturbed)}
    assert await scene.leftovers() == []


async def test_killed_right_before_every_commit(mortal: Any, scene: Any, undisturbed: Any) -> None:
    """Everything has happened when it is not known yet: it happens again, and GitHub has it once all the same."""
    kills, commits = await killed_at_every_commit(mortal, scene, "before", (1, 2))
    assert news(commits) == list(undisturbed.commits)
    assert kills == len(undisturbed.commits)
    assert await scene.seen() == undisturbed.seen
    bill = await scene.bill()
    assert {len(bodies) for bodies in bill.requests.values()} == {2}, "each answer was lost once, and no more"
    assert all(first == second for first, second in bill.requests.values())
    assert bill.charged == bill.owed
    assert bill.answered == undisturbed.bill.answered
    assert await scene.told() == interrupted(undisturbed)
    assert await scene.leftovers() == []
