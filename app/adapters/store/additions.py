"""What is added to journals, of all runs of this process: what comes at the same time is one statement, and one commit.

A minion writes twice a turn, and waits for it. With fifty at work most of that is the same work done fifty times.
"""

import asyncio
import json
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, LiteralString

import psycopg

from app.adapters.store.writers import Writers

_TOGETHER: Final = 50
"""Additions in one statement; more wait for the next one."""
_AT_ONCE: Final = 2
"""Statements. What comes while so many are under way is written together next."""
PATIENCE_S: Final = 0.1
"""How long many wait for a row that somebody else has locked. Then each goes by itself: only one has to wait for it."""

_BROKEN_OFF: Final = frozenset({"08", "57"})
"""Classes of PostgreSQL's errors: the connection broke, or an operator ended it, perhaps right after the commit."""

WRITE: Final[LiteralString] = """
    WITH given AS MATERIALIZED (
        SELECT * FROM ROWS FROM (
            json_to_recordset(%(places)s::json) AS (run_id bigint, visit int, number int, is_alone bool),
            unnest(%(entries)s::text[])
        ) AS given (run_id, visit, number, is_alone, entry)
    ),
    written AS (
        INSERT INTO journal (run_id, visit, number, entry)
        SELECT run_id, visit, number, entry::json FROM given
        WHERE NOT is_alone OR NOT EXISTS (SELECT FROM holds WHERE holds.run_id = given.run_id)
            AND NOT EXISTS (SELECT FROM purses)
        RETURNING run_id
    ),
    begun AS (SELECT DISTINCT run_id FROM written),
    saved AS (
        UPDATE runs SET patch = changed.patch
        FROM unnest(%(changed)s::bigint[], %(patches)s::bytea[]) AS changed (run_id, patch) JOIN begun USING (run_id)
        WHERE runs.id = changed.run_id
    ),
    charged AS (
        INSERT INTO ledger (run_id, visit, turn, model, input_tokens, output_tokens, cached_tokens, usd)
        SELECT charge.* FROM json_to_recordset(%(charges)s::json) AS charge (
            run_id bigint, visit int, turn int, model text,
            input_tokens int, output_tokens int, cached_tokens int, usd float
        ) JOIN begun USING (run_id)
        ON CONFLICT DO NOTHING
    )
    SELECT run_id, pg_notify('minions_run', run_id::text) FROM begun
"""
"""All that belongs to some additions. With a transaction around several statements it takes twice as long.

PostgreSQL makes all of its parts or none: https://www.postgresql.org/docs/current/queries-with.html
It answers with the runs whose addition was written: what is written alone is not, if an answer has to be settled with
a purse.
"""


@dataclass(frozen=True)
class Addition:
    """What one visit of a run adds to its journal: `entries` are JSON, `first` is the number of the first one."""

    run_id: int
    visit: int
    first: int
    entries: Sequence[str]
    patch: bytes | None = None
    """The change of the run from now on, if it is another one."""
    charge: Mapping[str, Any] | None = None
    """For the ledger: turn, model, tokens, dollars."""
    is_alone: bool = False
    """Whether it is written only if nothing is to be settled with a purse."""


_Waiting = tuple[Addition, asyncio.Future[bool]]
"""With what its writer waits for: whether it was written."""


def values(additions: Sequence[Addition]) -> dict[str, Any]:
    """What `WRITE` is given for these, each of another run."""
    places = [
        {"run_id": one.run_id, "visit": one.visit, "number": one.first + number, "is_alone": one.is_alone}
        for one in additions
        for number in range(len(one.entries))
    ]
    charges = [{"run_id": one.run_id, "visit": one.visit, **one.charge} for one in additions if one.charge]
    changes = [(one.run_id, one.patch) for one in additions if one.patch is not None]
    return {
        "places": json.dumps(places),
        "entries": [entry for one in additions for entry in one.entries],
        "changed": [run_id for run_id, _ in changes],
        "patches": [patch for _, patch in changes],
        "charges": json.dumps(charges),
    }


class Additions:
    """Writes them in the order in which they come."""

    def __init__(self, patient: Writers, impatient: Writers) -> None:
        """`impatient` gives up soon where somebody else has locked a row: it is for many at once."""
        self._patient = patient
        self._impatient = impatient
        self._waiting: list[_Waiting] = []
        self._at_work: set[asyncio.Task[None]] = set()
        self._going_on = 0

    async def write(self, addition: Addition) -> bool:
        """Have it durable; False if nothing was written, because there is a purse to settle with.

        Who gives up waiting does not know whether it is written. Raises psycopg.Error: IntegrityError if there is such
        an entry.
        """
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((addition, done))
        if self._going_on < _AT_ONCE:
            self._going_on += 1
            self._start(self._go_on())
        return await done

    async def close(self) -> None:
        """Wait for what is under way, and close the connections. Nobody may write any more."""
        while self._at_work:
            await asyncio.wait(self._at_work)
        await self._impatient.close()
        await self._patient.close()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._at_work.add(task)
        task.add_done_callback(self._at_work.discard)

    async def _go_on(self) -> None:
        try:
            while taken := self._next():
                await self._together(taken)
        finally:
            self._going_on -= 1

    async def _together(self, taken: Sequence[_Waiting]) -> None:
        try:
            written = await _written(self._impatient, [addition for addition, _ in taken])
        except psycopg.Error as error:
            if (error.sqlstate or "08")[:2] in _BROKEN_OFF:  # nobody knows what became of it
                _fail(taken, error)
                return
            for addition, done in taken:  # nothing was written: one of them must not be, or has to wait
                self._start(self._alone(addition, done))
        except Exception as error:  # a fault of ours is that of all who wait for it, and of nobody who comes later
            _fail(taken, error)
        else:
            for addition, done in taken:
                _tell(done, is_written=addition.run_id in written)

    def _next(self) -> list[_Waiting]:
        """Those that waited longest, one of a run: the entries of a run are written in their order."""
        taken: list[_Waiting] = []
        left: list[_Waiting] = []
        runs: set[int] = set()
        for one in self._waiting:
            run_id = one[0].run_id
            (left if run_id in runs or len(taken) >= _TOGETHER else taken).append(one)
            runs.add(run_id)
        self._waiting = left
        return taken

    async def _alone(self, addition: Addition, done: asyncio.Future[bool]) -> None:
        try:
            _tell(done, is_written=bool(await _written(self._patient, [addition])))
        except Exception as error:  # whoever waits raises it
            _fail([(addition, done)], error)


async def _written(writers: Writers, additions: Sequence[Addition]) -> set[int]:
    """The runs whose addition was written."""
    return {run_id for run_id, _ in await writers.write(WRITE, values(additions))}


def _tell(done: asyncio.Future[bool], *, is_written: bool) -> None:
    if not done.done():  # who waited may have gone
        done.set_result(is_written)


def _fail(taken: Sequence[_Waiting], error: Exception) -> None:
    for _, done in taken:
        if not done.done():
            done.set_exception(error)
