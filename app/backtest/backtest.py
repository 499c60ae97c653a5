"""`minions backtest`: candidates do again what was asked for and merged, each judged by the tests that were merged.

GitHub is only read, by a token that cannot write. All work is done on a clone that is thrown away.
"""

import asyncio
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from app import loop
from app.adapters.litellm_library import warm_up
from app.adapters.store import PostgresStore, ProcrastinateQueue, connected
from app.backtest.pair import Past, pairs_of_file, pairs_of_github
from app.backtest.record import Record
from app.backtest.standing import COUNTED, comparisons, ranked, table
from app.backtest.weighing import Scales, Weighed
from app.core.errors import SettingsError
from app.core.forge import Remote
from app.core.purse import Caps
from app.core.rollout import IMPLEMENT
from app.core.store import StoreDown
from app.core.visible import visible
from app.engine.rollout import Rollout
from app.evaluation.report import row
from app.evaluation.trial import Examiner
from app.local import check_blueprint, own_server, without_pages
from app.models import with_candidate
from app.outside import Outside
from app.registry import load
from app.settings import Settings

Tell = Callable[[str], None]

_NAME: Final = re.compile(r"(?!\.+/)[A-Za-z0-9_.-]+/(?!\.+$)[A-Za-z0-9_.-]+")


@dataclass(frozen=True)
class Plan:
    """What is to be tried."""

    candidates: tuple[str, ...]
    """Names of the models file, or models in litellm's form."""
    repository: str = ""
    """`OWNER/NAME` on GitHub."""
    clone: Path | None = None
    """Or a repository of this machine, with pairs that a file names."""
    pairs: Path | None = None
    last: int = 10
    blueprint: str = "fix"
    budget_usd: float = 20.0
    jobs: int = 2
    output: Path = Path("backtest.json")

    @property
    def where(self) -> str:
        """The repository, as it is told."""
        return self.repository or str((self.clone or Path()).resolve())

    def check(self, settings: Settings) -> None:
        """Raise SettingsError if it cannot be carried out, before anything is asked or made."""
        is_of_github = bool(self.repository) and not self.clone and not self.pairs
        if not is_of_github and (self.repository or not self.clone or not self.pairs):
            raise SettingsError("Say OWNER/NAME, or --repo with --pairs.")
        if self.repository and not _NAME.fullmatch(self.repository):
            raise SettingsError(f"{self.repository!r} is no repository: give OWNER/NAME.")
        if not self.candidates:
            raise SettingsError("Say which models: --candidate anthropic/claude-opus-4-8, for each of them.")
        if len(set(self.candidates)) < len(self.candidates):
            raise SettingsError("A candidate is named twice.")
        if self.budget_usd <= 0:
            raise SettingsError("--budget takes US dollars: more than 0.")
        if not self.output.absolute().parent.is_dir():
            raise SettingsError(f"{self.output} cannot be written: there is no such folder.")
        check_blueprint(self.blueprint, load(settings.blueprints_folder))
        for candidate in self.candidates:
            with_candidate(settings, candidate)


def backtest(settings: Settings, plan: Plan, tell: Tell = print) -> int:
    """Try every candidate at every pair that tells something, and rank them; answer with the exit code.

    0 if all were tried, 1 if one could not be or the budget was used up before, 130 if it was told to stop. Raises
    SettingsError, ForgeErrors and RepositoryError.
    """
    plan.check(settings)
    record = Record.read(plan.output, repository=plan.where, blueprint=plan.blueprint)
    run = Backtest(plan, record, tell)
    if run.is_complete:
        run.conclude()
        return 0
    remote, run.record = _found(settings, plan, record)
    try:
        with own_server(settings) as (home, url):
            loop.run(run.run(home, url, remote))
    except KeyboardInterrupt:
        tell(f"\nStopped. The same command goes on from {plan.output}. Until now:")
        run.conclude()
        return 130
    run.conclude()
    return 0 if run.is_complete else 1


def _found(settings: Settings, plan: Plan, record: Record) -> tuple[Remote, Record]:
    """Where the repository is cloned from, and the record with pairs. One that has some keeps to them."""
    if plan.clone and plan.pairs:
        remote, pairs = Remote(url=plan.where), pairs_of_file(plan.pairs)
    else:
        remote, pairs = pairs_of_github(settings, plan.repository, 0 if record.pairs else plan.last)
    if record.pairs:
        return remote, record
    if not pairs:
        raise SettingsError(f"Nothing was merged in {plan.where} that says which issue it closes.")
    return remote, record.model_copy(update={"pairs": tuple(Weighed(pair=pair) for pair in pairs)})


