"""Lock files that do not fit what they lock."""

from collections.abc import Iterator
from typing import Final

from app.core.guards import Finding, Weight
from app.core.patch import Change, Patch
from app.guards import digests
from app.guards.guard import Guard, Subject
from app.guards.manifests import locked, python_name, wanted
from app.guards.origins import hosts

NAME: Final = "lock files"
_ALLOW: Final = "if the issue asks for it, a person can allow it by `allow: locks`"

LOCKS: Final = {
    "uv.lock": "pyproject.toml",
    "poetry.lock": "pyproject.toml",
    "pdm.lock": "pyproject.toml",
    "Pipfile.lock": "Pipfile",
    "package-lock.json": "package.json",
    "npm-shrinkwrap.json": "package.json",
    "yarn.lock": "package.json",
    "pnpm-lock.yaml": "package.json",
    "bun.lock": "package.json",
    "bun.lockb": "package.json",
    "Cargo.lock": "Cargo.toml",
    "go.sum": "go.mod",
    "Gemfile.lock": "Gemfile",
    "composer.lock": "composer.json",
    "mix.lock": "mix.exs",
}
"""Names of lock files, and of what they lock, which lies beside them."""


def is_lock(path: str) -> bool:
    """Whether a file is a lock file."""
    return path.rpartition("/")[2] in LOCKS


def look(subject: Subject) -> Iterator[Finding]:
    """A finding for each lock file that was changed by itself, or that says of old versions what they were not."""
    changed = {file.path: file.change for file in subject.patch.files}
    for path, change in changed.items():
        folder, slash, name = path.rpartition("/")
        if name in LOCKS and f"{folder}{slash}{LOCKS[name]}" not in changed and not _manifest_below(path, changed):
            gone = " Bring it back" if change is Change.DELETED else ""
            sentence = gone or f"`{LOCKS[name]}` is not changed, so this has no reason to be. Give it its old contents"
            yield _finding(path, sentence.strip())
        if name in LOCKS and change is not Change.DELETED:
            yield from _elsewhere(subject, path, f"{folder}{slash}{LOCKS[name]}")
        if digests.tells(path) and change is not Change.DELETED:
            yield from _contents(subject, path)
        if name in set(LOCKS.values()) and change is not Change.DELETED:
            yield from _manifest(subject, path)


def _finding(path: str, sentence: str, line: int = 0) -> Finding:
    return Finding(guard=NAME, sentence=f"{sentence}; {_ALLOW}.", path=path, line=line, weight=Weight.MEND)


def _elsewhere(subject: Subject, lock: str, manifest: str) -> Iterator[Finding]:
    """Nobody reads lock files, so what they lead to has to be where it was, or at a registry that everybody knows."""
    for path, line, address in hosts(subject, lock, manifest):
        yield _finding(path, f"A package comes from `{address[:100]}` now. Have it come from its registry", line)
        break


def _contents(subject: Subject, path: str) -> Iterator[Finding]:
    """A version that was released is what it is: another content under its name comes from nobody who may make one."""
    if path not in subject.diffs:
        return
    others = digests.changed(path, subject.before(path), subject.after(path))
    if others is None:
        yield _finding(path, "What it says cannot be read any more. Have it made by its own tool")
    elif others:
        shown = ", ".join(f"`{each[:60]}`" for each in others[:5])
        yield _finding(path, f"{shown} has the version that it had and another content. Give it back its digest")


def _manifest_below(lock: str, changed: dict[str, Change]) -> bool:
    """Workspaces have one lock file above many manifests."""
    folder, slash, name = lock.rpartition("/")
    return any(path.startswith(f"{folder}{slash}") and path.endswith(f"/{LOCKS[name]}") for path in changed)


def _manifest(subject: Subject, path: str) -> Iterator[Finding]:
    before, after = wanted(path, subject.before(path)), wanted(path, subject.after(path))
    if before == after:
        return
    folder, slash, name = path.rpartition("/")
    for lock, manifest in LOCKS.items():
        at = f"{folder}{slash}{lock}"
        if manifest != name or not (subject.before(at) or at in subject.diffs):
            continue
        new = sorted(after.keys() - before.keys())
        names = locked(at, subject.after(at))
        missing = [each for each in new if names is not None and each not in names and python_name(each) not in names]
        if at not in subject.diffs:
            yield _finding(
                path, f"What is wanted has changed, but `{at}` has not, which locks it. Change both or neither"
            )
        elif missing:
            shown = ", ".join(f"`{each[:60]}`" for each in missing[:5])
            yield _finding(at, f"This does not hold {shown}, which `{name}` wants now. Have it made by its own tool")


def _wants(patch: Patch) -> Iterator[str]:
    for file in patch.files:
        folder, slash, name = file.path.rpartition("/")
        if name in LOCKS:
            yield f"{folder}{slash}{LOCKS[name]}"
        yield from (f"{folder}{slash}{lock}" for lock, manifest in LOCKS.items() if manifest == name)


GUARD: Final = Guard(NAME, look, allowance="locks", wants=_wants)
