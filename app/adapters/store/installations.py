"""What one App has noted of where it is installed."""

from collections.abc import Collection, Sequence
from datetime import timedelta

from sqlalchemy import and_, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncEngine

from app.adapters.store import tables
from app.adapters.store.reachable import reachable
from app.core.installations import Listed, Lost


class PostgresRegister:
    """`Register` on PostgreSQL."""

    def __init__(self, engine: AsyncEngine, app_id: str) -> None:
        self._engine = engine
        self._app_id = app_id

    async def note_listed(self, listed: Sequence[Listed], settled: timedelta) -> Sequence[int]:
        """Note that these are there and this App's; answer with those that were taken for removed."""
        if not listed:
            return []
        row = tables.installations.c
        state = {one.id: "suspended" if one.is_suspended else "active" for one in listed}
        rows = [
            {"id": one.id, "account": one.account, "state": state[one.id], "app_id": self._app_id} for one in listed
        ]
        noted = upsert(tables.installations).values(rows)
        # How it stands is what deliveries say: a list that is read while they arrive knows no better.
        is_here = {"app_id": self._app_id, "missing_since": None}
        removed = select(row.id).where(
            row.id.in_(state), row.state == "deleted", row.changed_at <= func.now() - settled
        )
        async with reachable(), self._engine.begin() as connection:
            back = [one for (one,) in await connection.execute(removed.order_by(row.id).with_for_update())]
            for number in back:
                again = update(tables.installations).where(row.id == number)
                await connection.execute(again.values(state=state[number], changed_at=func.now()))
            await connection.execute(noted.on_conflict_do_update(index_elements=["id"], set_=is_here))
        return back

    async def lost(self, listed: Collection[int], doubt: timedelta, at_most: int) -> Sequence[Lost]:
        """Installations of this App that are not taken for removed and not among those listed."""
        row = tables.installations.c
        was_missing = and_(row.missing_since.is_not(None), row.missing_since <= func.now() - doubt)
        ours = select(row.id, row.account, was_missing.label("was_missing")).where(
            row.app_id == self._app_id, row.state != "deleted", row.id.not_in(listed)
        )
        # Those that were asked for least lately first, so that a few that give no answer hold up no others for long.
        query = ours.order_by(row.missing_since.nulls_first(), row.id).limit(at_most)
        async with reachable(), self._engine.connect() as connection:
            found = await connection.execute(query)
            return [Lost(id=one.id, account=one.account, was_missing=one.was_missing) for one in found]

    async def note(self, installation_id: int, *, is_missing: bool) -> None:
        """Note that GitHub says that there is none, unless that is noted already, or that there is one."""
        row = tables.installations.c
        since = func.coalesce(row.missing_since, func.now()) if is_missing else None
        ours = update(tables.installations).where(row.id == installation_id, row.app_id == self._app_id)
        async with reachable(), self._engine.begin() as connection:
            await connection.execute(ours.values(missing_since=since))
