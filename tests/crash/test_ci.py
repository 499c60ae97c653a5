"""A worker is killed at every commit of a run from its first wait on: its checks are red, and mended by a second push.

What comes before that is killed in `test_boundaries.py`.
"""

from collections.abc import Sequence
from typing import Any

import pytest

from app.core.run import Status
from app.demo.github.actions import Job, Push, Workflow

pytestmark = [pytest.mark.crash, pytest.mark.timeout(420)]

SIGKILL = 9


async def held(push: Push) -> Sequence[Workflow]:
    """One job, which ends when somebody says so, and is red until the README tells of Unicode."""
    is_told = "NFKD" in await push.read("README.md")
    return [Workflow("CI", (Job("docs", "success" if is_told else "failure", log="No NFKD."),), is_held=True)]


async def walked(
    mortal: Any, scene: Any, *, steps: Sequence[int] = (), when: str = "after", moves: bool = False
) -> int:
    """Work on the run until it ends, ending each workflow that it waits for; answers with how often it was killed.

    `steps`: at which new commit the first attempt after the first wait dies, and at which every later one does.
    """
    hub, name = scene.stage.hub, scene.seed.repository
    hub.run_on_push(name, held)
    kills, has_waited = 0, False
    for _ in range(300):
        order = {"die_at": steps[min(kills, 1)], "when": when} if steps and has_waited else {}
        answer = await mortal.attempt(scene, **order)
        assert not answer["hung"], answer
        run = await scene.run()
        if answer["died_by"] == SIGKILL:
            kills += 1
            if moves:
                await scene.lose_disk()
        else:
            assert (answer["died_by"], answer["exit_code"]) == (0, 0), answer
            if run.is_reported:
                return kills
            assert run.status is Status.WAITING
        if run.status is Status.WAITING:
            has_waited = True
            for workflow in hub.workflow_runs(name):
                if workflow.status != "completed":
                    await hub.actions.finish(workflow)
    raise AssertionError("It does not end.")


@pytest.mark.parametrize(
    ("steps", "when", "moves"),
    [
        pytest.param((1, 1), "after", False, id="after"),
        pytest.param((1, 5), "before", False, id="some before"),
        pytest.param((1, 4), "after", True, id="some on another machine"),
        pytest.param((1, 2), "before", False, id="before", marks=pytest.mark.soak),
        pytest.param((1, 1), "after", True, id="each on another machine", marks=pytest.mark.soak),
    ],
)
async def test_killed_at_every_commit_of_a_run_with_two_pushes(
    mortal: Any, new_scene: Any, steps: Sequence[int], when: str, *, moves: bool
) -> None:
    """Also in the middle of waiting, and between the second push and its save: nothing is pushed or opened twice."""
    calm, disturbed = await new_scene(), await new_scene()
    await walked(mortal, calm)
    kills = await walked(mortal, disturbed, steps=steps, when=when, moves=moves)
    assert kills > 15 // (steps[1] - (when == "before"))
    seen, expected = await disturbed.seen(), await calm.seen()
    assert seen == expected
    assert seen.ended == "done, reported "
    assert seen.nodes[-10:] == (
        *("watch: red", "autofix: not fixed", "mend: changed", "lint: done", "test: green", "guard: pass"),
        *("prove: pass", "review: pass", "publish: done", "watch: green"),
    )
    assert len(seen.commits) == 2
    assert seen.commits[0].startswith("Mend what docs found")
    pushes = disturbed.stage.hub.workflow_runs(disturbed.seed.repository)
    assert len(pushes) == 2, "each was made once"
    assert await disturbed.leftovers() == []
