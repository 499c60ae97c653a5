"""One model at one task: the blueprint on a repository made for it, then the hidden tests on what came out."""

import logging
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from pydantic import BaseModel

from app.adapters.local import LocalForge
from app.adapters.workspace.clean_trees import CleanTrees
from app.core.errors import MinionsError
from app.core.forge import Head
from app.core.run import Run, Status
from app.core.sandbox import Sandbox
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


@dataclass(frozen=True)
class Examiner:
    """Has one model try tasks."""

    worker: Outside
    blueprint: str
    folder: Path
    """Where repositories are made."""
    tell: Callable[[str], None]

    async def examine(self, exercise: Exercise, number: int) -> Trial:
        """Never raises but for being cancelled: what goes wrong is the trial's verdict. `number` is its own alone."""
        blank = Trial(
            task=exercise.name,
            kind=exercise.kind,
            language=exercise.language,
            model=self.worker.models.told,
            verdict=Verdict.BROKEN,
        )
        try:
            return await self._examined(exercise, number, blank)
        except MinionsError as error:
            return blank.model_copy(update={"reason": _short(f"{error} {error.detail}")})
        except Exception as error:  # the outermost edge: one task that breaks must not end the others
            _log.exception("The evaluation task %s broke", exercise.name)
            return blank.model_copy(update={"reason": f"It broke: {type(error).__name__}. The log says more."})

    async def _examined(self, exercise: Exercise, number: int, blank: Trial) -> Trial:
        repository = self.folder / f"{number}-{exercise.name}"
        forge = self._forge(exercise, repository, self.folder / f"{number}.md")
        wanted = draft(exercise.name, exercise.text, self.blueprint, number=number)
        head = await forge.default_head()
        if lacking := await self._lacking(exercise, number, forge, head):
            reason = f"There is no {lacking} in the box."
            return blank.model_copy(update={"verdict": Verdict.SKIPPED, "reason": reason})
        began = time.monotonic()
        run = await carried_out(
            self.worker,
            forge,
            head,
            on_pull_request(wanted) if exercise.proposal else wanted,
            tell=lambda sentence: self.tell(f"{exercise.name}: {sentence}"),
            most_tries=_MOST_TRIES,
        )
        found = _found(run, blank).model_copy(update={"seconds": round(time.monotonic() - began, 1)})
        if found.verdict is Verdict.BROKEN:
            return found
        return await self._judged(exercise, run, forge, head, found)

    def _forge(self, exercise: Exercise, repository: Path, report: Path) -> LocalForge:
        """Make the repository, with the pull request if the task is about one."""
        make_repository(repository, exercise.base)
        if exercise.proposal is None:
            return LocalForge(repository, report)
        git(repository, "checkout", "--quiet", "-b", BRANCH)
        for path in exercise.base.keys() - exercise.files.keys():
            (repository / path).unlink()
        commit(repository, exercise.files, exercise.title)
        return ProposedForge(repository, report, exercise.proposal, datetime.now(UTC))

    async def _lacking(self, exercise: Exercise, number: int, forge: LocalForge, head: Head) -> str:
        """The first program that the box has not; empty if it has all."""
        if not exercise.needs:
            return ""
        async with self.worker.workspaces.ahead(number, lambda write: forge.remote(write=write)) as tree:
            await tree.check_out(head.sha)
            for program in exercise.needs:
                if not (await tree.sandbox.run(f"command -v {program}")).ok:
                    return program
        return ""

    async def _judged(self, exercise: Exercise, run: Run, forge: LocalForge, head: Head, found: Trial) -> Trial:
        """With what the hidden tests say: of the branch, if there is one, else of the change as far as it came."""
        pushed = await forge.branch_sha(run.trail.branch) if run.trail.pull_request_number else ""
        patch = b"" if pushed else await self.worker.store.patch(run.id)
        trees = CleanTrees(
            self.worker.workspaces, run.id, run.task.repository.id, lambda write: forge.remote(write=write)
        )
        async with trees.open(pushed or head.sha, patch=patch, set_up=exercise.set_up) as tree:
            for path, text in exercise.hidden.files.items():
                await tree.workspace.write(path, text.encode())
            said = await _failing(exercise, tree.sandbox)
        hidden = {"hidden": "red" if said else "green"}
        if not pushed:
            return found.model_copy(update=hidden)
        if said:
            return found.model_copy(update=hidden | {"verdict": Verdict.WRONG, "reason": _short(said, end=True)})
        return found.model_copy(update=hidden | {"verdict": Verdict.SOLVED})


async def _failing(exercise: Exercise, sandbox: Sandbox) -> str:
    """What the first hidden command that fails prints; empty if all succeed."""
    for command in exercise.hidden.commands:
        result = await sandbox.run(command, timeout_s=_HIDDEN_S)
        if not result.ok:
            return f"{result.output}\nexit code {result.exit_code}"
    return ""


def _found(run: Run, blank: Trial) -> Trial:
    """What the run itself says; a verdict that the hidden tests may change."""
    usage = run.usage
    used = {"usd": usage.usd, "turns": usage.turns, "tokens": usage.tokens}
    if run.status is not Status.DONE:
        return blank.model_copy(update=used | {"reason": _short(run.error)})
    if run.trail.pull_request_number:
        return blank.model_copy(update=used | {"verdict": Verdict.WRONG})
    change = Change.model_validate(run.state)
    gates = {finding.guard for finding in change.findings} | ({"tests"} if change.report else set())
    told = {"stopped_by": tuple(sorted(gates)), "reason": _short(run.error or change.explanation)}
    return blank.model_copy(update=used | told | {"verdict": Verdict.STOPPED})


def _short(text: str, *, end: bool = False) -> str:
    plain = " ".join(text.split())
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
