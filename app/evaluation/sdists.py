"""Tasks made of released packages: a source distribution from PyPI, a mistake in it, and its own tests as hidden ones.

Nothing of it is kept: the archive is fetched by its SHA-256 when the evaluation runs. Which mistakes are tried, and in
which order, follows from the release and the seed.
"""

import asyncio
import hashlib
import io
import random
import re
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import httpx

from app.adapters.local import LocalForge
from app.adapters.workspace.workspace import GitWorkspace
from app.core.errors import SettingsError
from app.core.failures import failures
from app.core.kinds import is_test
from app.core.mutations import Mutation, mutations, without
from app.core.sandbox import Sandbox
from app.evaluation.exercise import Exercise, Hidden, Passage
from app.evaluation.trial import make_repository
from app.outside import Outside
from blueprints.steps.configuration import configuration

_INDEX: Final = "https://pypi.org/simple"
_JSON: Final = "application/vnd.pypi.simple.v1+json"
"""https://peps.python.org/pep-0691/"""
_MOST_BYTES: Final = 20_000_000
"""Of an archive, and of what is in it; packages that are small enough to be tested in seconds have a tenth of it."""
_TEST_S: Final = 120.0
"""Seconds for one run of a package's own tests; a mistake that has them hang is none that they show."""
_MOST_FAILING: Final = 10
"""Tests that fail because of one mistake: more, and everything is broken, which is another kind of issue."""
_MOST_TRIED: Final = 12
"""Mistakes looked at for each that is wanted. About every second one makes a task."""
_MOST_SAID: Final = 5
"""Failures that the issue tells of."""
_MOST_DETAIL: Final = 2_000
_PINNED: Final = {
    "inflection==0.5.1": "1a29730d366e996aaacffb2f1f1cb9593dc38e2ddd30c91250c6dde09ea9b417",
    "boltons==26.2.0": "d39cfd15c1a1c3bd4d705c82252fa9edb8e4f5e8cc039f8e39afac7b1b47e92c",
}
"""Releases whose archives were looked at: their tests are in them, run in seconds, and are green."""
_NO_CODE: Final = frozenset({"setup.py", "docs", "misc", "examples", "benchmarks"})
_RELEASE: Final = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)==(?P<version>[A-Za-z0-9.]+)(?:#sha256=(?P<sha256>[0-9a-f]{64}))?"
)
_SAID: Final = re.compile(r"(?m)^(?:FAILED|ERROR) \S+ - (?P<what>.*)$")
_UNCOMPILED: Final = "PYTHONDONTWRITEBYTECODE=1"
"""Mistakes of one length that are tried within one second would be taken for each other: Python knows what it compiled
by the second and the size of its source, https://docs.python.org/3/reference/import.html#cached-bytecode-invalidation
"""


@dataclass(frozen=True)
class Release:
    """One release of a package. Without `sha256` the index says which archive it is."""

    name: str
    version: str
    sha256: str = ""

    @classmethod
    def parse(cls, text: str) -> "Release":
        """From `NAME==VERSION` or `NAME==VERSION#sha256=HEX`. Raises SettingsError."""
        match = _RELEASE.fullmatch(text)
        if match is None:
            raise SettingsError(f"{text!r} names no release: give NAME==VERSION, such as inflection==0.5.1.")
        plain = f"{match['name']}=={match['version']}"
        return cls(match["name"], match["version"], match["sha256"] or _PINNED.get(plain, ""))

    @property
    def plain(self) -> str:
        """As people write it."""
        return f"{self.name}=={self.version}"


@dataclass(frozen=True)
class Suite:
    """A release as it is worked with, and how its tests are run."""

    release: Release
    seed: int
    files: Mapping[str, str]
    set_up: tuple[str, ...]
    command: str

    async def red(self, sandbox: Sandbox) -> str:
        """The output of its tests if some fail; empty if they are green, or did not end."""
        result = await sandbox.run(f"{_UNCOMPILED} {self.command} -rfE --tb=no", timeout_s=_TEST_S)
        return "" if result.ok or result.timed_out else result.output

    def task(self, path: str, mutation: Mutation, output: str) -> Exercise | None:
        """A task, if so many tests fail that they show the mistake and so few that the rest means something."""
        failed = failures(output)
        names = frozenset(re.split(r"[\[:]", name.rpartition("::")[2])[0] for name in failed)
        paths = {name.partition("::")[0] for name in failed}
        if not 0 < len(failed) <= _MOST_FAILING or not paths <= self.files.keys():
            return None
        shown = {test: without(self.files[test], names) for test in paths}
        if any("def test" not in text for text in shown.values()):
            return None  # nothing would be left of the tests that people see
        what = "\n".join(f"    {line}" for line in sorted(set(_SAID.findall(output)))[:_MOST_SAID])
        return Exercise(
            name=f"{self.release.name}-{self.seed}-{mutation.function.lower().replace('.', '-')}-{mutation.line}",
            kind="bug fix",
            language="Python",
            set_up=self.set_up,
            title=f"`{mutation.function}` of {_module(path)} gives wrong results",
            body=f"It worked in an earlier release. This is what our own checks say now:\n\n{what}\n",
            files={**self.files, path: mutation.text, **shown},
            hidden=Hidden(
                files={test: self.files[test] for test in sorted(self.files) if is_test(test)}, commands=(self.command,)
            ),
            solution=(
                Passage(path=path, new=self.files[path]),
                *(Passage(path=test, new=self.files[test]) for test in paths),
            ),
        )


