"""New dependencies: pinned, there, old enough, and under a licence that is all right."""

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Final

from app.core.guards import Finding, Weight
from app.core.packages import PackageFacts
from app.core.patch import Change
from app.core.repo_config import PATH
from app.guards.guard import Guard, Package, Subject
from app.guards.locks import LOCKS
from app.guards.manifests import ecosystem, python_name, wanted
from app.guards.origins import elsewhere

NAME: Final = "dependencies"
_ALLOW: Final = "a person can allow it by `allow: dependencies`"

_ASKED: Final = frozenset(["pypi", "npm", "crates"])
"""Ecosystems whose registries can be asked."""
_DIRECT: Final = re.compile(r"^@|://|^(?:git|file|link|workspace|github|portal)[:+]|^[\w.-]+/[\w.-]+(?:#.*)?$")
_EXACT: Final = {
    "pypi": re.compile(r"^={2,3}\s*([^\s,*]+)$"),
    "npm": re.compile(r"^=?v?(\d+\.\d+\.\d+[\w.+-]*)$"),
    "crates": re.compile(r"^=\s*(\d+\.\d+\.\d+[\w.+-]*)$"),
}
_ANY: Final = frozenset(["", "*", "latest", "x", "next", ">=0"])
_SPDX: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*")


def look(subject: Subject) -> Iterator[Finding]:
    """Findings for each dependency that no manifest had before, and for what has packages come from elsewhere."""
    for path, line, said in elsewhere(subject):
        sentence = f"By `{said[:100]}` packages come from elsewhere than from a registry that is known. Take it out"
        yield Finding(guard=NAME, sentence=f"{sentence}; {_ALLOW}.", path=path, line=line, weight=Weight.MEND)
    for new in _new(subject):
        path, kind, name, _ = new
        line = next((each.number for each in subject.added(path) if name in _near(each.text, kind)), 0)
        yield from _about(subject, new, line)


def _near(text: str, kind: str) -> str:
    """A line as far as names in it can be compared."""
    return python_name(text) if kind == "pypi" else text


def _new(subject: Subject) -> Iterator[tuple[str, str, str, str]]:
    """Each new dependency as (path, ecosystem, name, version that is let in)."""
    manifests = [
        (file.path, kind)
        for file in subject.texts()
        if file.change is not Change.DELETED and (kind := ecosystem(file.path))
    ]
    known = {(kind, name) for path, kind in manifests for name in wanted(path, subject.before(path))}
    for path, kind in manifests:
        for name, spec in wanted(path, subject.after(path)).items():
            if (kind, name) not in known:
                yield path, kind, name, spec


def _package(kind: str, name: str, spec: str) -> Package:
    exact = _EXACT[kind].match(spec) if kind in _EXACT else None
    return Package(kind, name, exact[1] if exact else "")


def packages(subject: Subject) -> Iterator[Package]:
    """What registries are to be asked about."""
    for _, kind, name, spec in _new(subject):
        if kind in _ASKED and not _DIRECT.search(spec):
            yield _package(kind, name, spec)


def _about(subject: Subject, new: tuple[str, str, str, str], line: int) -> Iterator[Finding]:
    path, kind, name, spec = new
    shown = f"`{name[:80]}`"

    def finding(sentence: str, weight: Weight = Weight.MEND) -> Finding:
        return Finding(guard=NAME, sentence=f"{sentence}; {_ALLOW}.", path=path, line=line, weight=weight)

    if _DIRECT.search(spec):
        yield finding(f"{shown} does not come from a registry, so nobody can tell what it is", Weight.PEOPLE)
        return
    if not _is_pinned(subject, path, kind, spec):
        yield finding(f"{shown} is not pinned: any version of it may come. Say which, as others here do")
    facts = subject.packages.get(_package(kind, name, spec))
    if facts is None:
        sentence = f"Whether {shown} exists, how old it is and what its licence is cannot be told now. Look it up"
        yield Finding(guard=NAME, sentence=f"{sentence}.", path=path, line=line, weight=Weight.REMARK)
        return
    yield from (finding(sentence, weight) for sentence, weight in _known(subject, shown, facts))


def _known(subject: Subject, shown: str, facts: PackageFacts) -> Iterator[tuple[str, Weight]]:
    if not facts.exists:
        yield f"There is no package {shown} in its registry. Correct its name, or do without it", Weight.MEND
        return
    if not facts.has_version:
        yield f"The version of {shown} that is wanted does not exist. Take one that does", Weight.MEND
    least = subject.config.dependency_age_days
    if facts.age_days is not None and facts.age_days < least:
        sentence = (
            f"{shown} was published {facts.age_days:.0f} days ago; at least {least} are wanted (`dependency_age_days` "
            f"in `{PATH}`), as stolen releases are found within days. Take an older version, or do without it"
        )
        yield sentence, Weight.MEND
    if not facts.licence:
        yield f"The registry does not say what the licence of {shown} is. Look it up", Weight.REMARK
    elif not _is_licence_allowed(facts.licence, subject.config.licences):
        yield (
            f"The licence of {shown} is {facts.licence[:80]}, which is not among `licences` in `{PATH}`",
            Weight.PEOPLE,
        )


def _is_pinned(subject: Subject, path: str, kind: str, spec: str) -> bool:
    """Locked, or exact where versions are exact here, or at least bounded."""
    folder, slash, name = path.rpartition("/")
    if any(subject.after(f"{folder}{slash}{lock}") for lock, manifest in LOCKS.items() if manifest == name):
        return True
    if spec.strip() in _ANY:
        return False
    if kind == "pypi" and name.endswith(".txt"):
        others = [each for each in wanted(path, subject.before(path)).values() if each]
        are_exact = not others or any(_EXACT["pypi"].match(each) for each in others)
        return not are_exact or _EXACT["pypi"].match(spec) is not None
    return True


def _is_licence_allowed(said: str, allowed: tuple[str, ...]) -> bool:
    """An SPDX expression: of `OR` one is enough, of `AND` all are needed. Words that are no SPDX are not allowed."""
    plain = said.replace("(", " ").replace(")", " ")
    for choice in re.split(r"\bOR\b|/", plain):
        parts = [re.split(r"\bWITH\b", part)[0].strip() for part in re.split(r"\bAND\b", choice)]
        if all(_SPDX.fullmatch(part) and any(fnmatchcase(part, glob) for glob in allowed) for part in parts):
            return True
    return False


GUARD: Final = Guard(NAME, look, allowance="dependencies", packages=packages)
