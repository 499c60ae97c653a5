"""New dependencies: pinned, there, old enough, and under a licence that is all right."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
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

_ASKED: Final = frozenset(["pypi", "npm", "crates", "go", "rubygems"])
"""Ecosystems whose registries can be asked."""
_ALIAS: Final = re.compile(r"npm:((?:@[\w.~-]+/)?[\w.~-]+)(?:@(.*))?")
"""A package of npm under another name: https://docs.npmjs.com/cli/configuring-npm/package-json#aliases"""
_DIRECT: Final = re.compile(r"^@|://|^(?:git|file|link|workspace|github|portal)[:+]|^[\w.-]+/[\w.-]+(?:#.*)?$")
_EXACT: Final = {
    "pypi": re.compile(r"^={2,3}\s*([^\s,*]+)$"),
    "npm": re.compile(r"^=?v?(\d+\.\d+\.\d+[\w.+-]*)$"),
    "crates": re.compile(r"^=\s*(\d+\.\d+\.\d+[\w.+-]*)$"),
    "go": re.compile(r"^(v\d\S*)$"),
    "rubygems": re.compile(r"^=?\s*(\d[\w.]*)$"),
}
_ANY: Final = frozenset(["", "*", "latest", "x", "next", ">=0"])
_SPDX: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*")


@dataclass(frozen=True)
class Want:
    """A package that a manifest wants and did not want so before."""

    path: str
    kind: str
    name: str
    spec: str
    """The versions that are let in, or the place that it comes from."""
    before: str | None = None
    """The same as it was; None if no manifest wanted it."""


def look(subject: Subject) -> Iterator[Finding]:
    """Findings for each dependency that no manifest had so before, and for what has packages come from elsewhere."""
    for path, line, said in elsewhere(subject):
        sentence = f"By `{said[:100]}` packages come from elsewhere than from a registry that is known. Take it out"
        yield Finding(guard=NAME, sentence=f"{sentence}; {_ALLOW}.", path=path, line=line, weight=Weight.MEND)
    for want in _wanted_anew(subject):
        line = next((each.number for each in subject.added(want.path) if want.name in _near(each.text, want.kind)), 0)
        yield from _about(subject, want, line)


def _near(text: str, kind: str) -> str:
    """A line as far as names in it can be compared."""
    return python_name(text) if kind == "pypi" else text


def _wanted_anew(subject: Subject) -> Iterator[Want]:
    """Each dependency that is new, and each that has another version, or comes from another place, than before."""
    manifests = [
        (file.path, kind)
        for file in subject.texts()
        if file.change is not Change.DELETED and (kind := ecosystem(file.path))
    ]
    before = {
        (kind, *_real(name, spec)[:1]): _real(name, spec)[1]
        for path, kind in manifests
        for name, spec in wanted(path, subject.before(path)).items()
    }
    for path, kind in manifests:
        was = wanted(path, subject.before(path))
        for name, spec in wanted(path, subject.after(path)).items():
            if was.get(name) != spec:
                real, version = _real(name, spec)
                yield Want(path, kind, real, version, before.get((kind, real)))


def _real(name: str, spec: str) -> tuple[str, str]:
    """The name and the version that are meant, where a package is given another name."""
    alias = _ALIAS.fullmatch(spec.strip())
    return (alias[1], alias[2] or "") if alias else (name, spec)


def _package(kind: str, name: str, spec: str) -> Package:
    exact = _EXACT[kind].match(spec) if kind in _EXACT else None
    return Package(kind, name, exact[1] if exact else "")


def packages(subject: Subject) -> Iterator[Package]:
    """What registries are to be asked about."""
    for want in _wanted_anew(subject):
        if _is_asked(want):
            yield _package(want.kind, want.name, want.spec)
            if want.before is not None and not _DIRECT.search(want.before):
                yield _package(want.kind, want.name, want.before)


def _is_asked(want: Want) -> bool:
    """Of what was there already only a version that is named: the registry says what else comes, and a lock when."""
    is_named = want.before is None or bool(_package(want.kind, want.name, want.spec).version)
    return want.kind in _ASKED and is_named and not _DIRECT.search(want.spec)


def _about(subject: Subject, want: Want, line: int) -> Iterator[Finding]:
    shown = f"`{want.name[:80]}`"

    def finding(sentence: str, weight: Weight = Weight.MEND) -> Finding:
        return Finding(guard=NAME, sentence=f"{sentence}; {_ALLOW}.", path=want.path, line=line, weight=weight)

    if _DIRECT.search(want.spec):
        if want.before is None or not _DIRECT.search(want.before):
            yield finding(f"{shown} does not come from a registry, so nobody can tell what it is", Weight.PEOPLE)
        return
    was_pinned = want.before is None or _is_pinned(subject, want.path, want.kind, want.before)
    if was_pinned and not _is_pinned(subject, want.path, want.kind, want.spec):
        yield finding(f"{shown} is not pinned: any version of it may come. Say which, as others here do")
    if want.before is not None and not (_is_asked(want) and _is_known(subject, want)):
        return
    facts = subject.packages.get(_package(want.kind, want.name, want.spec))
    if facts is None:
        if want.before is None:
            sentence = f"Whether {shown} exists, how old it is and what its licence is cannot be told now. Look it up"
            yield Finding(guard=NAME, sentence=f"{sentence}.", path=want.path, line=line, weight=Weight.REMARK)
        return
    yield from (finding(sentence, weight) for sentence, weight in _released(subject, shown, facts))
    if want.before is None and facts.exists:
        yield from (finding(sentence, weight) for sentence, weight in _licensed(subject, shown, facts))


def _is_known(subject: Subject, want: Want) -> bool:
    """Whether the registry knows what was there: packages of a company's own have none, or one of the same name."""
    if want.before is None or _DIRECT.search(want.before):
        return True
    facts = subject.packages.get(_package(want.kind, want.name, want.before))
    return facts is not None and facts.exists and facts.has_version


def _released(subject: Subject, shown: str, facts: PackageFacts) -> Iterator[tuple[str, Weight]]:
    if not facts.exists:
        yield f"There is no package {shown} in its registry. Correct its name, or do without it", Weight.MEND
        return
    if not facts.has_version:
        yield f"The version of {shown} that is wanted does not exist. Take one that does", Weight.MEND
    if facts.is_yanked:
        yield f"The version of {shown} that is wanted was taken back by who made it. Take another one", Weight.MEND
    least = subject.config.dependency_age_days
    if facts.age_days is not None and facts.age_days < least:
        sentence = (
            f"{shown} was published {facts.age_days:.0f} days ago; at least {least} are wanted (`dependency_age_days` "
            f"in `{PATH}`), as stolen releases are found within days. Take an older version, or do without it"
        )
        yield sentence, Weight.MEND


def _licensed(subject: Subject, shown: str, facts: PackageFacts) -> Iterator[tuple[str, Weight]]:
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
