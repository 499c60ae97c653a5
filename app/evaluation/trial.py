"""One model at one task: the blueprint on a repository, then the hidden tests on what came out."""

import logging
import os
import shlex
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from app.adapters.local import LocalForge
from app.adapters.workspace.clean_trees import CleanTrees
from app.core.diff import sections
from app.core.errors import MinionsError
from app.core.forge import Head
from app.core.journal import Closed
from app.core.run import Run, Status
from app.core.visible import visible
from app.core.workspace import CleanTree
from app.evaluation.exercise import Exercise
from app.evaluation.proposed import BRANCH, ProposedForge, on_pull_request
from app.local import carried_out, draft
from app.outside import Outside
from blueprints.steps.change import Change

_log = logging.getLogger(__name__)

_MOST_TRIES: Final = 3
"""Of a run whose model does not answer: an evaluation says so, rather than wait for an hour."""
_HIDDEN_S: Final = 300.0
"""Seconds for each command of the hidden tests; those of our own tasks take one."""
_MOST_REASON: Final = 300
"""Characters of why a run came to nothing."""
_SHARED: Final = "budget of "
"""How a minion's reason begins that ended because money which runs share was used up (`app/agent/bounds.py`)."""


class Verdict(StrEnum):
    """What a trial came to."""

    SOLVED = "solved"
    """The gates let the change pass, and the hidden tests are green."""
    WRONG = "wrong"
    """The gates let it pass, and the hidden tests are red."""
    STOPPED = "stopped"
    """It came to no pull request: the minion gave up, tests stayed red, or a gate stopped it."""
    SKIPPED = "skipped"
    """This machine lacks what the task needs."""
    BROKEN = "broken"
    """The task could not be run, by no fault of the model's."""
    UNPAID = "unpaid"
    """What may be spent on all trials together was used up before this one came to an end."""


class Trial(BaseModel, frozen=True):
    """One task, one model, and what it came to."""

    task: str
    kind: str
    language: str
    model: str
    verdict: Verdict
    hidden: str = "not run"
    """`green` or `red`: the hidden tests on the last state of the change, whether or not it was let out."""
    stopped_by: tuple[str, ...] = ()
    """Names of the gates that held the change at the end; `tests` for the repository's own."""
    reason: str = ""
    """The first sentences of why it was not solved."""
    usd: float = 0.0
    turns: int = 0
    tokens: int = 0
    seconds: float = 0.0
    """From the first node to the last, hidden tests not included."""
    touched: tuple[str, ...] = ()
    """Paths of the change as it was at the end."""


@dataclass(frozen=True)
class Ground:
    """Where a run works: a repository of this machine, and what of it is the run's own."""

    forge: LocalForge
    head: Head
    """The commit that it begins on."""
    repository_id: int
    """Runs with the same number share mirror, checkout and set-up."""
    branch: str = ""
    """That it pushes; the first free one where it is empty, which two runs at the same time may both find."""


@dataclass(frozen=True)
class HiddenFile:
    """What a file has to be in the tree that is judged."""

    data: bytes
    is_executable: bool = False


@dataclass(frozen=True)
class Problem:
    """What a model is set, and what decides whether it did it."""

    name: str
    kind: str
    language: str
    text: str
    """Title and body, as `minions run` takes them."""
    open: Callable[[int], Awaitable[Ground]]
    """Makes ready what the trial with this number works on."""
    commands: tuple[str, ...]
    """That have to succeed with the hidden files in the tree."""
    hidden: Mapping[str, HiddenFile | None] = field(default_factory=dict)
    """Put over the change; None for a file that must not be there."""
    set_up: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    timeout_s: float = _HIDDEN_S
    """For each command."""
    is_on_pull_request: bool = False
    """Whether it is asked for on the one that the forge has."""


