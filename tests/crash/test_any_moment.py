"""A real worker is killed from outside at moments that nobody chose: in the middle of effects."""

import random
from typing import Any

import pytest

pytestmark = [pytest.mark.crash, pytest.mark.timeout(420)]

SIGKILL = 9
SHORTEST_S, LONGEST_S = 0.01, 0.4
MOST_ATTEMPTS = 300


@pytest.mark.parametrize("chance", [1, *(pytest.param(other, marks=pytest.mark.soak) for other in (2, 3))])
async def test_killed_at_any_moment(mortal: Any, scene: Any, undisturbed: Any, chance: int) -> None:
    """Kill after 10-400 ms; later after attempts that committed nothing, or the longest node would never end."""
    dice = random.Random(chance)  # noqa: S311 - it has to be repeatable
    kills, patience = 0, 1.0
    for _ in range(MOST_ATTEMPTS):
        answer = await mortal.attempt(scene, kill_after_s=patience * dice.uniform(SHORTEST_S, LONGEST_S))
        if answer["died_by"] != SIGKILL:
            break
        kills += 1
        patience = max(patience / 1.5, 1.0) if answer["commits"] else patience * 1.5
    assert (answer["died_by"], answer["exit_code"]) == (0, 0)
    assert kills >= 10
    assert await scene.seen() == undisturbed.seen
    bill = await scene.bill()
    assert bill.answered == undisturbed.bill.answered
    assert bill.charged == bill.owed
    for turn, bodies in bill.requests.items():
        assert len(bodies) <= bill.asked[turn], f"turn {turn} was asked without being written down before"
        assert len(set(bodies)) == 1, f"turn {turn} was asked with other words the second time"
    assert await scene.leftovers() == []
