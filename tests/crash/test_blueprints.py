"""A worker is killed before the saves after each blueprint's own nodes: each happens twice, and nothing outside does.

Nodes that blueprints share, and what happens inside one that a model works in, are killed in `test_boundaries.py`.
"""

from typing import Any

import pytest

from app.demo.stage import Seed, Wish
from app.evaluation.exercise import exercises
from blueprints import BLUEPRINTS
from tests.evaluation.scripted import SENT_BACK

pytestmark = [pytest.mark.crash, pytest.mark.timeout(420)]

SIGKILL = 9


@pytest.mark.parametrize("name", SENT_BACK)
async def test_every_node_of_its_own_may_happen_twice(mortal: Any, new_scene: Any, name: str) -> None:
    task, gate = exercises(name)[SENT_BACK[name][0]], SENT_BACK[name][1]
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
    assert (seen.ended, len(seen.commits), len(seen.pulls)) == ("done, reported ", 1, 1)
    assert f"{gate}: mend" in seen.nodes
    assert f"{gate}: pass" in seen.nodes
    assert await disturbed.leftovers() == []
