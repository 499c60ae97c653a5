"""That somebody wants no work on an issue, noted where there is none.

GitHub promises no order: what asked for the work may arrive later, and is then told so at once.
"""

from datetime import timedelta
from typing import Final

from pydantic import BaseModel
from sqlalchemy import CTE, bindparam, delete, func, insert, literal, literal_column, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.store import tables
from app.core.events import StopRequested
from app.core.orders import Stop
from app.core.task import Person, Task

_KEPT: Final = timedelta(days=7)
"""Later nothing is delivered any more. GitHub can be asked for 3 days, its Enterprise Server for 7:
https://docs.github.com/en/webhooks/testing-and-troubleshooting-webhooks/redelivering-webhooks
"""
_row = tables.withdrawals.c


async def note(connection: AsyncConnection, event: StopRequested) -> None:
    """Note it, and forget what is too old; of several for one issue the newest counts."""
    requester = event.requester and event.requester.model_dump(mode="json")
    said = {"at": event.at, "intent": event.intent, "requester": requester}
    noted = upsert(tables.withdrawals).values(repository_id=event.repository.id, number=event.number, **said)
    newest = noted.on_conflict_do_update(
        index_elements=[_row.repository_id, _row.number], set_=said, where=_row.at < noted.excluded.at
    )
    await connection.execute(newest)
    await connection.execute(delete(tables.withdrawals).where(_row.at < func.now() - _KEPT))


class Withdrawal(BaseModel, frozen=True):
    """That somebody wants no work on an issue."""

    intent: str
    requester: Person | None


async def since(connection: AsyncConnection, task: Task) -> Withdrawal | None:
    """What was noted about the issue of a task after it was asked for."""
    here = (_row.repository_id == task.repository.id, _row.number == task.number, _row.at > task.asked_at)
    query = select(_row.intent, _row.requester).where(*here)
    found = (await connection.execute(query)).mappings().one_or_none()
    return Withdrawal.model_validate(dict(found)) if found else None


def told(run: CTE) -> CTE:
    """What tells a run that the same statement stores that it is not wanted any more, where that was noted.

    Needs `id`, `repository_id` and `number` of the run, and `asked_at`. What was asked for in the same second is let go
    on: GitHub tells no fractions.
    """
    order = tables.orders.c
    nobody = literal_column("'null'::jsonb", JSONB)
    stop = literal(Stop().model_dump(mode="json"), JSONB)
    values = {"run_id": run.c.id, "intent": _row.intent, "order": stop, "requester": _row.requester}
    values |= {"place": nobody, "task": nobody}
    is_same = (run.c.repository_id == _row.repository_id) & (run.c.number == _row.number)
    is_later = _row.at > bindparam("asked_at", type_=_row.at.type)
    noted = select(*values.values()).select_from(run.join(tables.withdrawals, is_same)).where(is_later)
    return insert(tables.orders).from_select(list(values), noted).returning(order.id).cte("told")
