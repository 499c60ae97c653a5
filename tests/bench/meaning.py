"""What it costs to find the pieces of a large repository that are nearest to an issue, beside comparing all of them."""

import asyncio
import random
import shutil
import tempfile
import time
from math import sqrt
from operator import mul
from pathlib import Path
from statistics import median
from typing import Final

from app.adapters.vectors import VectorFile
from app.core.embeddings import MOST_PIECES

NUMBERS: Final = 512
GOAL_S: Final = 0.3
ROUNDS: Final = 5
NEAREST: Final = 20
"""So many of them must be those that comparing all finds."""
_TOPICS: Final = 300


async def rows() -> list[dict[str, object]]:
    """One object a row of the benchmark; makes its own folder and removes it."""
    home = Path(tempfile.mkdtemp(prefix="minions-bench-"))
    try:
        return await asyncio.to_thread(_measured, home)
    finally:
        await asyncio.to_thread(shutil.rmtree, home)


def _measured(home: Path) -> list[dict[str, object]]:
    made = random.Random(5)  # noqa: S311 - nothing secret
    topics = [[made.gauss(0, 1) for _ in range(NUMBERS)] for _ in range(_TOPICS)]
    noise = [made.gauss(0, 1.2) for _ in range(100_003)]

    def about(topic: int, number: int) -> list[float]:
        begin = number * NUMBERS % (len(noise) - NUMBERS)
        numbers = list(map(sum, zip(topics[topic], noise[begin : begin + NUMBERS], strict=True)))
        length = sqrt(sum(map(mul, numbers, numbers)))
        return [one / length for one in numbers]

    pieces = {number.to_bytes(32): about(number % _TOPICS, number) for number in range(MOST_PIECES)}
    question, asked = b"?" * 32, topics[7]
    file = VectorFile(home, 1, "a model")
    file.keep(pieces | {question: asked})
    taken = [_timed(file, question, pieces) for _ in range(ROUNDS)]
    began = time.perf_counter()
    best = sorted(pieces, key=lambda key: -sum(map(mul, asked, pieces[key])))
    alone = time.perf_counter() - began
    assert set(file.nearest(question, pieces, most=NEAREST)) == set(best[:NEAREST])
    return [
        {
            "name": f"the nearest of {MOST_PIECES:,} pieces by meaning",
            "value": round(median(taken), 3),
            "unit": "s",
            "reference": f"comparing all of them in memory: {alone:.3f} s",
            "ratio": round(median(taken) / alone, 2),
            "goal": f"<= {GOAL_S:g} s",
            "met": median(taken) <= GOAL_S,
            "runs": ROUNDS,
        }
    ]


def _timed(file: VectorFile, question: bytes, pieces: dict[bytes, list[float]]) -> float:
    began = time.perf_counter()
    file.nearest(question, pieces, most=NEAREST)
    return time.perf_counter() - began
