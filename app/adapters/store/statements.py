"""Signed statements of runs, and the public keys that they were signed with."""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection

from app.adapters.store import tables


async def keep(connection: AsyncConnection, run_id: int, head_sha: str, envelope: str) -> None:
    """Keep an envelope; a later one about the same commit replaces it."""
    values = {"envelope": envelope, "made_at": func.now()}
    await connection.execute(
        upsert(tables.statements)
        .values(run_id=run_id, head_sha=head_sha, **values)
        .on_conflict_do_update(index_elements=["run_id", "head_sha"], set_=values)
    )


async def newest(connection: AsyncConnection, run_id: int) -> str:
    """The envelope about what the run published last; empty if there is none."""
    row = tables.statements.c
    query = select(row.envelope).where(row.run_id == run_id).order_by(row.made_at.desc()).limit(1)
    return str((await connection.execute(query)).scalar_one_or_none() or "")


async def keep_key(connection: AsyncConnection, key_id: str, pem: str) -> None:
    """Let everybody know a public key of this installation."""
    await connection.execute(upsert(tables.signing_keys).values(id=key_id, pem=pem).on_conflict_do_nothing())


async def keys(connection: AsyncConnection) -> Sequence[str]:
    """Every public key of this installation, the oldest first."""
    row = tables.signing_keys.c
    return list((await connection.execute(select(row.pem).order_by(row.made_at, row.id))).scalars())
