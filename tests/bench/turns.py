"""What the agent loop costs beside the model, next to other harnesses: the same trajectory, server and commands.

Ours has the journal in PostgreSQL, every entry durable before anything follows from it. A turn is the gap between the
server's answer and the next question, the command of the trajectory included.
"""

import asyncio
import json
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import median
from typing import Final

from app.adapters.store.url import with_driver
from tests.bench.answers import KEPT, Answers, Told, served
from tests.bench.database import database
from tests.bench.minions import Answer, Order
from tests.bench.peers import PEERS, Held, NotInstalled, Peer, hold, install
from tests.bench.trajectory import CHANGED, LONG, TURNS, repository

_ROUNDS: Final = 5
_MOST_MS: Final = 16.0
_MOST_LONG_MS: Final = 25.0
_LATE: Final = 170
"""From this turn on a conversation is long."""
_MOST_START_S: Final = 0.3
_MOST_WHOLE_S: Final = 1.0
_MOST_MB: Final = 10.0
"""Of memory for each run that goes on at the same time."""
_AT_ONCE: Final = 50
_WORKERS: Final = {1: "one worker", 2: "two workers"}
"""A worker is one process, with one thread that thinks; of two processors each has one, as the README says."""
_FEWEST_TURNS_A_SECOND: Final = 150.0
_MOST_MB_IN_ALL: Final = 700.0
_MB: Final = 1_000_000


@dataclass(frozen=True)
class _Ours:
    """The worker that holds our conversations."""

    server: Answers
    process: asyncio.subprocess.Process

    async def hold(self, turns: int, names: Sequence[str]) -> tuple[list[Told], Answer]:
        """These conversations at once, each in a repository of its own."""
        with tempfile.TemporaryDirectory(prefix="minions-bench-") as folder:
            trees = [await asyncio.to_thread(repository, Path(folder) / name) for name in names]
            urls = tuple(self.server.url("ours", turns, name) for name in names)
            answer = await self._ask(Order(urls=urls, folders=tuple(map(str, trees))))
            if turns == TURNS:
                assert all("'new'" in (tree / "src" / name).read_text() for tree in trees for name in CHANGED)
        told = [await self.server.told("ours", turns, name) for name in names]
        assert {len(one.received) for one in told} == {turns}
        return told, answer

    async def _ask(self, order: Order) -> Answer:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(order.model_dump_json().encode() + b"\n")
        return Answer.model_validate(json.loads(await self.process.stdout.readline()))