@dataclass
class Backtest:
    """A backtest under way."""

    plan: Plan
    record: Record
    tell: Tell

    async def run(self, settings: Settings, url: str, remote: Remote) -> None:
        """All of it, in the home of `settings`, on the database at `url`."""
        left = self.plan.budget_usd - self.record.spent_usd
        if left <= 0:
            self.tell(f"The budget of {self.plan.budget_usd:.2f} US dollars is used up.")
            return
        past = await asyncio.to_thread(self._past, remote, settings.home)
        async with connected(url) as engine:
            store = PostgresStore(engine, ProcrastinateQueue(url), caps=Caps(month=left))
            some = settings if settings.has_model else settings.with_model(self.plan.candidates[0])
            worker = await without_pages(some, store)
            await warm_up()
            reports = settings.home / "reports"
            scales = Scales(worker, past, reports)
            before = self.record.spent_usd
            try:
                await self._weigh(scales)
                await self._try([(name, self._with(worker, settings, name)) for name in self.plan.candidates], scales)
            finally:
                # Trials that were broken off were paid, too, and for a call without an answer nobody knows.
                with suppress(StoreDown):
                    self.record = self.record.spending(max(self.record.spent_usd, before + await store.used_usd()))

    def _past(self, remote: Remote, folder: Path) -> Past:
        """The clone. All that is needed is fetched at once: the token does not last."""
        past = Past.of(remote, folder)
        settled = tuple(one.model_copy(update={"pair": past.settled(one.pair)}) for one in self.record.pairs)
        self.record = self.record.model_copy(update={"pairs": settled})
        return past

    def conclude(self) -> None:
        """Say how the candidates stand, and what could not be used; write it down."""
        files = {one.pair.name: one.others for one in self.record.pairs}
        standings = ranked(self.record.trials, self.plan.candidates, files)
        self.record = self.record.ending(standings)
        self.record.write(self.plan.output)
        unused = [one.pair for one in self.record.pairs if one.is_done and one.pair.why_not]
        if unused:
            self.tell(f"\nNot usable, {len(unused)} of {len(self.record.pairs)}:")
            for pair in unused:
                self.tell(f"  {pair.name} {visible(pair.why_not)}.")
        self.tell(f"\n{standings[0].pairs} merged changes that every candidate has tried, the best candidate first:\n")
        self.tell(table(standings))
        for sentence in comparisons(self.record.trials, standings):
            self.tell(sentence)
        self.tell(f"It cost ${self.record.spent_usd:.2f}. All of it is in {self.plan.output}.")

    @property
    def is_complete(self) -> bool:
        """Whether there is something to compare by, and every candidate was tried at all of it."""
        return any(one.is_usable for one in self.record.pairs) and not self._todo()

    async def _weigh(self, scales: Scales) -> None:
        places = asyncio.Semaphore(self.plan.jobs)

        async def one(weighed: Weighed, number: int) -> Weighed:
            async with places:
                found = await scales.weigh(weighed, number)
            if found.pair.why_not and not weighed.is_done:
                self.tell(f"{found.pair.name} cannot be used: it {visible(found.pair.why_not)}.")
            return found

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(weighed, at)) for at, weighed in enumerate(self.record.pairs, 1)]
        self.record = self.record.model_copy(update={"pairs": tuple(task.result() for task in tasks)})
        self.record.write(self.plan.output)

    async def _try(self, workers: Sequence[tuple[str, Outside]], scales: Scales) -> None:
        """Pair by pair, so that candidates have tried the same ones whenever it is stopped."""
        places = asyncio.Semaphore(self.plan.jobs)
        known = dict(workers)

        async def one(weighed: Weighed, candidate: str, number: int) -> None:
            async with places:
                if self.record.spent_usd >= self.plan.budget_usd:
                    return
                examiner = Examiner(known[candidate], candidate, self.plan.blueprint, self.tell)
                trial = await examiner.examine(await scales.problem(weighed), number)
            self.record = self.record.after(trial)
            self.record.write(self.plan.output)
            self.tell(row(trial))

        async with asyncio.TaskGroup() as group:
            for number, (weighed, candidate) in enumerate(self._todo(), 1):
                group.create_task(one(weighed, candidate, number))

    def _todo(self) -> list[tuple[Weighed, str]]:
        """What has no verdict yet."""
        done = {(one.model, one.task) for one in self.record.trials if one.verdict in COUNTED}
        usable = [one for one in self.record.pairs if one.is_usable]
        return [(one, name) for one in usable for name in self.plan.candidates if (name, one.pair.name) not in done]

    def _with(self, worker: Outside, settings: Settings, candidate: str) -> Outside:
        """The same worker with this candidate at work."""
        models = with_candidate(settings, candidate)
        model = models.pinned[models.roles[IMPLEMENT].model]
        if not model.reserve_usd(1_000, 1_000):
            self.tell(f"The price of {candidate} is not known, so --budget does not hold for it.")
        return replace(worker, models=models, rollout=Rollout(models.roles, worker.store.rollouts()))
