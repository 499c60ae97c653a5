"""A worker is killed around each node of an update's and of a flaky test's own: all ends as if nobody had been."""

from typing import Any

import pytest

from app.demo.stage import Seed, Wish
from app.evaluation.exercise import exercises
from blueprints import BLUEPRINTS

pytestmark = [pytest.mark.crash, pytest.mark.timeout(420)]

SIGKILL = 9
ROWS = {
    "dependency": (
        *("find: known", "update: updated", "lint: done", "test: red", "repair: changed", "lint: done", "test: green"),
        *("guard: pass", "hold: pass", "prove: pass", "review: pass", "publish: done", "watch: none"),
    ),
    "flaky": (
        *("reproduce: flaky", "steady: changed", "lint: done", "test: green", "guard: pass", "look: pass"),
        *("prove: pass", "repeat: pass", "review: pass", "publish: done", "watch: none"),
    ),
}
TASKS = {"dependency": "greetings", "flaky": "first-name"}


@pytest.mark.parametrize("name", TASKS)
async def test_every_node_of_its_own_may_happen_twice(mortal: Any, new_scene: Any, name: str) -> None:
    """What set-up has left aside is taken over once more, and what was counted is counted anew."""
    task = exercises(name)[TASKS[name]]
    own = [node.name for node in BLUEPRINTS[name].edges if node.module.startswith(f"blueprints.{name}.")]
    wish = Wish(title=task.title, body=task.body)
    wanted = Seed(repository="", requester="ann", label=f"minion:{name}", issue=wish, files=task.files)
    calm, disturbed = await new_scene(wanted), await new_scene(wanted)
    await mortal.attempt(calm)
    for kills in range(30):
        answer = await mortal.attempt(disturbed, die_at=min(kills, 1) + 1, when="before", nodes=own)
        assert not answer["hung"], answer
        if answer["died_by"] != SIGKILL:
            break
    seen, expected = await disturbed.seen(), await calm.seen()
    assert (answer["died_by"], answer["exit_code"], seen) == (0, 0, expected)
    assert kills >= len([node for node in seen.nodes if node.partition(":")[0] in own])
    assert (seen.ended, seen.nodes[1:]) == ("done, reported ", ROWS[name])
    assert (len(seen.commits), len(seen.pulls), seen.comments) == (1, 1, 1)
    assert await disturbed.leftovers() == []
