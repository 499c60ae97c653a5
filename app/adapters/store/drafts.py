"""What somebody asks for becomes a run: delivery, rank, row and job, by one statement.

Labels come while GitHub floods us with what others check. Each word to the database costs this process more than what
the database does about it, so there is one, and no transaction around it: a statement is one by itself.
"""

import asyncio
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Boolean, ColumnElement, bindparam, exists, insert, literal, literal_column, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.adapters.store import places, tables, withdrawals
from app.adapters.store.jobs import Queue
from app.adapters.store.reachable import reachable
from app.core.plain import plain
from app.core.run import Status
from app.core.store import Delivery, Draft, Receipt
from app.core.task import Person, Repository, Task

_OF_RUN: Final = (
    *("key", "intent", "installation_id", "repository_id", "number", "task"),
    *("blueprint", "blueprint_version", "at", "terms"),
)
_OF_DELIVERY: Final = ("app_id", "guid", "event", "action", "reason")

_REHEARSED: Final = 8
"""Connections that know the statement before the first label comes, of the ten that are kept."""
_TIMES: Final = 6
"""A connection prepares a statement when it meets it for the sixth time.
https://www.psycopg.org/psycopg3/docs/advanced/prepare.html
"""


class Drafts:
    """Makes runs of drafts, one of each."""

    def __init__(self, engine: AsyncEngine, queue: Queue) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")
        self._statement = _statement(queue)

    async def take(self, delivery: Delivery | None, draft: Draft, reason: str) -> Receipt:
        """Store a delivery with the run that it asks for."""
        try:
            async with reachable(), self._engine.connect() as connection:
                return await self.store(connection, delivery, draft, reason)
        except IntegrityError as error:
            if delivery is not None and _is_about(error, tables.deliveries.name):
                return delivery.known()  # it came twice at once, and the other one was quicker
            raise

    async def rehearse(self) -> None:
        """Open connections, and have the statement prepared on each: else the first labels of a flood wait for both."""
        task = Task(
            repository=Repository(id=0, full_name="none/none", installation_id=0),
            number=0,
            title="",
            body="",
            requester=Person(id=0, login="none"),
            asked_at=datetime.now(UTC),
        )
        draft = Draft(intent="", task=task, blueprint="", blueprint_version=0, start="")
        nothing = {**_words(Delivery(app_id="", guid="", event="", action=""), draft, ""), "is_real": False}

        async def once() -> None:
            async with self._engine.connect() as connection:
                for _ in range(_TIMES):
                    await connection.execute(self._statement, nothing)

        async with reachable():
            await asyncio.gather(*(once() for _ in range(_REHEARSED)))

    async def store(self, connection: AsyncConnection, delivery: Delivery | None, draft: Draft, reason: str) -> Receipt:
        """The same in somebody's transaction. Raises IntegrityError if the delivery comes twice at once."""
        words = _words(delivery, draft, reason)
        found = (await connection.execute(self._statement, words)).one()
        if found.is_known and delivery is not None:
            return delivery.known()
        if found.run_id is None:
            return Receipt(reason="This very request was received before: nothing to do.")
        if found.is_withdrawn:
            reason = f"{reason} It was taken back before this arrived: it ends at once if who did so may write there."
        return Receipt(reason=reason, run_id=found.run_id, is_new=True)


def _words(delivery: Delivery | None, draft: Draft, reason: str) -> Mapping[str, Any]:
    """What the statement has to be told."""
    told = dict.fromkeys(_OF_DELIVERY) if delivery is None else {**delivery.model_dump(), "reason": reason}
    repository = draft.task.repository
    asked = {
        "key": secrets.token_urlsafe(24),  # 192 bits: the address of its page is a capability
        "intent": draft.intent,
        "installation_id": repository.installation_id,
        "repository_id": repository.id,
        "number": draft.task.number,
        "task": plain(draft.task.model_dump(mode="json")),
        "blueprint": draft.blueprint,
        "blueprint_version": draft.blueprint_version,
        "at": draft.start,
        "terms": {"is_open": True} if draft.is_open else {},
        "asked_at": draft.task.asked_at,
    }
    return {**told, **asked, **places.above(draft), "is_real": True}


def _statement(queue: Queue) -> Any:
    """Everything about one draft. Its parts see the tables as they were before it, and each other by what they answer.

    A delivery that is stored already makes nothing; one that was not, and is stored by another statement just now,
    breaks this one off as a whole. What is not real leaves no trace.
    """
    delivery, run = tables.deliveries.c, tables.runs.c
    same = (delivery.app_id == _given(delivery.app_id), delivery.guid == _given(delivery.guid))
    is_known = exists(select(delivery.guid).where(*same))
    is_real = bindparam("is_real", type_=Boolean())
    values: dict[str, ColumnElement[Any]] = {name: _given(run[name]) for name in _OF_RUN}
    values |= {"rank": places.RANK, "status": literal(Status.QUEUED.value)}
    values |= dict.fromkeys(("state", "trail"), literal_column("'{}'::jsonb", JSONB))
    made = (
        upsert(tables.runs)
        .from_select(list(values), select(*values.values()).where(~is_known, is_real))
        .on_conflict_do_nothing(index_elements=["intent"])
        .returning(run.id, run.rank, run.repository_id, run.number)
        .cte("made")
    )
    run_id = select(made.c.id).scalar_subquery()
    arrived = select(*(_given(delivery[name]) for name in _OF_DELIVERY), run_id)
    stored = (
        insert(tables.deliveries)
        .from_select([*_OF_DELIVERY, "run_id"], arrived.where(_given(delivery.guid).is_not(None), ~is_known, is_real))
        .returning(delivery.guid)
        .cte("stored")
    )
    told = withdrawals.told(made)
    is_withdrawn = exists(select(told.c.id))
    job = select(queue.putting(made.c.id, -made.c.rank)).scalar_subquery()
    return select(
        is_known.label("is_known"), run_id.label("run_id"), is_withdrawn.label("is_withdrawn"), job.label("job")
    ).add_cte(stored)


def _given(column: Any) -> ColumnElement[Any]:
    return bindparam(column.name, type_=column.type)


def _is_about(error: IntegrityError, table: str) -> bool:
    return getattr(getattr(error.orig, "diag", None), "table_name", "") == table
