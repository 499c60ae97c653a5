"""A flood of other Apps' checks, and people's labels in it: the receiver on a real PostgreSQL, beside Probot's.

Both get the same bodies at the same pace, one after the other: a receiver that cannot keep up answers fewer a second.
Ours stores each label with its run and its job; Probot's handler counts them in memory.
"""

import asyncio
import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles

from tests.bench import webhook
from tests.bench.database import database
from tests.bench.probot import PATH, NotInstalled, probot

SECONDS = 30
FOREIGN_A_SECOND = 1_000
LABELS_A_SECOND = 50
CONNECTIONS = 24
LABEL_CONNECTIONS = 8
COMMITS = 500
"""Different commits that the checks are about."""
P99_MS = 250
GROWTH_MB = 40
"""Of the receiver, from its first second on: what 30,000 deliveries may leave behind, which is caches."""


@dataclass
class Taken:
    """What a receiver did with the flood."""

    foreign: int = 0
    labels: list[float] = field(default_factory=list)
    """Milliseconds that each took."""
    errors: int = 0
    seconds: float = 0.0
    growth_mb: float = 0.0

    @property
    def foreign_a_second(self) -> float:
        """Checks that were answered."""
        return self.foreign / self.seconds

    @property
    def p99_ms(self) -> float:
        """Of the labels."""
        return quantiles(self.labels, n=100)[98]


async def rows() -> list[dict[str, object]]:
    """Foreign checks a second, the labels' p99, errors and memory."""
    async with database() as url:
        with webhook.process(webhook.serve_minions, url) as (port, pid):
            ours = await _flooded(port, pid, "/webhook")
    try:
        async with probot(webhook.SECRET) as (port, pid):
            peer, name = await _flooded(port, pid, PATH), "Probot's receiver"
    except NotInstalled as why:
        peer, name = None, str(why)
    return _rows(ours, peer, name)


def _rows(ours: Taken, peer: Taken | None, name: str) -> list[dict[str, object]]:
    flood = f"webhook, {FOREIGN_A_SECOND} foreign checks and {LABELS_A_SECOND} labels a second"
    figures = [
        (
            f"{flood}: checks",
            "requests/s",
            ours.foreign_a_second,
            peer and peer.foreign_a_second,
            0.98 * FOREIGN_A_SECOND,
        ),
        ("… labels, p99", "ms", ours.p99_ms, peer and peer.p99_ms, P99_MS),
        ("… errors", "answers", float(ours.errors), peer and float(peer.errors), 0.0),
        ("… growth of the receiver", "MB", ours.growth_mb, peer and peer.growth_mb, GROWTH_MB),
    ]
    made: list[dict[str, object]] = []
    for index, (what, unit, value, reference, goal) in enumerate(figures):
        is_more = index == 0
        made.append(
            {
                "name": what,
                "value": round(value, 2),
                "unit": unit,
                "reference": name if reference is None else f"{name}: {reference:.2f} {unit}",
                "ratio": round(value / reference, 3) if reference else None,
                "goal": f"{'>=' if is_more else '<='} {goal:g} {unit}",
                "met": value >= goal if is_more else value <= goal,
                "runs": 1,
            }
        )
    return made


async def _flooded(port: int, pid: int, path: str) -> Taken:
    checks = [_check(number, path) for number in range(COMMITS)]
    labels = [webhook.labeled(number, path) for number in range(SECONDS * LABELS_A_SECOND)]
    taken = Taken()
    await _paced(port, checks[:50], 0.001, Taken(), is_label=False)  # the first warm up
    began, before = time.perf_counter(), _resident_mb(pid)
    foreign = SECONDS * FOREIGN_A_SECOND // CONNECTIONS
    await asyncio.gather(
        *(
            _paced(port, _round(checks, number, foreign), CONNECTIONS / FOREIGN_A_SECOND, taken, is_label=False)
            for number in range(CONNECTIONS)
        ),
        *(
            _paced(port, labels[number::LABEL_CONNECTIONS], LABEL_CONNECTIONS / LABELS_A_SECOND, taken, is_label=True)
            for number in range(LABEL_CONNECTIONS)
        ),
    )
    taken.seconds = time.perf_counter() - began
    taken.growth_mb = _resident_mb(pid) - before
    return taken


def _round(checks: Sequence[bytes], start: int, number: int) -> list[bytes]:
    return [checks[(start * 37 + index) % len(checks)] for index in range(number)]


async def _paced(port: int, requests: Sequence[bytes], every_s: float, taken: Taken, *, is_label: bool) -> None:
    """Send one request every so often; behind time, as fast as answers come. Times count from when it was due."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = time.perf_counter()
    for number, request in enumerate(requests):
        due = began + number * every_s
        if (pause := due - time.perf_counter()) > 0:
            await asyncio.sleep(pause)
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        await _skip_body(reader, head)
        if not head.startswith(b"HTTP/1.1 20"):
            taken.errors += 1
        if is_label:
            taken.labels.append(1_000 * (time.perf_counter() - due))
        else:
            taken.foreign += 1
    writer.close()
    await writer.wait_closed()


async def _skip_body(reader: asyncio.StreamReader, head: bytes) -> None:
    fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:] if b":" in line)
    if length := int(fields.get(b"content-length", b"0")):
        await reader.readexactly(length)
    elif b"chunked" in fields.get(b"transfer-encoding", b""):
        while size := int(await reader.readline(), 16):
            await reader.readexactly(size + 2)
        await reader.readline()


def _check(number: int, path: str) -> bytes:
    """As long as GitHub's: some 10 kB."""
    sha = hashlib.sha1(str(number).encode(), usedforsecurity=False).hexdigest()
    app = {"id": 15_368, "slug": "github-actions", "name": "GitHub Actions", "description": "x" * 2_000}
    run = {"id": number, "head_sha": sha, "status": "completed", "conclusion": "success", "app": app, "external_id": ""}
    payload = {
        "action": "completed",
        "check_run": run
        | {"name": "unit tests", "output": {"title": None, "summary": "x" * 5_000}, "pull_requests": []},
        "repository": {"id": 7, "full_name": "octo/dog", "owner": {"login": "octo"}, "description": "x" * 1_000},
        "installation": {"id": 3},
        "sender": {"id": 2, "login": "github-actions[bot]", "type": "Bot"},
    }
    return webhook.request("check_run", payload, number, path)


def _resident_mb(pid: int) -> float:
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024
