"""As `worker.py`, for campaigns: one attempt is a worker that does all there is to do, and dies at a chosen commit.

GitHub, store and queue are real. What a run does is played: it asks for money, spends it, and ends with a pull request.
Here every transaction of the store is a commit, and dying is before it is made: what it holds has not happened.
"""

import asyncio
import os
import signal
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncEngine

from app.adapters.github.lookups import Lookups
from app.adapters.store import PostgresStore, ProcrastinateQueue, connected
from app.adapters.store.url import with_driver
from app.core.budget import Usage
from app.core.journal import ModelAnswered, ModelAsked, Opened
from app.core.run import Run, Status
from app.github import chosen_paces, github, history_of
from app.home import prepared_home
from app.log import redactor_of
from app.settings import Settings, load
from app.worker import announcer, conductor, opener
from blueprints import BLUEPRINTS
from tests.crash.worker import Order, answer_orders

USD = 0.9
"""What the run of a part takes."""


class Player:
    """Plays runs."""

    def __init__(self, store: PostgresStore) -> None:
        self._store = store

    async def advance(self, run_id: int, _revision: int | None) -> None:
        """Play a run to its end, or what is missing of it."""
        run = await self._store.load(run_id)
        if run.status.has_ended:
            return
        if run.status is Status.QUEUED:
            run = await self._store.admit(run)
        is_paid = await self._spend(run)
        ended = {
            "status": Status.DONE if is_paid else Status.FAILED,
            "ended_at": datetime.now(UTC),
            "is_reported": True,
        }
        trail = run.trail.model_copy(update={"pull_request_number": 2 if is_paid else None})
        await self._store.save(run.model_copy(update=ended | {"trail": trail}))

    async def _spend(self, run: Run) -> bool:
        """One call of a model, if there is money for it: asked again if nobody knows what came of it."""
        journal = self._store.journal(run.id, 0)
        entries = await journal.entries()
        if any(isinstance(entry, ModelAnswered) for entry in entries):
            return True
        if not (await self._store.purse(run).reserve(USD)).is_granted:
            return False
        if not entries:
            await journal.append(Opened(messages=(), model="some/model"))
        await journal.append(ModelAsked(turn=1, reserved_usd=USD))
        usage = Usage(turns=1, usd=USD)
        answer = ModelAnswered(turn=1, message={"role": "assistant"}, usage=usage, finish_reason="stop", seconds=1)
        await journal.append(answer)
        return True


def die_at(engine: AsyncEngine, number: int, pipe: int) -> None:
    """End this process right before the `number`-th commit; 0: never."""
    made = 0

    def commit(_: Any) -> None:
        nonlocal made
        made += 1
        os.write(pipe, b"commit\n")
        if made == number:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(engine.sync_engine, "commit", commit)


async def attempt(settings: Settings, order: Order, pipe: int) -> None:
    """Do all there is to do, with what a dead worker had in hand."""
    url = with_driver(order.database)
    redactor = redactor_of(settings)
    queue = ProcrastinateQueue(url, lost_after_s=0.5)
    async with connected(url) as engine, github(settings, redactor) as (app, forges):
        store = PostgresStore(engine, queue)
        async with queue._app.open_async():
            while await counted(engine, "status = 'doing'"):
                await queue.take_over()
                await asyncio.sleep(0.05)
        lookups = Lookups(app, chosen_paces(settings), on_secret=redactor.add)
        history = history_of(settings, app, lookups, blueprints=BLUEPRINTS)
        die_at(engine, order.die_at, pipe)
        while await counted(engine, "status = 'todo'"):
            await queue.work(
                Player(store).advance,
                open_request=opener(store, forges, BLUEPRINTS, None, redactor, label=settings.label).open,
                look_after=conductor(store, forges, history).look_after,
                concurrency=4,
                forever=False,
            )
            await announcer(settings, store, forges, BLUEPRINTS).look()


async def counted(engine: AsyncEngine, where: str) -> int:
    """How many jobs there are of which this is true."""
    query = text(f"SELECT count(*) FROM procrastinate_jobs WHERE {where}")  # noqa: S608 # ours
    async with engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        return int((await connection.execute(query)).scalar_one())


def main() -> None:
    """Answer orders until there are no more."""
    settings = load()
    prepared_home(settings)
    answer_orders(partial(attempt, settings))


if __name__ == "__main__":
    main()
