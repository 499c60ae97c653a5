"""Requests in PostgreSQL: each stored together with the job that opens it, each with one run."""

import secrets
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import RowMapping, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.adapters.store import runs, tables
from app.adapters.store.alone import alone
from app.adapters.store.drafts import Drafts
from app.adapters.store.jobs import Queue
from app.adapters.store.reachable import reachable
from app.core import wording
from app.core.errors import NotFound
from app.core.events import Noticed
from app.core.plain import plain
from app.core.requests import Differs, Door, Request, TooMany, Wanted
from app.core.run import Run
from app.core.store import Draft
from app.core.task import Repository

_row = tables.requests.c
_TURN: Final = 0x74656C6C  # "tell"
_HOUR: Final = timedelta(hours=1)
_NEWS: Final = timedelta(days=7)
"""A run that goes on for longer is parked at its checks, which are over by then."""


class PostgresRequests:
    """`Requests` on PostgreSQL."""

    def __init__(self, engine: AsyncEngine, queue: Queue) -> None:
        self._engine = engine
        self._queue = queue
        self._drafts = Drafts(engine, queue)

    async def take(self, intent: str, wanted: Wanted, *, per_hour: int = 0) -> Request:
        """Keep a request with the job that opens it. Raises TooMany and Differs."""
        async with reachable(), self._engine.begin() as connection:
            if wanted.token_id is not None and per_hour:
                # The token's row is the lock: two requests at once must not both be the last one.
                token = tables.api_tokens.c.id == wanted.token_id
                await connection.execute(select(tables.api_tokens.c.id).where(token).with_for_update())
            found = await _one(connection, _row.intent == intent)
            if found is None:
                if wanted.token_id is not None and per_hour:
                    await _check_rate(connection, wanted.token_id, per_hour)
                found = await self._insert(connection, intent, wanted)
        if found.wanted != wanted:
            raise Differs("Something else was asked for by the same key before: use another key.")
        return found

    async def notice(self, connection: AsyncConnection, event: Noticed) -> None:
        """Keep what was noticed, once for a commit, with the job that looks whether it is to be told."""
        wanted = Wanted(
            door="event",
            full_name=event.repository.full_name,
            title=wording.noticed_title(event),
            body=wording.noticed_body(event),
            blueprint="",
            login="",
            source=event.name,
            suggestion=event.what,
        )
        words = (event.repository.id, event.what, event.name, event.sha)
        request = await self._insert(connection, f"noticed/{'/'.join(map(str, words))}", wanted)
        there = event.repository.model_dump(mode="json")
        await connection.execute(update(tables.requests).where(_row.id == request.id).values(repository=there))

    async def take_part(
        self, connection: AsyncConnection, intent: str, wanted: Wanted, known: Mapping[str, Any] | None
    ) -> int:
        """Keep what a campaign asks for, once, with the job that opens it; answer with its id.

        `known` is where its issue is, if it has one from an earlier go: `repository` and `number`.
        """
        request = await self._insert(connection, intent, wanted)
        if known is not None:
            await connection.execute(update(tables.requests).where(_row.id == request.id).values(**known))
        return request.id

    async def _insert(self, connection: AsyncConnection, intent: str, wanted: Wanted) -> Request:
        values = {
            "key": secrets.token_urlsafe(24),
            "intent": intent,
            "door": wanted.door,
            "token_id": wanted.token_id,
            "wanted": plain(wanted.model_dump(mode="json")),
        }
        new = upsert(tables.requests).values(**values).on_conflict_do_nothing(index_elements=["intent"])
        request_id = (await connection.execute(new.returning(_row.id))).scalar_one_or_none()
        if request_id is not None:
            await self._queue.put_request(connection, request_id)
        found = await _one(connection, _row.intent == intent)
        if found is None:
            raise NotFound("There is no such request.")
        return found

    async def load(self, request_id: int) -> Request:
        """The request. Raises NotFound."""
        return await self._found(_row.id == request_id)

    async def find(self, key: str) -> Request:
        """The request with this key. Raises NotFound."""
        return await self._found(_row.key == key)

    async def of_token(self, token_id: int, at_most: int) -> Sequence[tuple[Request, Run | None]]:
        """The newest requests of a token, with their runs, newest first."""
        query = select(tables.requests).where(_row.token_id == token_id).order_by(_row.id.desc()).limit(at_most)
        return await self._with_runs(query)

    def turn(self) -> AbstractAsyncContextManager[bool]:
        """Whether it is ours to tell."""
        return alone(self._engine, _TURN)

    async def untold(self, door: Door, at_most: int) -> Sequence[tuple[Request, Run | None]]:
        """Requests that came by this door, of the last days, whose end was not told yet."""
        is_news = (_row.door == door, ~_row.is_told, _row.asked_at > func.now() - _NEWS)
        return await self._with_runs(select(tables.requests).where(*is_news).order_by(_row.id).limit(at_most))

    async def run_of(self, request: Request) -> Run | None:
        """The run that works on it."""
        async with reachable(), self._engine.connect() as connection:
            return await self._run(connection, request)

    async def opened(self, request: Request, repository: Repository, number: int) -> Request:
        """Note where its issue is."""
        values = {"repository": repository.model_dump(mode="json"), "number": number}
        async with reachable(), self._engine.begin() as connection:
            await connection.execute(update(tables.requests).where(_row.id == request.id).values(**values))
        return request.model_copy(update={"repository": repository, "number": number})

    async def refuse(self, request: Request, why: str) -> bool:
        """Note why there will be no run; False if there is one already, or a campaign."""
        async with reachable(), self._engine.begin() as connection:
            await lock(connection, request.id)
            if await self._run(connection, request) is not None or await _is_campaign(connection, request):
                return False
            await connection.execute(update(tables.requests).where(_row.id == request.id).values(error=plain(why)))
            if request.wanted.campaign is not None:
                await self._queue.put_campaign(connection, request.wanted.campaign)
        return True

    async def start(self, request: Request, draft: Draft, reason: str) -> None:
        """Start the run, unless the request was refused meanwhile."""
        async with reachable(), self._engine.begin() as connection:
            if not await lock(connection, request.id):
                await self._drafts.store(connection, None, draft, reason)

    async def tell(self, request: Request, told: str, *, is_end: bool) -> None:
        """Note what was told where it came from."""
        values = {"told": told, "is_told": is_end}
        async with reachable(), self._engine.begin() as connection:
            await connection.execute(update(tables.requests).where(_row.id == request.id).values(**values))

    async def _found(self, where: Any) -> Request:
        async with reachable(), self._engine.connect() as connection:
            found = await _one(connection, where)
        if found is None:
            raise NotFound("There is no such request.")
        return found

    async def _with_runs(self, query: Any) -> list[tuple[Request, Run | None]]:
        async with reachable(), self._engine.connect() as connection:
            found = [_request(row) for row in (await connection.execute(query)).mappings().all()]
            return [(one, await self._run(connection, one)) for one in found]

    async def _run(self, connection: AsyncConnection, request: Request) -> Run | None:
        try:
            return await runs.read(connection, tables.runs.c.intent == request.run_intent)
        except NotFound:
            return None