async def rows() -> list[dict[str, object]]:
    """One object a row of the benchmark."""
    peers, missing = await asyncio.to_thread(_installed)
    async with served() as server, database() as url, _started(server, with_driver(url)) as ours:
        await ours.hold(TURNS, ["first"])  # connections and statements are there after it, as in a worker at work
        short, short_of = await _short(ours, peers)
        [late], _ = await ours.hold(LONG, [f"{KEPT}-long"])
        long_of = {peer.name: await hold(peer, server, LONG, "long") for peer in peers}
        alone = [await ours.hold(TURNS, [f"at-once-{number}" for number in range(_AT_ONCE)])]
        async with _started(server, with_driver(url)) as beside:
            await beside.hold(TURNS, ["beside"])
            halves = [[f"{each}-{number}" for number in range(_AT_ONCE // 2)] for each in ("one", "two")]
            shared = await asyncio.gather(ours.hold(TURNS, halves[0]), beside.hold(TURNS, halves[1]))
    gaps = [gap for told, _ in short for gap in told.gaps_ms()]
    starts = [told.received[0] - answer.began for told, answer in short]
    wholes = [answer.ended - answer.began for _, answer in short]
    gaps_of = {name: [gap for one in held for gap in one.told.gaps_ms()] for name, held in short_of.items()}
    late_of = {name: held.told.gaps_ms()[_LATE:] for name, held in long_of.items()}
    starts_of = {name: [one.start_s for one in held] for name, held in short_of.items()}
    wholes_of = {name: [one.whole_s for one in held] for name, held in short_of.items()}
    return [
        _beside(f"agent turn, 1 to {TURNS}, journal durable", gaps, gaps_of, missing, _MOST_MS, "ms"),
        _beside(f"agent turn, {_LATE} to {LONG}", late.gaps_ms()[_LATE:], late_of, missing, _MOST_LONG_MS, "ms"),
        _beside("run of a warm worker, to its first question", starts, starts_of, missing, _MOST_START_S, "s"),
        _beside(f"run of {TURNS} turns, whole", wholes, wholes_of, missing, _MOST_WHOLE_S, "s"),
        _prefix([*(told for told, _ in short), late]),
        *(_speed(each) for each in (alone, shared)),
        _memory(alone[0]),
    ]


def _installed() -> tuple[list[Peer], list[str]]:
    """The harnesses that there are, and why others are missing."""
    peers, missing = [], []
    for peer in PEERS:
        try:
            install(peer)
        except NotInstalled as error:
            missing.append(str(error))
        else:
            peers.append(peer)
    return peers, missing


@asynccontextmanager
async def _started(server: Answers, url: str) -> AsyncIterator[_Ours]:
    """A worker that has its model client."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.minions", url),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**24,
    )
    try:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
        yield _Ours(server, process)
    finally:
        process.kill()
        await process.wait()


async def _short(ours: _Ours, peers: Sequence[Peer]) -> tuple[list[tuple[Told, Answer]], Mapping[str, list[Held]]]:
    """The short trajectory, turn about, so that a busy moment of the machine meets all."""
    number = count(1)
    mine: list[tuple[Told, Answer]] = []
    theirs: dict[str, list[Held]] = {peer.name: [] for peer in peers}
    for _ in range(_ROUNDS):
        [told], answer = await ours.hold(TURNS, [f"{KEPT}-{next(number)}"])
        mine.append((told, answer))
        for peer in peers:
            theirs[peer.name].append(await hold(peer, ours.server, TURNS, f"short-{next(number)}"))
    return mine, theirs


def _beside(
    name: str,
    values: Sequence[float],
    theirs: Mapping[str, Sequence[float]],
    missing: Sequence[str],
    most: float,
    unit: str,
) -> dict[str, object]:
    """Medians, ours beside those of every peer; the goal is a figure, and to be below all of them."""
    value = median(values)
    medians = {peer: median(each) for peer, each in theirs.items()}
    best = min(medians.values(), default=None)
    said = ", ".join([*(f"{peer}: {figure:.4g} {unit}" for peer, figure in medians.items()), *missing])
    return {
        "name": name,
        "value": round(value, 3),
        "unit": unit,
        "reference": said,
        "ratio": round(value / best, 3) if best else None,
        "goal": f"<= {most:g} {unit} and below all",
        "met": value <= most and (best is None or value < best),
        "runs": len(values),
    }


def _prefix(told: Sequence[Told]) -> dict[str, object]:
    """Whether a provider can have cached what it is sent."""
    alike = sum(one.prefixes for one in told)
    return {
        "name": "… what was sent before is sent again, byte by byte",
        "value": alike,
        "unit": "runs",
        "reference": f"all runs whose requests were compared: {len(told)}",
        "ratio": round(alike / len(told), 3),
        "goal": "all",
        "met": alike == len(told),
        "runs": len(told),
    }


def _speed(held: Sequence[tuple[Sequence[Told], Answer]]) -> dict[str, object]:
    """What so many processes, which share a database, make of many runs at once."""
    turns = sum(len(told) for told, _ in held) * TURNS
    answers = [answer for _, answer in held]
    speed = turns / (max(answer.ended for answer in answers) - min(answer.began for answer in answers))
    most = sum(answer.most_bytes for answer in answers) / _MB
    return {
        "name": f"{_AT_ONCE} runs at once, {_WORKERS[len(held)]}",
        "value": round(speed, 1),
        "unit": "turns/s",
        "reference": f"memory in all: {most:.0f} MB",
        "ratio": None,
        "goal": f">= {_FEWEST_TURNS_A_SECOND:g} turns/s under {_MOST_MB_IN_ALL:g} MB",
        "met": speed >= _FEWEST_TURNS_A_SECOND and most < _MOST_MB_IN_ALL,
        "runs": turns // TURNS,
    }


def _memory(held: tuple[Sequence[Told], Answer]) -> dict[str, object]:
    """What each of many runs at once adds to one process."""
    told, answer = held
    more = (answer.most_bytes - answer.before_bytes) / len(told) / _MB
    alone = answer.before_bytes / _MB
    return {
        "name": "… memory for each of them",
        "value": round(more, 2),
        "unit": "MB",
        "reference": f"the process before: {alone:.0f} MB",
        "ratio": round(more / alone, 4),
        "goal": f"<= {_MOST_MB:g} MB",
        "met": more <= _MOST_MB,
        "runs": len(told),
    }
