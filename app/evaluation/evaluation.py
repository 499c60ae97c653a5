"""`minions eval`: each model at each task, and what came of it."""

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from app import loop
from app.adapters.litellm_library import warm_up
from app.adapters.store import PostgresStore, ProcrastinateQueue, connected
from app.core.errors import SettingsError
from app.evaluation.exercise import Exercise, exercises
from app.evaluation.report import document, row, table
from app.evaluation.sdists import Release, Workshop
from app.evaluation.trial import Examiner, Trial, Verdict, posed
from app.local import check_blueprint, check_choice, own_server, without_pages
from app.outside import Outside
from app.registry import load, package_of
from app.settings import Settings

Tell = Callable[[str], None]

_MUTANTS_NUMBER: Final = 1_000_000
"""First number of repositories in which mutants are tried: none of a trial's."""


@dataclass(frozen=True)
class Plan:
    """What is to be evaluated."""

    blueprint: str = "fix"
    tasks: tuple[str, ...] = ()
    """Names; all of the blueprint where there are neither these nor releases."""
    releases: tuple[Release, ...] = ()
    mutants: int = 5
    """Of each release."""
    seed: int = 1
    models: tuple[str, ...] = ()
    jobs: int = 2
    """Trials at the same time."""

    def chosen(self, package: str = "") -> list[Exercise]:
        """The blueprint's own tasks that are wanted. Raises SettingsError for a name that there is not."""
        known = exercises(self.blueprint, package)
        if unknown := [name for name in self.tasks if name not in known]:
            raise SettingsError(f"There is no task {unknown[0]!r}. `minions eval --list` lists them.")
        names = self.tasks or (() if self.releases else tuple(known))
        return [known[name] for name in names]


def evaluate(settings: Settings, plan: Plan, output: Path | None, tell: Tell = print) -> int:
    """Have every model try every task, and tell it; answer with the exit code.

    0 if all could be tried, however it went; 1 if one could not; 130 if it was told to stop. Raises SettingsError.
    """
    models = plan.models or (settings.model,)
    blueprints = load(settings.blueprints_folder)
    for model in models:
        check_choice(settings.with_model(model) if model else settings, plan.blueprint, blueprints)
    wanted = plan.chosen(package_of(plan.blueprint, settings.blueprints_folder))
    if output is not None and not output.absolute().parent.is_dir():
        raise SettingsError(f"{output} cannot be written: there is no such folder.")
    evaluation = Evaluation(plan, tell)
    try:
        with own_server(settings) as (home, url):
            loop.run(evaluation.run(home, url, models, wanted))
    except KeyboardInterrupt:
        tell("\nStopped. This is what had ended:")
        _conclude(evaluation.trials, output, tell)
        return 130
    return _conclude(evaluation.trials, output, tell)


def _conclude(trials: Sequence[Trial], output: Path | None, tell: Tell) -> int:
    tell(f"\n{table(trials)}")
    if output is not None:
        output.write_text(json.dumps(document(trials), indent=2) + "\n", encoding="utf-8")
    return 1 if any(trial.verdict is Verdict.BROKEN for trial in trials) else 0


@dataclass
class Evaluation:
    """An evaluation under way."""

    plan: Plan
    tell: Tell
    trials: list[Trial] = field(default_factory=list)
    """Those that have ended, in the order in which they did."""

    async def run(self, settings: Settings, url: str, models: Sequence[str], wanted: Sequence[Exercise]) -> None:
        """All of it, in the home of `settings`, on the database at `url`."""
        async with connected(url) as engine:
            store = PostgresStore(engine, ProcrastinateQueue(url))
            workers = [
                await without_pages(settings.with_model(model) if model else settings, store) for model in models
            ]
            await warm_up()
            folder = settings.home / "evaluated"
            workshop = Workshop(workers[0], folder, self.plan.seed, self.tell)
            found = list(wanted)
            for number, release in enumerate(self.plan.releases, _MUTANTS_NUMBER):
                found += await workshop.mutants(release, number, self.plan.mutants)
            await self._try(workers, found, folder)

    async def _try(self, workers: Sequence[Outside], wanted: Sequence[Exercise], folder: Path) -> None:
        """Every worker's model at every task, so many at a time; each is told when it has ended."""
        places = asyncio.Semaphore(self.plan.jobs)

        async def one(worker: Outside, exercise: Exercise, number: int) -> None:
            async with places:
                examiner = Examiner(worker, worker.models.told, self.plan.blueprint, self.tell)
                trial = await examiner.examine(posed(exercise, folder), number)
            self.trials.append(trial)
            self.tell(row(trial))

        pairs = [(worker, exercise) for worker in workers for exercise in wanted]
        async with asyncio.TaskGroup() as group:
            for number, (worker, exercise) in enumerate(pairs, 1):
                group.create_task(one(worker, exercise, number))


def listed(blueprint: str, folder: Path | None = None) -> str:
    """Every task of a blueprint, a line each. Raises SettingsError if there is no such blueprint.

    `folder` is that of the operator's own blueprints.
    """
    check_blueprint(blueprint, load(folder))
    known = exercises(blueprint, package_of(blueprint, folder)).values()
    return "\n".join(f"{each.name:32} {each.kind:14} {each.language:11} {each.title}" for each in known)