def posed(exercise: Exercise, folder: Path) -> Problem:
    """An evaluation task, whose repository is made in `folder`."""

    async def open_ground(number: int) -> Ground:
        forge = _forge(exercise, folder / f"{number}-{exercise.name}", folder / f"{number}.md")
        return Ground(forge, await forge.default_head(), number)

    return Problem(
        name=exercise.name,
        kind=exercise.kind,
        language=exercise.language,
        text=exercise.text,
        open=open_ground,
        commands=exercise.hidden.commands,
        hidden={path: HiddenFile(text.encode()) for path, text in exercise.hidden.files.items()},
        set_up=exercise.set_up,
        needs=exercise.needs,
        is_on_pull_request=exercise.proposal is not None,
    )


def _forge(exercise: Exercise, repository: Path, report: Path) -> LocalForge:
    """Make the repository, with the pull request if the task is about one."""
    make_repository(repository, exercise.base)
    if exercise.proposal is None:
        return LocalForge(repository, report)
    git(repository, "checkout", "--quiet", "-b", BRANCH)
    for path in exercise.base.keys() - exercise.files.keys():
        (repository / path).unlink()
    commit(repository, exercise.files, exercise.title)
    return ProposedForge(repository, report, exercise.proposal, datetime.now(UTC))


@dataclass(frozen=True)
class Examiner:
    """Has one model try tasks."""

    worker: Outside
    model: str
    """As who asked for it calls it."""
    blueprint: str
    tell: Callable[[str], None]

    async def examine(self, problem: Problem, number: int) -> Trial:
        """Never raises but for being cancelled: what goes wrong is the trial's verdict. `number` is its own alone."""
        blank = Trial(
            task=problem.name,
            kind=problem.kind,
            language=problem.language,
            model=self.model,
            verdict=Verdict.BROKEN,
        )
        try:
            return await self._examined(problem, number, blank)
        except MinionsError as error:
            return blank.model_copy(update={"reason": short(f"{error} {error.detail}")})
        except Exception as error:  # the outermost edge: one task that breaks must not end the others
            _log.exception("The evaluation task %s broke", problem.name)
            return blank.model_copy(update={"reason": f"It broke: {type(error).__name__}. The log says more."})

    async def _examined(self, problem: Problem, number: int, blank: Trial) -> Trial:
        ground = await problem.open(number)
        if lacking := await self._lacking(problem, ground):
            reason = f"There is no {lacking} in the box."
            return blank.model_copy(update={"verdict": Verdict.SKIPPED, "reason": reason})
        began = time.monotonic()
        wanted = draft(
            problem.name,
            problem.text,
            self.blueprint,
            number=ground.repository_id,
            blueprints=self.worker.blueprints,
        ).model_copy(update={"intent": f"trial {number}"})
        run = await carried_out(
            self.worker,
            ground.forge,
            ground.head,
            on_pull_request(wanted) if problem.is_on_pull_request else wanted,
            tell=lambda sentence: self.tell(f"{problem.name}: {sentence}"),
            most_tries=_MOST_TRIES,
            branch=ground.branch,
        )
        found = self._found(run, blank).model_copy(update={"seconds": round(time.monotonic() - began, 1)})
        if found.verdict in {Verdict.BROKEN, Verdict.UNPAID}:
            return found
        return await self._judged(problem, run, ground, found)

    def _found(self, run: Run, blank: Trial) -> Trial:
        """What the run itself says; a verdict that the hidden tests may change."""
        usage = run.usage
        used = {"usd": usage.usd, "turns": usage.turns, "tokens": usage.tokens}
        if run.status is not Status.DONE:  # one that is refused here found nothing left to spend
            verdict = Verdict.UNPAID if run.status is Status.REFUSED else Verdict.BROKEN
            return blank.model_copy(update=used | {"verdict": verdict, "reason": short(run.error)})
        if run.trail.pull_request_number:
            return blank.model_copy(update=used | {"verdict": Verdict.WRONG})
        state = self.worker.blueprints[run.blueprint].state.model_validate(run.state)
        gates = _gates(state) if isinstance(state, Change) else ()
        told = {"stopped_by": gates, "reason": short(run.error or state.explanation)}
        return blank.model_copy(update=used | told | {"verdict": Verdict.STOPPED})

    async def _lacking(self, problem: Problem, ground: Ground) -> str:
        """The first program that the box has not; empty if it has all."""
        if not problem.needs:
            return ""
        workspaces, forge = self.worker.workspaces, ground.forge
        async with workspaces.ahead(ground.repository_id, lambda write: forge.remote(write=write)) as tree:
            await tree.check_out(ground.head.sha)
            for program in problem.needs:
                if not (await tree.sandbox.run(f"command -v {program}")).ok:
                    return program
        return ""

    async def _judged(self, problem: Problem, run: Run, ground: Ground, found: Trial) -> Trial:
        """With what the hidden tests say: of the branch, if there is one, else of the change as far as it came."""
        forge = ground.forge
        pushed = await forge.branch_sha(run.trail.branch) if run.trail.pull_request_number else ""
        patch = await self.worker.store.patch(run.id)
        trees = CleanTrees(
            self.worker.workspaces, run.id, run.task.repository.id, lambda write: forge.remote(write=write)
        )
        changed = b"" if pushed else patch
        async with trees.open(pushed or ground.head.sha, patch=changed, set_up=problem.set_up) as tree:
            said = await failing(tree, problem)
        known = {"hidden": "red" if said else "green", "touched": tuple(visible(path) for path, _ in sections(patch))}
        if not pushed:
            return await self._unpaid(run, found.model_copy(update=known))
        if said:
            return found.model_copy(update=known | {"verdict": Verdict.WRONG, "reason": short(said, end=True)})
        return found.model_copy(update=known | {"verdict": Verdict.SOLVED})

    async def _unpaid(self, run: Run, found: Trial) -> Trial:
        """What came to nothing for want of money that trials share says nothing about the model."""
        entries = [one.entry for one in await self.worker.store.records(run.id)]
        ends = [entry.result for entry in entries if isinstance(entry, Closed)]
        is_unpaid = any(str(end.get("reason", "")).startswith(_SHARED) for end in ends)
        return found.model_copy(update={"verdict": Verdict.UNPAID}) if is_unpaid else found