async def lock(connection: AsyncConnection, request_id: int) -> str:
    """Be the only one who starts or refuses it; answer with why it was refused, if it was."""
    query = select(_row.error).where(_row.id == request_id).with_for_update()
    return str((await connection.execute(query)).scalar_one())


async def _is_campaign(connection: AsyncConnection, request: Request) -> bool:
    known = exists().where(tables.campaigns.c.intent == request.run_intent)
    return bool((await connection.execute(select(known))).scalar_one())


async def _check_rate(connection: AsyncConnection, token_id: int, per_hour: int) -> None:
    recent = select(_row.asked_at).where(_row.token_id == token_id, _row.asked_at > func.now() - _HOUR)
    newest = (await connection.execute(recent.order_by(_row.asked_at.desc()).limit(per_hour))).scalars().all()
    if len(newest) >= per_hour:
        room_in = newest[-1] + _HOUR - datetime.now(UTC)
        raise TooMany(
            f"This token asked for {per_hour} runs within an hour, which is as many as it may.",
            retry_after_s=max(room_in.total_seconds(), 1.0),
        )


async def _one(connection: AsyncConnection, where: Any) -> Request | None:
    found = (await connection.execute(select(tables.requests).where(where))).mappings().one_or_none()
    return _request(found) if found else None


def _request(row: RowMapping) -> Request:
    return Request.model_validate(dict(row))