@dataclass(frozen=True)
class Workshop:
    """Makes tasks of releases."""

    worker: Outside
    folder: Path
    """Where repositories are made."""
    seed: int
    tell: Callable[[str], None]

    async def mutants(self, release: Release, number: int, wanted: int) -> list[Exercise]:
        """So many tasks made of a release, or fewer if its tests show no more mistakes. Raises SettingsError.

        The package's tests are run in a box for each mistake; `number` is that of the repository in which that is done.
        """
        files = await asyncio.to_thread(_fetched, release)
        make_repository(self.folder / f"{number}-{release.name}", files)
        forge = LocalForge(self.folder / f"{number}-{release.name}", self.folder / f"{number}.md")
        found: list[Exercise] = []
        async with self.worker.workspaces.ahead(number, lambda write: forge.remote(write=write)) as tree:
            await tree.check_out((await forge.default_head()).sha)
            suite = await self._suite(release, files, tree)
            for path, mutation in _tries(files, release, wanted, self.seed):
                await tree.write(path, mutation.text.encode())
                output = await suite.red(tree.sandbox)
                await tree.write(path, files[path].encode())
                if (task := suite.task(path, mutation, output)) is not None:
                    found.append(task)
                    self.tell(f"{task.name}: {task.title}")
                if len(found) == wanted:
                    break
        return found

    async def _suite(self, release: Release, files: Mapping[str, str], tree: GitWorkspace) -> Suite:
        """Set the release up and run its tests. Raises SettingsError if they are not green."""
        config = await configuration(tree)
        suite = Suite(release, self.seed, files, config.setup or (), _pytest(release, config.test or ()))
        if failed := [one for one in await tree.sandbox.set_up(suite.set_up) if not one.ok]:
            told = f"{release.plain} cannot be set up: {failed[0].command}"
            raise SettingsError(told, detail=failed[0].output[-_MOST_DETAIL:])
        before = await tree.sandbox.run(f"{_UNCOMPILED} {suite.command}", timeout_s=_TEST_S)
        if not before.ok:
            told = f"The tests of {release.plain} are not green as released."
            raise SettingsError(told, detail=before.output[-_MOST_DETAIL:])
        return suite


def _module(path: str) -> str:
    """What people call a module."""
    plain = PurePosixPath(path)
    return plain.parent.name if plain.stem == "__init__" else plain.stem


def _tries(files: Mapping[str, str], release: Release, wanted: int, seed: int) -> list[tuple[str, Mutation]]:
    """Mistakes to be tried, in order: one of each function first, so that tasks are unlike each other."""
    every = [(path, one) for path in sorted(files) if _is_code(path) for one in _parsed(files[path])]
    random.Random(f"{release.plain} {seed}").shuffle(every)  # noqa: S311 - to be repeated, not to be secret
    seen: dict[tuple[str, str], int] = {}
    ranked = []
    for path, one in every:
        seen[path, one.function] = seen.get((path, one.function), 0) + 1
        ranked.append((seen[path, one.function], path, one))
    ranked.sort(key=lambda each: each[0])
    return [(path, one) for _, path, one in ranked[: wanted * _MOST_TRIED]]


def _parsed(source: str) -> Iterator[Mutation]:
    try:
        yield from mutations(source)
    except (SyntaxError, ValueError):  # code for another Python
        return


def _is_code(path: str) -> bool:
    top = path.partition("/")[0]
    return path.endswith(".py") and not is_test(path) and top not in _NO_CODE


def _pytest(release: Release, commands: tuple[str, ...]) -> str:
    if len(commands) != 1 or "pytest" not in commands[0]:
        raise SettingsError(f"The tests of {release.plain} are not run by pytest, as far as its files tell.")
    return f"{commands[0]} -p no:cacheprovider"


def _fetched(release: Release) -> dict[str, str]:
    """The files of the archive, as far as they are text. Raises SettingsError."""
    try:
        with httpx.Client(timeout=60, follow_redirects=True) as http:
            index = http.get(f"{_INDEX}/{release.name}/", headers={"Accept": _JSON}).raise_for_status().json()
            address, sha256 = _archive(release, index["files"])
            data = http.get(address).raise_for_status().content
    except (httpx.HTTPError, ValueError, KeyError) as error:
        raise SettingsError(f"{release.plain} cannot be fetched: {error}") from None
    if hashlib.sha256(data).hexdigest() != sha256:
        raise SettingsError(f"The archive of {release.plain} is not the one with SHA-256 {sha256}.")
    return dict(_unpacked(release, data))


def _archive(release: Release, listed: list[dict[str, object]]) -> tuple[str, str]:
    """Address and SHA-256 of the source distribution."""
    name = f"{re.sub('[-_.]+', '[-_.]+', release.name)}-{re.escape(release.version)}\\.tar\\.gz"
    for file in listed:
        hashes = file.get("hashes")
        if re.fullmatch(name, str(file["filename"]), re.IGNORECASE) and isinstance(hashes, dict):
            return str(file["url"]), release.sha256 or str(hashes["sha256"])
    raise SettingsError(f"PyPI has no source distribution of {release.plain}.")


def _unpacked(release: Release, data: bytes) -> Iterator[tuple[str, str]]:
    """Plain files below the archive's one folder, without what the build left in it."""
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        if len(data) > _MOST_BYTES or sum(member.size for member in tar) > _MOST_BYTES:
            raise SettingsError(f"{release.plain} is too large to make tasks of.")
        for member in tar:
            _, *inside = PurePosixPath(member.name).parts
            if not member.isfile() or not inside or {"..", ".git"} & set(inside) or ".egg-info" in member.name:
                continue
            if (file := tar.extractfile(member)) is not None:
                try:
                    yield "/".join(inside), file.read().decode()
                except UnicodeDecodeError:
                    continue