def _gates(change: Change) -> tuple[str, ...]:
    """Names of the gates that hold the change; `tests` for the repository's own."""
    found = {finding.guard for finding in change.findings} | ({"tests"} if change.report else set())
    return tuple(sorted(found))


async def failing(tree: CleanTree, problem: Problem) -> str:
    """Lay the hidden files over the tree; what the first command that fails prints, or nothing if all succeed."""
    await lay(tree, problem.hidden)
    for command in problem.commands:
        result = await tree.sandbox.run(command, timeout_s=problem.timeout_s)
        if not result.ok:
            return f"{result.output}\nexit code {result.exit_code}"
    return ""


async def lay(tree: CleanTree, files: Mapping[str, HiddenFile | None]) -> None:
    """Make these files of the tree what they have to be. Raises PermissionError if a path leads outside."""
    for path, file in files.items():
        if file is None:
            await tree.sandbox.run(f"rm -f -- {shlex.quote(path)}")
            continue
        await tree.workspace.write(path, file.data)
        if file.is_executable:
            await tree.sandbox.run(f"chmod +x -- {shlex.quote(path)}")


def short(text: str, *, end: bool = False) -> str:
    """On one line, and no longer than a reason is; or its end."""
    plain = " ".join(visible(text).split())
    return plain[-_MOST_REASON:] if end else plain[:_MOST_REASON]


def make_repository(folder: Path, files: Mapping[str, str]) -> None:
    """A git repository with one commit, which holds these files."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet", "--initial-branch", "main")
    commit(folder, files, "Begin")


def commit(folder: Path, files: Mapping[str, str], subject: str) -> None:
    """Write these files beside those that are there, and make one commit of what is different."""
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(text.encode("utf-8", "surrogateescape"))
    git(folder, "add", "--all", "--force")
    git(folder, "commit", "--quiet", "--message", subject)


def git(folder: Path, *words: str) -> None:
    """Run git as nobody in particular."""
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    person = ["-c", "user.name=Evaluation", "-c", "user.email=evaluation@localhost"]
    subprocess.run(["git", *person, "-C", str(folder), *words], env=environment, check=True, capture_output=True)
