"""A worker is killed before the saves after each blueprint's own nodes: each happens twice, and nothing outside does.

Nodes that blueprints share, and what happens inside one that a model works in, are killed in `test_boundaries.py`.
"""

from typing import Any

import pytest

from app.demo.stage import Seed, Wish
from app.evaluation.exercise import exercises
from blueprints import BLUEPRINTS
from tests.crash.conftest import AT_PULL_REQUESTS
from tests.evaluation.scripted import SENT_BACK

pytestmark = [pytest.mark.crash, pytest.mark.timeout(420)]

SIGKILL = 9
TASKS = {name: task for name, (task, _) in SENT_BACK.items()}
TASKS |= {"dependency": "greetings", "flaky": "first-name"} | AT_PULL_REQUESTS
GUARDED = ("lint: done", "test: green", "guard: pass")
ROWS = {
    "dependency": (
        *("find: known", "update: updated", "lint: done", "test: red", "repair: changed", *GUARDED),
        *("hold: pass", "prove: pass", "review: pass", "publish: done", "watch: none"),
    ),
    "flaky": (
        *("reproduce: flaky", "steady: changed", *GUARDED, "look: pass"),
        *("prove: pass", "repeat: pass", "review: pass", "publish: done", "watch: none"),
    ),
    "ci": (
        *("read: red", "prepare: ready", "autofix: not fixed", "mend: changed", *GUARDED),
        *("prove: pass", "review: pass", "publish: done", "watch: green"),
    ),
    "review": (
        *("listen: said", "prepare: ready", "respond: changed", *GUARDED),
        *("prove: pass", "review: pass", "publish: done", "reply: checks", "watch: none"),
    ),
}
ROWS |= {name: (f"{gate}: mend", f"{gate}: pass") for name, (_, gate) in SENT_BACK.items()}
"""What happens in this order, among other things."""


def replies(scene: Any) -> list[tuple[str, str]]:
    """What was answered in threads of its pull request, if it has any: under what, and the sentence."""
    pulls = scene.stage.hub.repository(scene.seed.repository).pulls
    remarks = {one.id: one for pull in pulls for one in pull.remarks}
    answers = [one for one in remarks.values() if one.in_reply_to is not None]
    return [(remarks[one.in_reply_to].path, one.body.partition("\n")[0]) for one in answers]


@pytest.mark.parametrize("name", TASKS)
async def test_every_node_of_its_own_may_happen_twice(mortal: Any, new_scene: Any, name: str) -> None:
    """What set-up has left aside is taken over once more, what was counted is counted anew, and said is said once."""
    task = exercises(name)[TASKS[name]]
    own = [node.name for node in BLUEPRINTS[name].edges if node.module.startswith(f"blueprints.{name}.")]
    wish = Wish(title=task.title, body=task.body)
    wanted = Seed(repository="", requester="ann", label=f"minion:{name}", issue=wish, files=task.base)
    calm, disturbed = await new_scene(wanted, task), await new_scene(wanted, task)
    await mortal.attempt(calm)
    for kills in range(30):
        answer = await mortal.attempt(disturbed, die_at=min(kills, 1) + 1, when="before", nodes=own)
        assert not answer["hung"], answer
        if answer["died_by"] != SIGKILL:
            break
    seen, expected = await disturbed.seen(), await calm.seen()
    assert (answer["died_by"], answer["exit_code"], seen) == (0, 0, expected)
    assert kills >= len([node for node in seen.nodes if node.partition(":")[0] in own])
    nodes = iter(seen.nodes)
    assert all(row in nodes for row in ROWS[name]), seen.nodes
    proposals = 1 if task.proposal else 0
    assert (seen.ended, len(seen.commits), len(seen.pulls)) == ("done, reported ", 1 + proposals, 1 + proposals)
    assert replies(disturbed) == replies(calm)
    assert len(replies(calm)) == (1 if name == "review" else 0)
    assert await disturbed.leftovers() == []


def test_no_blueprint_is_left_out() -> None:
    """`fix` is the run of all other tests here."""
    assert TASKS.keys() | {"fix"} == BLUEPRINTS.keys()
