"""A worker is killed before every save of a run of each blueprint: each node happens twice, and nothing outside does.

What happens inside a node that a model works in is the same for all, and killed in `test_boundaries.py`.
"""

from typing import Any

import pytest

from app.demo.stage import Seed, Wish
from app.evaluation.exercise import exercises
from tests.evaluation.scripted import SENT_BACK

pytestmark = [pytest.mark.crash, pytest.mark.timeout(420)]

SIGKILL = 9


@pytest.mark.parametrize("name", SENT_BACK)
async def test_every_node_of_it_may_happen_twice(mortal: Any, new_scene: Any, name: str) -> None:
    task, gate = exercises(name)[SENT_BACK[name][0]], SENT_BACK[name][1]
    wish = Wish(title=task.title, body=task.body)
    wanted = Seed(repository="", requester="ann", label=f"minion:{name}", issue=wish, files=task.files)
    calm, disturbed = await new_scene(wanted), await new_scene(wanted)
    saves = [commit for commit in (await mortal.attempt(calm))["commits"] if commit.startswith("run ")]
    for kills in range(len(saves) + 1):
        answer = await mortal.attempt(disturbed, die_at=min(kills, 1) + 1, when="before", of="saves")
        assert not answer["hung"], answer
        if answer["died_by"] != SIGKILL:
            break
    assert (answer["died_by"], answer["exit_code"], kills) == (0, 0, len(saves))
    seen = await disturbed.seen()
    assert seen == await calm.seen()
    assert (seen.ended, len(seen.commits), len(seen.pulls)) == ("done, reported ", 1, 1)
    assert f"{gate}: mend" in seen.nodes
    assert f"{gate}: pass" in seen.nodes
    assert await disturbed.leftovers() == []
