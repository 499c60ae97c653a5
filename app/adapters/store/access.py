"""Tokens of the HTTP API in PostgreSQL."""

from collections.abc import Sequence

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncEngine

from app.adapters.store import tables
from app.adapters.store.reachable import reachable
from app.core.access import ApiToken

_row = tables.api_tokens.c
_SHOWN = (_row.id, _row.name, _row.login, _row.repositories, _row.created_at, _row.used_at, _row.revoked_at)


class PostgresTokens:
    """`ApiTokens` on PostgreSQL."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def find(self, digest: str) -> ApiToken | None:
        """The token with this digest, noting that it is used."""
        used = update(tables.api_tokens).where(_row.digest == digest, _row.revoked_at.is_(None))
        async with reachable(), self._engine.begin() as connection:
            found = await connection.execute(used.values(used_at=func.now()).returning(*_SHOWN))
            row = found.mappings().one_or_none()
        return ApiToken.model_validate(dict(row)) if row else None

    async def add(self, name: str, login: str, repositories: Sequence[str], digest: str) -> ApiToken | None:
        """Keep a new one; None if a token of this name is in use."""
        values = {"name": name, "login": login, "repositories": list(repositories), "digest": digest}
        new = upsert(tables.api_tokens).values(**values).on_conflict_do_nothing().returning(*_SHOWN)
        async with reachable(), self._engine.begin() as connection:
            row = (await connection.execute(new)).mappings().one_or_none()
        return ApiToken.model_validate(dict(row)) if row else None

    async def revoke(self, name: str) -> bool:
        """Make the token of this name useless; False if there is none."""
        revoked = update(tables.api_tokens).where(_row.name == name, _row.revoked_at.is_(None))
        async with reachable(), self._engine.begin() as connection:
            return bool((await connection.execute(revoked.values(revoked_at=func.now()))).rowcount)

    async def all(self) -> Sequence[ApiToken]:
        """Every token there ever was, oldest first."""
        async with reachable(), self._engine.connect() as connection:
            found = (await connection.execute(select(*_SHOWN).order_by(_row.id))).mappings().all()
        return [ApiToken.model_validate(dict(one)) for one in found]
