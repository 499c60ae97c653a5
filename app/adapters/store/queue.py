"""The queue: Procrastinate, on the same database. Its only job is "advance run N"."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final

import procrastinate
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection

_log = logging.getLogger(__name__)

Advance = Callable[[int, int | None], Awaitable[None]]

_TASK: Final = "advance"
_LONGEST_PAUSE_S: Final = 300
_GRACE_S: Final = 5.0
"""After SIGTERM a node has this long to end; then it is broken off and goes on elsewhere, as after a crash."""


class _Again(procrastinate.BaseRetryStrategy):
    """A job that breaks off is done again: at once if its worker was told to stop, else after a growing pause.

    The run itself ends when its node keeps failing; what arrives here is the database or this program.
    """

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> procrastinate.RetryDecision:
        if isinstance(exception, asyncio.CancelledError):
            return procrastinate.RetryDecision(retry_in={"seconds": 0})
        return procrastinate.RetryDecision(retry_in={"seconds": min(2**job.attempts, _LONGEST_PAUSE_S)})


class ProcrastinateQueue:
    """Puts jobs in, and works them off."""

    def __init__(self, url: str, *, lost_after_s: float = 10.0, pool_size: int = 10) -> None:
        """`lost_after_s`: a worker that did not say for so long that it lives is gone; its runs are taken over."""
        self._lost_after_s = lost_after_s
        conninfo = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        connector = procrastinate.PsycopgConnector(conninfo=conninfo, min_size=1, max_size=pool_size)
        self._app = procrastinate.App(connector=connector)
        self._advance: Advance | None = None
        self._app.task(name=_TASK, retry=_Again())(self._work_off)

    async def put(self, connection: AsyncConnection, run_id: int) -> None:
        """Have the run advanced once the caller's transaction is committed. Jobs of one run come one by one."""
        job = self._app.configure_task(_TASK, lock=f"run {run_id}", connection=await _raw(connection))
        await job.defer_async(run_id=run_id)

    async def put_later(self, connection: AsyncConnection, run_id: int, revision: int, at: datetime) -> None:
        """Have the run advanced at `at`, if it still stands at `revision` then.

        Without a lock: with one it would hold up every younger job of the run until its time has come.
        """
        job = self._app.configure_task(_TASK, schedule_at=at, connection=await _raw(connection))
        await job.defer_async(run_id=run_id, revision=revision)

    async def work(self, advance: Advance, *, concurrency: int, forever: bool = True) -> None:
        """Advance runs until SIGTERM or SIGINT (or, unless `forever`, until nothing is left to do now)."""
        self._advance = advance
        async with self._app.open_async():
            keeper = asyncio.create_task(self._keep_taking_over())
            try:
                await self._app.run_worker_async(
                    concurrency=concurrency,
                    wait=forever,
                    delete_jobs="successful",
                    fetch_job_polling_interval=1.0,
                    update_heartbeat_interval=self._lost_after_s / 5,
                    stalled_worker_timeout=self._lost_after_s,
                    shutdown_graceful_timeout=_GRACE_S,
                    install_signal_handlers=forever,
                )
            finally:
                keeper.cancel()
                await asyncio.gather(keeper, return_exceptions=True)

    async def _keep_taking_over(self) -> None:
        while True:
            try:
                if taken := await self.take_over():
                    _log.warning("Took over %s runs of a worker that is gone.", taken)
            except ConnectorException as error:
                _log.warning("The database cannot be asked for lost workers: %s", error)
            await asyncio.sleep(self._lost_after_s / 5)

    async def take_over(self) -> int:
        """Put back the jobs of workers that are gone; answer with how many."""
        jobs = list(await self._app.job_manager.get_stalled_jobs(seconds_since_heartbeat=self._lost_after_s))
        taken = 0
        for job in jobs:
            try:
                await self._app.job_manager.retry_job(job)
                taken += 1
            except ConnectorException:
                continue  # another worker was quicker
        return taken

    async def _work_off(self, run_id: int, revision: int | None = None) -> None:
        if self._advance is None:
            raise RuntimeError("This process only puts jobs in.")
        await self._advance(run_id, revision)


async def _raw(connection: AsyncConnection) -> Any:
    return (await connection.get_raw_connection()).driver_connection
