"""How often people's pages are edited."""

from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from app.adapters.store import PostgresStore
from app.core.run import Run
from app.engine.progress import Progress

INTERVAL_S = 10.0


@dataclass
class Watched:
    """A forge that notes when it is written to."""

    forge: Any
    clock: Any
    edits: dict[str, list[float]] = field(default_factory=lambda: {"put_check": [], "put_comment": []})

    def __getattr__(self, name: str) -> Any:
        if name in self.edits:
            self.edits[name].append(self.clock())
        return getattr(self.forge, name)


@pytest.mark.faults
async def test_f66_progress_is_told_every_ten_seconds_and_only_when_it_changed(
    bakery: Any, store: PostgresStore
) -> None:
    run = await store.load(await bakery.ask())
    forge, blueprint = Watched(bakery.github, bakery.clock), bakery.blueprints["bake"]
    progress = Progress(lambda _: "", bakery.clock, interval_s=INTERVAL_S)
    run = await progress.begin(run, blueprint, forge, store.save)
    for number in range(630):
        bakery.time += timedelta(seconds=0.1)
        news: Run = run.model_copy(update={"tries": 1, "error": f"Trouble {number}."})
        run = await progress.tell(news, blueprint, forge)
    for times in forge.edits.values():
        assert len(times) == 7, "at the beginning, and six times in the minute"
        assert all(later - sooner >= INTERVAL_S for sooner, later in pairwise(times))
    told = len(forge.edits["put_comment"])
    bakery.time += timedelta(minutes=1)
    for _ in range(10):
        run = await progress.tell(run, blueprint, forge)
        bakery.time += timedelta(minutes=1)
    assert len(forge.edits["put_comment"]) == told + 1, "what was left to tell is told, and then nothing is new"
