"""An evaluation task: a small repository, an issue or a pull request, and tests that the minion does not see.

They stand beside the blueprint that they are for, in `blueprints/NAME/tasks/*.yaml`, one file a task.
"""

from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, Field, ValidationError, model_validator

from app.core.errors import SettingsError
from app.core.forge import FailedCheck

Kind = Literal["configuration", "dependency", "bug fix", "feature", "refactoring", "test", "documentation", "migration"]


class _Part(BaseModel, frozen=True, extra="forbid"):
    """Unknown words in a task are mistakes of whoever wrote it."""


class Passage(_Part, frozen=True):
    """A passage of a file and what it becomes; without `old` it is the whole file."""

    path: str
    old: str = ""
    new: str


class Hidden(_Part, frozen=True):
    """What decides: files put over the changed repository in a clean tree, and commands that then have to succeed."""

    files: Mapping[str, str]
    commands: Annotated[tuple[str, ...], Field(min_length=1)]


class Red(FailedCheck, frozen=True, extra="forbid"):
    """A check of the pull request that failed, with what it says."""


class Said(_Part, frozen=True):
    """What a reviewer said about the pull request."""

    login: str
    body: str
    path: str = ""
    """The file that it is about; empty if it is about all of the change."""
    line: int | None = None
    hunk: str = ""
    """The piece of the diff that it stands under."""


class Proposal(_Part, frozen=True):
    """The pull request that a task is about, whose branch holds the task's files."""

    before: Annotated[Mapping[str, str | None], Field(min_length=1)]
    """Each file that it changes, as it is on the branch that it is to go to; none if it is not there."""
    red: tuple[Red, ...] = ()
    remarks: tuple[Said, ...] = ()


class Exercise(_Part, frozen=True):
    """One evaluation task. Called so in the code, where a task is what somebody asked for."""

    name: str
    kind: Kind
    language: Literal["Python", "JavaScript", "TypeScript", "Go", "Rust"]
    needs: tuple[str, ...] = ()
    """Programs without which the task cannot be done; python3, git and a shell are everywhere."""
    set_up: tuple[str, ...] = ()
    """What the hidden tests need installed; a run finds out by itself what it needs."""
    title: str
    body: str
    """Of the issue, or of the pull request."""
    files: Mapping[str, str]
    proposal: Proposal | None = None
    """For a blueprint that begins at a pull request."""
    hidden: Hidden
    solution: Annotated[tuple[Passage, ...], Field(min_length=1)]
    """One way to do it: it shows that the task can be done, and no run sees it."""
    shortcut: tuple[Passage, ...] = ()
    """What somebody would write who answers the very case that the issue names, and nothing else."""

    @model_validator(mode="after")
    def _fits(self) -> "Exercise":
        self.changed(self.solution)
        self.changed(self.shortcut)
        return self

    @property
    def text(self) -> str:
        """Title and body, as `minions run` takes them."""
        return f"{self.title}\n\n{self.body}"

    @property
    def base(self) -> dict[str, str]:
        """The files of the default branch: before the pull request, if the task is about one."""
        before = self.proposal.before if self.proposal else {}
        return {path: text for path, text in {**self.files, **before}.items() if text is not None}

    def changed(self, passages: Sequence[Passage]) -> dict[str, str]:
        """The files with these passages in them. Raises ValueError if one does not stand there exactly once."""
        files = dict(self.files)
        for passage in passages:
            if passage.old and files.get(passage.path, "").count(passage.old) != 1:
                raise ValueError(f"{passage.path} does not hold this exactly once: {passage.old}")
            files[passage.path] = files[passage.path].replace(passage.old, passage.new) if passage.old else passage.new
        return files


def exercises(blueprint: str, package: str = "") -> dict[str, Exercise]:
    """All tasks of a blueprint by their name, in order. Raises SettingsError if a file cannot be used.

    `package` is where the blueprint lies; one of ours where it is not said.
    """
    folder = resources.files(package or f"blueprints.{blueprint}").joinpath("tasks")
    if not folder.is_dir():
        return {}
    names = sorted(file.name for file in folder.iterdir() if file.name.endswith(".yaml"))
    return {name.removesuffix(".yaml"): _read(name, folder.joinpath(name).read_text("utf-8")) for name in names}


def _read(name: str, text: str) -> Exercise:
    try:
        return Exercise.model_validate({"name": name.removesuffix(".yaml"), **yaml.safe_load(text)})
    except (ValidationError, yaml.YAMLError, TypeError) as error:
        raise SettingsError(f"The evaluation task {name} cannot be used: {error}") from None
