"""A worker that dies. Tests start it; it reads orders on standard input, one JSON object a line, and answers each.

It is forked itself, as `tests/fork_server.py` says. Every order gets a child of its own by `fork`, before any event
loop, thread or connection exists: the child opens everything itself, as a worker that was just started does.
What it runs is the real app, put together as `app.worker` does it; only the store counts what it commits and can end
the process by SIGKILL at a chosen commit.
"""

import asyncio
import gc
import os
import select
import signal
import sys
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Literal, NoReturn, Protocol, TypeVar

import anyio._backends._asyncio  # noqa: F401 # httpx imports both with its first client, which only a child has
import httpcore  # noqa: F401
from pydantic import BaseModel

from app.adapters.litellm_library import warm_up
from app.adapters.store import PostgresStore, ProcrastinateQueue, connected
from app.adapters.store.connections import Connections
from app.adapters.store.url import with_driver
from app.core.journal import Entry, Journal, ModelAsked, ToolCalled
from app.core.places import ANY_NUMBER, MostOpen
from app.core.run import Run
from app.github import github
from app.home import prepared_home
from app.log import redactor_of
from app.outside import outside
from app.settings import Settings, load
from blueprints import BLUEPRINTS

T = TypeVar("T")

LONGEST_ATTEMPT_S = 60.0
"""An undisturbed run takes a few seconds; what lasts longer hangs, and the answer says so."""


class Order(BaseModel, frozen=True):
    """One attempt to advance a run."""

    run: int
    database: str
    die_at: int = 0
    """Die at this many-th new commit of the attempt; 0 means never."""
    when: Literal["before", "after"] = "after"
    """Right before the commit is made (its effect has happened), or right after it was made."""
    nodes: Sequence[str] = ()
    """Only saves of the run after a visit of one of these count; every commit does if there are none."""
    kill_after_s: float = 0.0
    """Kill the child from outside after so long, wherever it is; 0 means never."""


class Answer(BaseModel, frozen=True):
    """What became of an attempt."""

    died_by: int
    """Number of the signal; 0 if the attempt came to its end."""
    exit_code: int
    hung: bool
    commits: Sequence[str]
    """What was committed, in order. A question to the model that was written down once more begins with `again:`."""


class Fuse:
    """Counts commits, tells them through a pipe, and ends this process at the one that was ordered."""

    def __init__(self, order: Order, pipe: int) -> None:
        self._order = order
        self._pipe = pipe
        self._count = 0

    async def commit(self, name: str, effect: Callable[[], Awaitable[T]], *, again: bool = False, node: str = "") -> T:
        """Do `effect`, which commits something. What is done again is the same commit as before and does not count."""
        counts = not again and (not self._order.nodes or node in self._order.nodes)
        self._count += counts
        is_the_end = counts and self._count == self._order.die_at
        if is_the_end and self._order.when == "before":
            self._die()
        result = await effect()
        self._tell(f"{'again: ' if again else ''}{name}")
        if is_the_end:
            self._die()
        return result

    def _tell(self, name: str) -> None:
        os.write(self._pipe, f"{name}\n".encode())

    def _die(self) -> NoReturn:
        """As kill -9 from outside: no `finally`, no flush, no goodbye to anybody."""
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError


class JournalOfAgent(Protocol):
    """What the fuse stands in front of."""

    async def entries(self) -> Sequence[Entry]: ...

    async def append(self, *entries: Entry, patch: bytes | None = None) -> None: ...


class FusedJournal:
    """A journal whose every write is a commit."""

    def __init__(self, journal: JournalOfAgent, visit: int, fuse: Fuse) -> None:
        self._journal = journal
        self._visit = visit
        self._fuse = fuse
        self._last: Entry | None = None

    async def entries(self) -> Sequence[Entry]:
        """As `Journal` says."""
        entries = await self._journal.entries()
        self._last = entries[-1] if entries else None
        return entries

    async def append(self, *entries: Entry, patch: bytes | None = None) -> None:
        """As `Journal` says. A question that is asked once more, as nobody knows what became of it, is told so."""
        again = self._is_again(entries)
        name = f"visit {self._visit}: {', '.join(map(_named, entries))}"
        await self._fuse.commit(name, lambda: self._journal.append(*entries, patch=patch), again=again)
        self._last = entries[-1]

    def _is_again(self, entries: Sequence[Entry]) -> bool:
        return isinstance(entries[0], ModelAsked) and isinstance(self._last, ModelAsked)


