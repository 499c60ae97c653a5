"""The queue: Procrastinate, on the same database. Its jobs are "advance run N" and "warm repository N".

A worker advances several runs at a time and warms one repository beside them, which never takes a run's place.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Final, Unpack

import procrastinate
from procrastinate.app import WorkerOptions
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import Job, Status
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.task import Repository

_log = logging.getLogger(__name__)

Advance = Callable[[int, int | None], Awaitable[None]]

Warm = Callable[[Repository], Awaitable[None]]

_TASK: Final = "advance"
_RUNS: Final = "default"
"""The queue of the jobs that advance runs."""
_WARMING: Final = "warm"
"""Name of a task, and of the queue that it has to itself."""
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
        self._warm: Warm | None = None
        self._app.task(name=_TASK, retry=_Again())(self._work_off)
        self._app.task(name=_WARMING, queue=_WARMING)(self._work_ahead)

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

    async def put_warming(self, connection: AsyncConnection, repository: Repository) -> bool:
        """Have the repository fetched and set up ahead; False if that waits to be done already.

        While it is being done it may be put once more: the branch may have been read before it moved.
        """
        raw = await _raw(connection)
        job = self._app.configure_task(_WARMING, queueing_lock=f"warm {repository.id}", connection=raw)
        try:
            async with connection.begin_nested():  # what it is refused by would end the caller's transaction
                await job.defer_async(repository=repository.model_dump(mode="json"))
        except AlreadyEnqueued:
            return False
        return True

    async def work(self, advance: Advance, *, warm: Warm | None = None, concurrency: int, forever: bool = True) -> None:
        """Advance runs until SIGTERM or SIGINT (or, unless `forever`, until nothing is left to do now).

        With `warm`, which raises nothing, warm repositories, too. That is not done twice: what was lost with a worker,
        or broken off, is made by the next run or after the next push.
        """
        self._advance, self._warm = advance, warm
        async with self._app.open_async():
            beside = [asyncio.create_task(self._keep_taking_over())]
            if warm and forever:
                beside.append(asyncio.create_task(self._keep_warming()))
            try:
                await self._run(
                    queues=[_RUNS],
                    concurrency=concurrency,
                    wait=forever,
                    delete_jobs="successful",
                    shutdown_graceful_timeout=_GRACE_S,
                    install_signal_handlers=forever,
                )
                if warm and not forever:
                    await self._warm_all(wait=False)
            finally:
                for task in beside:
                    task.cancel()
                await asyncio.gather(*beside, return_exceptions=True)

    async def _keep_warming(self) -> None:
        while True:
            try:
                await self._warm_all(wait=True)
            except ConnectorException as error:
                _log.warning("The database cannot be asked for repositories to warm: %s", error)
            await asyncio.sleep(self._lost_after_s)

    async def _warm_all(self, *, wait: bool) -> None:
        await self._run(
            queues=[_WARMING],
            name=_WARMING,
            concurrency=1,
            wait=wait,
            delete_jobs="always",
            shutdown_graceful_timeout=0,
            install_signal_handlers=False,
        )

    async def _run(self, **options: Unpack[WorkerOptions]) -> None:
        beat: WorkerOptions = {
            "fetch_job_polling_interval": 1.0,
            "update_heartbeat_interval": self._lost_after_s / 5,
            "stalled_worker_timeout": self._lost_after_s,
        }
        await self._app.run_worker_async(**(beat | options))

    async def _keep_taking_over(self) -> None:
        while True:
            try:
                if taken := await self.take_over():
                    _log.warning("Took over %s runs of a worker that is gone.", taken)
            except ConnectorException as error:
                _log.warning("The database cannot be asked for lost workers: %s", error)
            await asyncio.sleep(self._lost_after_s / 5)

    async def take_over(self) -> int:
        """Put back the runs of workers that are gone; answer with how many. What they warmed is forgotten."""
        jobs = list(await self._app.job_manager.get_stalled_jobs(seconds_since_heartbeat=self._lost_after_s))
        taken = 0
        for job in jobs:
            try:
                if job.task_name == _WARMING:
                    await self._app.job_manager.finish_job(job, Status.FAILED, delete_job=True)
                    continue
                await self._app.job_manager.retry_job(job)
                taken += 1
            except ConnectorException:
                continue  # another worker was quicker
        return taken

    async def _work_off(self, run_id: int, revision: int | None = None) -> None:
        if self._advance is None:
            raise RuntimeError("This process only puts jobs in.")
        await self._advance(run_id, revision)

    async def _work_ahead(self, repository: dict[str, Any]) -> None:
        if self._warm is None:
            raise RuntimeError("This process only puts jobs in.")
        await self._warm(Repository.model_validate(repository))


async def _raw(connection: AsyncConnection) -> Any:
    return (await connection.get_raw_connection()).driver_connection
