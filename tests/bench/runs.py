"""Whole runs, from label to pull request, by one, two and four workers, with a model that answers at once.

Everything but the model is real, and on this one machine: the loopback GitHub, git over HTTP, PostgreSQL, the boxes and
the repository's tests share its processors with the workers. The limits that GitHub asks for are off.
"""

import asyncio
import time
from itertools import count
from typing import Final

from tests.fleet import Fleet, fleet

RUNS: Final = 24
REPOSITORIES: Final = 4
WORKERS: Final = (1, 2, 4)
PULL_REQUESTS_AN_HOUR: Final = 2_000
"""Stripe's week, 1,300 of them, in 40 minutes."""
_WITHIN_S: Final = 600
_SETTINGS: Final = {
    "MINIONS_CONCURRENCY": "4",
    "MINIONS_PROGRESS_INTERVAL_S": "10",
    "MINIONS_LOG_LEVEL": "WARNING",
    # One person asks for all of them.
    "MINIONS_REQUESTER_LIMIT": "0",
    "MINIONS_REPOSITORY_LIMIT": "0",
}


async def rows() -> list[dict[str, object]]:
    """Pull requests an hour, for each number of workers."""
    made: list[dict[str, object]] = []
    first = 0.0
    for workers in WORKERS:
        async with fleet(workers=workers, settings=_SETTINGS) as one:
            names = count()
            await _timed(one, 2 * workers, names)  # mirrors, layers and the model's client are there after these
            seconds = await _timed(one, RUNS, names)
        speed = 3_600 * RUNS / seconds
        first = first or speed
        made.append(
            {
                "name": f"whole runs, {workers} worker{'s' if workers > 1 else ''}",
                "value": round(speed),
                "unit": "pull requests/h",
                "reference": f"one worker: {first:.0f} pull requests/h",
                "ratio": round(speed / first, 2),
                "goal": f">= {PULL_REQUESTS_AN_HOUR} with the best",
                "met": speed >= PULL_REQUESTS_AN_HOUR,
                "runs": RUNS,
            }
        )
    best = max(made, key=lambda row: float(str(row["value"])))
    for row in made:
        row["met"] = best["met"]
    return made


async def _timed(one: Fleet, number: int, names: "count[int]") -> float:
    """Seconds until so many labelled issues have become pull requests."""
    before = sum(len(repository.pulls) for repository in one.stage.hub.repositories.values())
    asked = sum(len(repository.issues) - len(repository.pulls) for repository in one.stage.hub.repositories.values())
    group = next(names)
    began = time.perf_counter()
    one.label(number, [f"bench{group}-{index}/slugs" for index in range(REPOSITORIES)])
    async with asyncio.timeout(_WITHIN_S):
        while not await one.is_through(asked + number):
            await asyncio.sleep(0.2)
    seconds = time.perf_counter() - began
    after = sum(len(repository.pulls) for repository in one.stage.hub.repositories.values())
    if after - before != number:
        raise RuntimeError(f"{number} issues became {after - before} pull requests\n{one.log_ends()}")
    return seconds