def _named(entry: Entry) -> str:
    return f"{entry.kind} {entry.tool}" if isinstance(entry, ToolCalled) else entry.kind


class FusedStore(PostgresStore):
    """The store, whose every save is a commit."""

    def __init__(self, engine: Connections, queue: ProcrastinateQueue, fuse: Fuse) -> None:
        super().__init__(engine, queue)
        self._fuse = fuse

    async def admit(self, run: Run, own: MostOpen = ANY_NUMBER) -> Run:
        """As `Store` says."""
        return await self._fuse.commit("admitted", lambda: PostgresStore.admit(self, run, own))

    async def save(self, run: Run, *, patch: bytes | None = None, advance_at: datetime | None = None) -> Run:
        """As `Store` says."""
        return await self._fuse.commit(
            _name(run),
            lambda: PostgresStore.save(self, run, patch=patch, advance_at=advance_at),
            node=run.visits[-1].node if run.visits else "",
        )

    def journal(self, run_id: int, visit: int) -> Journal:  # type: ignore[override]  # narrower there than it need be
        """As `Store` says."""
        return FusedJournal(super().journal(run_id, visit), visit, self._fuse)


def _name(run: Run) -> str:
    """Everything about a saved run that is the same each time: not its ids, times and figures."""
    trail = ", ".join(name for name, value in run.trail if value not in {None, ""})
    told = ", reported" if run.is_reported else ""
    state = "with state" if run.state else "without state"
    return f"run {run.status} at {run.at}, {len(run.visits)} visits, {state}, {run.tries} tries{told}; knows {trail}"


async def advance(settings: Settings, order: Order, pipe: int) -> None:
    """One attempt, as `minions work` makes it for a job."""
    url = with_driver(order.database)
    fuse = Fuse(order, pipe)
    redactor = redactor_of(settings)
    async with connected(url) as engine, github(settings, redactor) as (_, forges):
        store = FusedStore(engine, ProcrastinateQueue(url), fuse)
        worker = await outside(settings, store, redactor)
        await worker.runner(BLUEPRINTS, forges.of).advance(order.run)


Advance = Callable[[Order, int], Coroutine[Any, Any, None]]
"""One attempt; what it commits it tells to the pipe of that number."""


def attempt(advance: Advance, order: Order) -> Answer:
    """Fork a child for one attempt and wait for it, or kill it when its time has come."""
    listen, tell = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(listen)
            asyncio.run(advance(order, tell))
            code = 0
        except BaseException:  # the outermost edge of the child: it must never come back into the server's loop
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(tell)
    watched = os.pidfd_open(child)
    try:
        hung = not _ended(watched, order.kill_after_s or LONGEST_ATTEMPT_S)
        if hung:
            signal.pidfd_send_signal(watched, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
    finally:
        os.close(watched)
    with os.fdopen(listen) as told:
        commits = told.read().splitlines()
    died_by = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    exit_code = 0 if died_by else os.waitstatus_to_exitcode(status)
    return Answer(died_by=died_by, exit_code=exit_code, hung=hung and not order.kill_after_s, commits=commits)


def _ended(watched: int, within_s: float) -> bool:
    poll = select.poll()
    poll.register(watched, select.POLLIN)
    return bool(poll.poll(within_s * 1_000))


def main() -> None:
    """Answer orders until there are no more."""
    settings = load()
    prepared_home(settings)
    answer_orders(partial(advance, settings))


def answer_orders(advance: Advance) -> None:
    """Answer each line of standard input, when the model client is there."""
    asyncio.run(warm_up())
    gc.collect()
    gc.freeze()
    _say("ready")
    for line in sys.stdin:
        _say(attempt(advance, Order.model_validate_json(line)).model_dump_json())


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
