"""Changes as git tells them, made of texts before and after, and what guards find about them."""

from collections.abc import Mapping
from difflib import unified_diff

from app.adapters.ruff import RuffAnalysis
from app.core.analysis import Analysis
from app.core.guards import Finding
from app.core.packages import PackageIndex
from app.core.patch import AddedLine, Change, FileChange, Patch
from app.core.repo_config import RepoConfig
from app.core.task import Task
from app.guards import ALL, GuardSet
from app.guards.guard import Guard

Texts = Mapping[str, str]
_RUFF = RuffAnalysis()


def patch_of(before: Texts, after: Texts) -> Patch:
    """The change from some files to others; a file that is nowhere in `after` goes."""
    changed = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    data = "".join(_diff(path, before.get(path), after.get(path)) for path in changed)
    lines = [
        AddedLine(path=path, line=number, text=text)
        for path in changed
        for number, text in enumerate(after.get(path, "").split("\n"), 1)
        if text not in before.get(path, "").split("\n")
    ]
    files = tuple(_file(path, before.get(path), after.get(path)) for path in changed)
    return Patch(data=data.encode(), files=files, added_lines=tuple(lines))


def _diff(path: str, before: str | None, after: str | None) -> str:
    old, new = (text.splitlines(keepends=True) if text else [] for text in (before, after))
    old_name, new_name = (
        "/dev/null" if text is None else f"{side}/{path}" for side, text in (("a", before), ("b", after))
    )
    return f"diff --git a/{path} b/{path}\n" + "".join(unified_diff(old, new, old_name, new_name))


def _file(path: str, before: str | None, after: str | None) -> FileChange:
    change = Change.ADDED if before is None else Change.DELETED if after is None else Change.MODIFIED
    return FileChange(
        path=path,
        change=change,
        old_mode="000000" if before is None else "100644",
        new_mode="000000" if after is None else "100644",
        binary=False,
        added=len((after or "").splitlines()),
        deleted=0,
        size=len(after or ""),
    )


async def found(
    before: Texts,
    after: Texts,
    *,
    beside: Texts | None = None,
    allowed: frozenset[str] = frozenset(),
    index: PackageIndex | None = None,
    guards: tuple[Guard, ...] = ALL,
    task: Task | None = None,
    analysis: Analysis | None = _RUFF,
    **config: object,
) -> list[Finding]:
    """What the guards find. `beside` are files of the base commit that do not change."""
    base = {**(beside or {}), **before}

    async def show(path: str) -> bytes | None:
        return base[path].encode() if path in base else None

    all_guards = GuardSet(guards, index=index, analysis=analysis)
    patch = patch_of(before, after)
    return list(await all_guards.inspect(patch, RepoConfig.parse(config), show=show, allowed=allowed, task=task))


async def stops(before: Texts, after: Texts, **more: object) -> list[str]:
    """Names of the guards that stop it."""
    found_here = await found(before, after, **more)  # type: ignore[arg-type]
    assert all(finding.sentence.endswith((".", "`")) for finding in found_here)
    return [finding.guard for finding in found_here if finding.weight != "remark"]
