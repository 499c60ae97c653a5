"""Two scripts at work that people did already: the better one stands first, and GitHub sees nothing of it."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.demo.stage import Stage, staged
from tests.backtest.merged import UNITS, merged, script
from tests.forks import Forks
from tests.stories.conftest import Minions

pytestmark = [pytest.mark.story, pytest.mark.timeout(1200)]

NAME = "acme/units"
WORSE = {unit: inches if at < 4 else inches + 1 for at, (unit, inches) in enumerate(UNITS.items()) if at != 9}
"""Right at four, wrong at five, and one is given up."""


def settings_of(stage: Stage) -> dict[str, str]:
    """Those of the stage's app, as `minions` takes them."""
    named = {name.removeprefix("MINIONS_"): value for name, value in stage.environment.items() if "MINIONS_" in name}
    return {name.lower(): value for name, value in named.items()}


async def test_ten_merged_pairs_rank_the_good_model_over_the_worse_one(
    minions: Minions, forks: Forks, tmp_path: Path
) -> None:
    """What tells nothing is told, everything is in the file, and a second call finds that nothing is left to do."""
    scripts = {"a-good": script(UNITS), "b-worse": script(WORSE)}
    file = tmp_path / "found.json"
    async with staged(scripts=scripts, start=forks.start) as stage:
        await merged(stage, NAME, tmp_path / "units")
        hub = stage.hub
        before = hub.repository(NAME).updated_at, len(hub.repository(NAME).issues)
        (stage.home / "minions").mkdir(mode=0o711)
        settings = settings_of(stage) | {"review_model": "none"}
        candidates = ("--candidate", "openai/b-worse", "--candidate", "openai/a-good")
        words = ("--last", "11", *candidates, "--jobs", "4", "--json", str(file))
        code, out = await minions("backtest", NAME, *words, **settings)
        assert (code, "Traceback" in out) == (0, False), out
        asked = len(stage.models.requests)
        again, told = await minions("backtest", NAME, *words, **settings)
        assert (again, len(stage.models.requests)) == (0, asked), told
        assert (hub.repository(NAME).updated_at, len(hub.repository(NAME).issues)) == before
        assert all(pull.issue.comments == [] for pull in hub.repository(NAME).pulls)
    found: dict[str, Any] = json.loads(file.read_text())
    standings = [(one["candidate"], one["solved"], one["wrong"], one["stopped"]) for one in found["standings"]]
    assert standings == [("openai/a-good", 10, 0, 0), ("openai/b-worse", 4, 5, 1)], out
    assert [one["pairs"] for one in found["standings"]] == [10, 10]
    assert found["standings"][0]["near"] == 1.0
    (unused,) = [one["pair"] for one in found["pairs"] if one["pair"]["why_not"]]
    assert f"{unused['name']} cannot be used: it changes no tests." in out
    assert "openai/a-good solved 6 that openai/b-worse did not" in out
    assert "with a probability of 0.016." in out
    assert told.index("openai/a-good") < told.index("openai/b-worse")
