"""A pair: what an issue asked for, and the change that was merged for it. Where pairs come from, and what is in one."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import yaml
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from app.clone import clone, fetch, git, said
from app.core.errors import RepositoryError, SettingsError
from app.core.forge import Remote
from app.core.kinds import is_test
from app.core.merged import Merged
from app.evaluation.trial import HiddenFile
from app.github import github
from app.log import redactor_of
from app.settings import Settings

_FILES: Final = frozenset({"100644", "100755"})
"""Modes of plain files, executable or not."""
_GONE: Final = "D"
_OURS: Final = "refs/heads/minions/"


class Pair(BaseModel, frozen=True, extra="forbid"):
    """An issue, and where the change for it began and ended."""

    name: Annotated[str, Field(min_length=1, max_length=60)]
    """Such as `#12`."""
    title: str
    body: str = ""
    base: str = ""
    """The commit that the change began from; the parent of `merged` where a file does not say it."""
    merged: str
    """The newest commit of the change."""
    why_not: str = ""
    """Why it cannot be used; a sentence that goes on from its name."""

    @property
    def text(self) -> str:
        """The issue, as `minions run` takes it."""
        return f"{self.title}\n\n{self.body}"


_PAIRS: Final = TypeAdapter(tuple[Pair, ...])


_MOST_FAULTS: Final = 5


def _place(found: tuple[int | str, ...]) -> str:
    """Where in the list something is wrong; people count from 1."""
    return " ".join(f"pair {part + 1}" if isinstance(part, int) else f"`{part}`" for part in found) or "the list"


def pairs_of_file(file: Path) -> Sequence[Pair]:
    """From YAML or JSON: a list of `name`, `title`, `body`, `merged`, and `base` if need be. Raises SettingsError."""
    try:
        found = _PAIRS.validate_python(yaml.safe_load(file.read_text(encoding="utf-8")))
    except ValidationError as error:
        faults = "; ".join(f"{_place(fault['loc'])}: {fault['msg']}" for fault in error.errors()[:_MOST_FAULTS])
        raise SettingsError(f"The pairs in {file} cannot be used: {faults}.") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise SettingsError(f"The pairs in {file} cannot be used: {error}") from None
    if len({pair.name for pair in found}) < len(found):
        raise SettingsError(f"Two pairs in {file} have the same name.")
    return found


def pairs_of_github(settings: Settings, full_name: str, last: int) -> tuple[Remote, Sequence[Pair]]:
    """The last that were merged, and where the repository is cloned from. Raises ForgeErrors and SettingsError."""
    if missing := [sentence for sentence in settings.missing() if "APP_ID" in sentence or "PRIVATE_KEY" in sentence]:
        raise SettingsError("\n".join(missing))

    async def ask() -> tuple[Remote, Sequence[Merged]]:
        async with github(settings, redactor_of(settings)) as (_, forges):
            repository = await forges.find(full_name)
            found = await forges.merged(repository).newest(last) if last else ()
            return await forges.open(repository).remote(write=False), found

    remote, found = asyncio.run(ask())
    return remote, [_pair(one) for one in found]


def _pair(merged: Merged) -> Pair:
    return Pair(
        name=f"#{merged.number}",
        title=merged.title,
        body=merged.body,
        base=merged.base_sha,
        merged=merged.head_sha,
        why_not=merged.why_not,
    )


@dataclass(frozen=True)
class Work:
    """What a merged change did."""

    tests: Mapping[str, HiddenFile | None]
    """Files of the tests that it added or changed, as it left them; None for one that it took away."""
    others: tuple[str, ...]
    """Paths of everything else that it touched."""


@dataclass(frozen=True)
class Past:
    """A clone with everything that pairs are about. It is ours alone, and nothing is ever pushed from it."""

    clone: Path
    remote: Remote

    @classmethod
    def of(cls, remote: Remote, folder: Path) -> "Past":
        """Make the clone. Raises RepositoryError."""
        is_here = Path(remote.url).is_absolute()
        place = folder / "repository"
        clone(remote, place, "--mirror" if is_here else "--bare")
        git(place, "remote", "remove", "origin")
        for name in said(place, "for-each-ref", "--format=%(refname)", _OURS).split():
            git(place, "update-ref", "-d", name)  # left by runs on the repository itself
        return cls(place, remote)

    def settled(self, pair: Pair) -> Pair:
        """The pair with whole names of commits, the base being where the change began; or why it cannot be used."""
        if pair.why_not:
            return pair
        merged = self._commit(pair.merged)
        base = self._commit(pair.base or f"{pair.merged}^1")
        if not merged or not base:
            return pair.model_copy(update={"why_not": "has a commit that is not in the repository any more"})
        fork = said(self.clone, "merge-base", base, merged)
        if not fork or fork == merged:
            return pair.model_copy(update={"why_not": "has no change that begins at its base"})
        return pair.model_copy(update={"base": fork, "merged": merged})

    def work(self, pair: Pair) -> Work:
        """What was done between the commits of a settled pair. Raises RepositoryError."""
        done = git(self.clone, "diff-tree", "-r", "-z", "--raw", "--no-renames", pair.base, pair.merged)
        if done.returncode:
            raise RepositoryError(f"What {pair.name} changed cannot be told.", detail=done.stderr.decode()[-500:])
        words = done.stdout.decode(errors="surrogateescape").split("\0")
        tests: dict[str, HiddenFile | None] = {}
        others: list[str] = []
        for told, path in zip(words[0:-1:2], words[1::2], strict=True):
            _, mode, _, blob, state = told.split()
            if not is_test(path):
                others.append(path)
            elif state == _GONE:
                tests[path] = None
            elif mode in _FILES:  # no link, which might lead outside, and no submodule
                tests[path] = HiddenFile(git(self.clone, "cat-file", "blob", blob).stdout, mode == "100755")
        return Work(tests, tuple(others))

    def branch_at(self, branch: str, sha: str) -> None:
        """Have a branch stand at a commit. Raises RepositoryError."""
        if git(self.clone, "update-ref", f"refs/heads/{branch}", sha).returncode:
            raise RepositoryError(f"{branch} cannot be made.")

    def _commit(self, name: str) -> str:
        """The whole name of a commit that a name or a sha means; it is fetched if it is not here."""
        if name.startswith("-"):
            return ""
        sha = said(self.clone, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
        if not sha and len(name) == 40 and fetch(self.remote, self.clone, name):
            return name
        return sha
