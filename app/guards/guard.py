"""What a guard is, what it looks at, and all of them together."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Final

from app.core.analysis import Analysis, Flaw
from app.core.diff import FileDiff, Line, file_diffs
from app.core.errors import RepositoryError
from app.core.guards import Finding, Show, Weight
from app.core.packages import PackageFacts, PackageIndex
from app.core.patch import Change, FileChange, Patch
from app.core.repo_config import RepoConfig
from app.core.task import Task

MOST_LINE: Final = 1_000
"""Characters of a line that patterns look at: nobody writes longer ones, and some patterns take their square."""
_AT_ONCE: Final = 4
"""Packages that are asked about: a manifest of Go may bring dozens."""
_MOST_BYTES: Final = 1_000_000
"""Of one file that is read whole; larger ones are stopped for their size."""


@dataclass(frozen=True)
class Package:
    """A package as a manifest wants it."""

    ecosystem: str
    """`pypi`, `npm`, `crates`, `go` or `rubygems`; of others no registry is asked."""
    name: str
    version: str = ""
    """If exactly one is wanted."""


@dataclass(frozen=True)
class Subject:
    """What guards look at. All of it is data; nothing here reads a tree."""

    patch: Patch
    config: RepoConfig = field(default_factory=RepoConfig)
    base: Mapping[str, str] = field(default_factory=dict)
    """Files as they were before, by path: those that are changed, and those that guards asked for."""
    flaws: Mapping[str, Sequence[Flaw]] = field(default_factory=dict)
    """What static analysis warns of, by path, anywhere in the file afterwards."""
    packages: Mapping[Package, PackageFacts | None] = field(default_factory=dict)
    """What registries say; None where that could not be told."""
    task: Task | None = None
    """What was asked for; None where only the change itself is looked at."""

    @cached_property
    def diffs(self) -> Mapping[str, FileDiff]:
        """Changed lines by path."""
        return file_diffs(self.patch.data)

    def before(self, path: str) -> str:
        """The text of a file as it was; empty if it was not there."""
        return self.base.get(path, "")

    def after(self, path: str) -> str:
        """The text of a file as it becomes; empty if it goes."""
        if path not in self.diffs:
            return self.before(path)
        return self.diffs[path].applied(self.before(path))

    def texts(self) -> Iterator[FileChange]:
        """Changed files that are text and no other repository's."""
        return (file for file in self.patch.files if not file.binary and not file.submodule and file.path in self.diffs)

    def added(self, path: str) -> Sequence[Line]:
        """Lines that came; of very long ones the beginning."""
        return _clipped(self.diffs[path].added) if path in self.diffs else ()

    def removed(self, path: str) -> Sequence[Line]:
        """Lines that went; of very long ones the beginning."""
        return _clipped(self.diffs[path].removed) if path in self.diffs else ()

    def added_anew(self, path: str) -> Iterator[Line]:
        """Lines that came and did not merely move within their file, however they are indented."""
        if path not in self.diffs:
            return
        gone = Counter(line.text.strip() for line in self.diffs[path].removed)
        for line in self.diffs[path].added:
            text = line.text.strip()
            if gone[text] > 0:
                gone[text] -= 1
            else:
                yield from _clipped([line])


def _clipped(lines: Sequence[Line]) -> Sequence[Line]:
    return [line if len(line.text) <= MOST_LINE else Line(line.number, line.text[:MOST_LINE]) for line in lines]


Look = Callable[[Subject], Iterator[Finding]]


def _nothing(_patch: Patch) -> Iterable[str]:
    return ()


@dataclass(frozen=True)
class Guard:
    """One check. `look` is pure: the same subject always gets the same findings."""

    name: str
    look: Look
    allowance: str = ""
    """The word of `core/allowances.py` that makes remarks of its findings; empty if nobody can allow them."""
    wants: Callable[[Patch], Iterable[str]] = _nothing
    """Paths of files of the base commit that it reads besides those that are changed."""
    packages: Callable[[Subject], Iterable[Package]] | None = None
    """Packages of which it wants to know what registries say."""


class GuardSet:
    """Implements `Guards`: every guard looks, so that people read all findings at once."""

    def __init__(
        self, guards: Iterable[Guard], *, index: PackageIndex | None = None, analysis: Analysis | None = None
    ) -> None:
        self._guards = tuple(guards)
        self._index = index
        self._analysis = analysis

    @property
    def names(self) -> Sequence[str]:
        """Names of the guards."""
        return [guard.name for guard in self._guards]

    async def inspect(
        self,
        patch: Patch,
        config: RepoConfig,
        *,
        show: Show | None = None,
        allowed: AbstractSet[str] = frozenset(),
        task: Task | None = None,
    ) -> Sequence[Finding]:
        """All findings. In a thread: a large patch and twenty patterns take longer than an event loop should wait."""
        subject = Subject(patch, config, base=await self._base(patch, show) if show else {}, task=task)
        subject = await self._with_flaws(subject)
        subject = await self._with_packages(subject)
        let_pass = allowed | frozenset(config.allow)
        return await asyncio.to_thread(
            lambda: [
                finding.model_copy(update={"weight": Weight.REMARK}) if guard.allowance in let_pass else finding
                for guard in self._guards
                for finding in guard.look(subject)
            ]
        )

    async def _base(self, patch: Patch, show: Show) -> Mapping[str, str]:
        changed = [file.path for file in patch.files if file.change is not Change.ADDED and not file.binary]
        wanted = [path for guard in self._guards for path in guard.wants(patch)]
        found: dict[str, str] = {}
        for path in dict.fromkeys([*changed, *wanted]):
            try:
                data = await show(path)
            except RepositoryError:  # larger than can be read at once
                continue
            if data is not None and len(data) <= _MOST_BYTES:
                found[path] = data.decode(errors="replace")
        return found

    async def _with_flaws(self, subject: Subject) -> Subject:
        if self._analysis is None:
            return subject
        flaws: dict[str, Sequence[Flaw]] = {}
        for file in subject.texts():
            if file.change is not Change.DELETED and file.path.endswith(".py"):
                flaws[file.path] = await self._analysis.flaws(file.path, subject.after(file.path)) or ()
        return replace(subject, flaws=flaws)

    async def _with_packages(self, subject: Subject) -> Subject:
        wanted = [package for guard in self._guards if guard.packages for package in guard.packages(subject)]
        if self._index is None or not wanted:
            return subject
        index, turns = self._index, asyncio.Semaphore(_AT_ONCE)

        async def told(each: Package) -> tuple[Package, PackageFacts | None]:
            async with turns:
                return each, await index.look_up(each.ecosystem, each.name, each.version)

        return replace(subject, packages=dict(await asyncio.gather(*map(told, dict.fromkeys(wanted)))))
