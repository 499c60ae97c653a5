"""The queue: Procrastinate, on the same database. Its jobs are "advance run N", "open request N", "warm repository N".

A worker advances several runs at a time. Beside them, and never in a run's place, it opens requests, looks after
campaigns and warms one repository.

Told to stop, it takes no more jobs, and goes on saying that it lives until the last run that it has in hand is handed
over: one that falls silent is taken for dead, and its runs are taken over while it is still at work on them.
"""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime
from typing import Any, Final
from weakref import WeakSet, WeakValueDictionary

import procrastinate
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import DeleteJobCondition, Job, Status
from procrastinate.worker import Worker
from sqlalchemy import ColumnElement, Integer, Text, cast, func, literal, null
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import UserDefinedType

from app.core import ranks
from app.core.shift import HandedOver
from app.core.task import Repository

_log = logging.getLogger(__name__)


class _Job(UserDefinedType[Any]):
    """What Procrastinate's function takes many of."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "procrastinate_job_to_defer_v1"


Advance = Callable[[int, int | None], Awaitable[None]]

Warm = Callable[[Repository], Awaitable[None]]

OpenRequest = Callable[[int], Awaitable[None]]

LookAfter = Callable[[int], Awaitable[None]]

_TASK: Final = "advance"
_RUNS: Final = "default"
"""The queue of the jobs that advance runs."""
_WARMING: Final = "warm"
"""Name of a task, and of the queue that it has to itself."""
_OPENING: Final = "open"
_REQUESTS: Final = "requests"
"""A queue of its own: an older worker, which knows nothing of requests, leaves them to newer ones."""
_CAMPAIGN: Final = "campaign"
_CAMPAIGNS: Final = "campaigns"
"""A queue of its own, for the same reason."""
_OPENED_AT_ONCE: Final = 4
"""Each takes a few calls of GitHub, whose pace all workers keep together."""
_LONGEST_PAUSE_S: Final = 300
_GRACE_S: Final = 5.0
"""When the database is away, a node has this long to end; then it is broken off and goes on elsewhere."""
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)


class _Again(procrastinate.BaseRetryStrategy):
    """A job that breaks off is done again: at once if its worker was told to stop, else after a growing pause.

    The run itself ends when its node keeps failing; what arrives here is the database or this program.
    """

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> procrastinate.RetryDecision:
        if isinstance(exception, HandedOver | asyncio.CancelledError):
            return procrastinate.RetryDecision(retry_in={"seconds": 0}, priority=ranks.BEGUN)
        return procrastinate.RetryDecision(retry_in={"seconds": min(2**job.attempts, _LONGEST_PAUSE_S)})


class ProcrastinateQueue:
    """Puts jobs in, and works them off."""

    def __init__(self, url: str, *, lost_after_s: float = 10.0, pool_size: int = 10) -> None:
        """`lost_after_s`: a worker that did not say for so long that it lives is gone; its runs are taken over."""
        self._lost_after_s = lost_after_s
        self._beat_s = lost_after_s / 5
        conninfo = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        connector = procrastinate.PsycopgConnector(conninfo=conninfo, min_size=1, max_size=pool_size)
        self._app = procrastinate.App(connector=connector)
        self._advance: Advance | None = None
        self._warm: Warm | None = None
        self._open: OpenRequest | None = None
        self._look_after: LookAfter | None = None
        self._workers: WeakSet[Worker] = WeakSet()
        self._turns: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()
        self._app.task(name=_TASK, retry=_Again())(self._work_off)
        self._app.task(name=_WARMING, queue=_WARMING)(self._work_ahead)
        self._app.task(name=_OPENING, queue=_REQUESTS, retry=_Again())(self._open_request)
        self._app.task(name=_CAMPAIGN, queue=_CAMPAIGNS, retry=_Again())(self._look_after_campaign)

    async def put(self, connection: AsyncConnection, run_id: int, *, priority: int = ranks.BEGUN) -> None:
        """Have the run advanced once the caller's transaction is committed. Jobs of one run come one by one."""
        raw = await _raw(connection)
        job = self._app.configure_task(_TASK, lock=f"run {run_id}", priority=priority, connection=raw)
        await job.defer_async(run_id=run_id)

    def putting(self, run_id: ColumnElement[int], priority: ColumnElement[int]) -> ColumnElement[Any]:
        """The same as a part of somebody's statement, by the function of the database that `put` calls, too."""
        values = (
            literal(_RUNS, Text),
            literal(_TASK, Text),
            cast(priority, Integer),
            literal("run ", Text) + cast(run_id, Text),
            null(),
            func.jsonb_build_object("run_id", run_id),
            null(),
        )
        return func.procrastinate_defer_jobs_v1(array([cast(func.row(*values), _Job())]))

    async def put_later(
        self, connection: AsyncConnection, run_id: int, revision: int, at: datetime, *, priority: int = ranks.BEGUN
    ) -> None:
        """Have the run advanced at `at`, if it still stands at `revision` then.

        Without a lock: with one it would hold up every younger job of the run until its time has come.
        """
        raw = await _raw(connection)
        job = self._app.configure_task(_TASK, schedule_at=at, priority=priority, connection=raw)
        await job.defer_async(run_id=run_id, revision=revision)

    async def put_request(self, connection: AsyncConnection, request_id: int) -> None:
        """Have an issue opened for the request, before any run goes on: somebody waits for its number."""
        raw = await _raw(connection)
        job = self._app.configure_task(_OPENING, lock=f"request {request_id}", priority=ranks.BEGUN, connection=raw)
        await job.defer_async(request_id=request_id)

    async def put_campaign(self, connection: AsyncConnection, campaign_id: int) -> None:
        """Have the campaign looked after. Jobs of one campaign come one by one."""
        raw = await _raw(connection)
        lock = f"campaign {campaign_id}"
        job = self._app.configure_task(_CAMPAIGN, lock=lock, priority=ranks.BEGUN, connection=raw)
        await job.defer_async(campaign_id=campaign_id)

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

    async def work(
        self,
        advance: Advance,
        *,
        warm: Warm | None = None,
        open_request: OpenRequest | None = None,
        look_after: LookAfter | None = None,
        concurrency: int,
        forever: bool = True,
        leave: Callable[[], None] = lambda: None,
        grace_s: float = _GRACE_S,
    ) -> None:
        """Advance runs until SIGTERM or SIGINT (or, unless `forever`, until nothing is left to do now).

        Told to stop it calls `leave`, which has runs handed over as soon as they can be, and breaks off `grace_s`
        seconds later what is still at work then.

        With `open_request` requests are opened, too, each again and again until it does not raise; with `look_after`
        campaigns are looked after in the same way.

        With `warm`, which raises nothing, warm repositories, too. That is not done twice: what was lost with a worker,
        or broken off, is made by the next run or after the next push.
        """
        self._advance, self._warm, self._open, self._look_after = advance, warm, open_request, look_after
        async with self._app.open_async():
            worker = self._worker([_RUNS], concurrency=concurrency, wait=forever)
            beside = [asyncio.create_task(self._keep_taking_over())]
            warming = [asyncio.create_task(self._keep_doing(self._warm_all))] if warm and forever else []
            if open_request and forever:
                warming.append(asyncio.create_task(self._keep_doing(self._open_all)))

            def stop() -> None:
                leave()
                for task in warming:
                    task.cancel()
                beside.append(asyncio.create_task(self._keep_beating(worker)))
                worker.shutdown_graceful_timeout = grace_s
                worker.stop()

            try:
                with _told_to_stop(stop) if forever else nullcontext():
                    await worker.run()
                if open_request and not forever:
                    await self._open_all(wait=False)
                if warm and not forever:
                    await self._warm_all(wait=False)
            finally:
                for task in (*beside, *warming):
                    task.cancel()
                await asyncio.gather(*beside, *warming, return_exceptions=True)

    async def _keep_doing(self, work_all: Callable[..., Awaitable[None]]) -> None:
        while True:
            try:
                await work_all(wait=True)
            except ConnectorException as error:
                _log.warning("The database cannot be asked for what is to be done beside runs: %s", error)
            await asyncio.sleep(self._lost_after_s)

    async def _open_all(self, *, wait: bool) -> None:
        """Beside the runs: somebody waits for an issue, and must not wait until a run has ended."""
        queues = [_REQUESTS, _CAMPAIGNS] if self._look_after else [_REQUESTS]
        await self._worker(queues, concurrency=_OPENED_AT_ONCE, wait=wait).run()

    async def _warm_all(self, *, wait: bool) -> None:
        worker = self._worker([_WARMING], concurrency=1, wait=wait)
        worker.delete_jobs = DeleteJobCondition.ALWAYS
        worker.shutdown_graceful_timeout = 0
        await worker.run()

    def _worker(self, queues: list[str], *, concurrency: int, wait: bool) -> Worker:
        worker = Worker(
            self._app,
            queues=queues,
            name=queues[0],
            concurrency=concurrency,
            wait=wait,
            fetch_job_polling_interval=1.0,
            shutdown_graceful_timeout=_GRACE_S,
            delete_jobs="successful",
            install_signal_handlers=False,
            update_heartbeat_interval=self._beat_s,
            stalled_worker_timeout=self._lost_after_s,
        )
        self._workers.add(worker)
        return worker

    async def _keep_beating(self, worker: Worker) -> None:
        """Say that a worker lives which was told to stop: it says nothing by itself any more."""
        while worker.worker_id is not None:
            try:
                await self._app.job_manager.update_heartbeat(worker.worker_id)
            except ConnectorException as error:
                _log.warning("The database cannot be told that this worker lives: %s", error)
            await asyncio.sleep(self._beat_s)

    async def _keep_taking_over(self) -> None:
        """Look again and again. After a time without the database all seem gone: they may first say that they live."""
        while True:
            pause_s = self._beat_s
            try:
                if taken := await self.take_over():
                    _log.warning("Took over %s runs of a worker that is gone.", taken)
            except ConnectorException as error:
                _log.warning("The database cannot be asked for lost workers: %s", error)
                pause_s = self._lost_after_s
            await asyncio.sleep(pause_s)

    async def take_over(self) -> int:
        """Put back the runs of workers that are gone; answer with how many. What they warmed is forgotten.

        Never those of this process: it may have been too busy to say that it lives, and it does.
        """
        stalled = await self._app.job_manager.get_stalled_jobs(seconds_since_heartbeat=self._lost_after_s)
        own = {worker.worker_id for worker in self._workers}
        taken = 0
        for job in stalled:
            if job.worker_id in own - {None}:
                continue
            try:
                if job.task_name == _WARMING:
                    await self._app.job_manager.finish_job(job, Status.FAILED, delete_job=True)
                    continue
                await self._app.job_manager.retry_job(job, priority=ranks.BEGUN)
                taken += 1
            except ConnectorException:
                continue  # another worker was quicker
        return taken

    async def _work_off(self, run_id: int, revision: int | None = None) -> None:
        if self._advance is None:
            raise RuntimeError("This process only puts jobs in.")
        # A worker may be given a run that it is at work on: others put its runs back when it seemed gone. Of those on
        # other machines the first that saves is right; here both would work in one tree.
        turn = self._turns.setdefault(run_id, asyncio.Lock())
        if revision is not None and turn.locked():
            return  # it was to be looked at if nothing had happened: who is at work on it says when to look again
        async with turn:
            await self._advance(run_id, revision)

    async def _open_request(self, request_id: int) -> None:
        if self._open is None:
            raise RuntimeError("This process only puts jobs in.")
        await self._open(request_id)

    async def _look_after_campaign(self, campaign_id: int) -> None:
        if self._look_after is None:
            raise RuntimeError("This process only puts jobs in.")
        await self._look_after(campaign_id)

    async def _work_ahead(self, repository: dict[str, Any]) -> None:
        if self._warm is None:
            raise RuntimeError("This process only puts jobs in.")
        await self._warm(Repository.model_validate(repository))


@contextmanager
def _told_to_stop(stop: Callable[[], None]) -> Iterator[None]:
    """Have `stop` called at the first SIGTERM or SIGINT; a second one ends the process as if nobody listened."""
    loop = asyncio.get_running_loop()

    def forget() -> None:
        for name in _SIGNALS:
            loop.remove_signal_handler(name)

    def heard() -> None:
        forget()
        stop()

    for name in _SIGNALS:
        loop.add_signal_handler(name, heard)
    try:
        yield
    finally:
        forget()


async def _raw(connection: AsyncConnection) -> Any:
    return (await connection.get_raw_connection()).driver_connection
