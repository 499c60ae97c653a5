"""What Python's manifests say of a package, whichever tool reads them."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

PYTHON: Final = "/usr/bin/python3"
"""The interpreter of the box, which set-up uses, too."""
_MOST: Final = 300_000
"""Characters of a manifest."""
_MOST_DOTS: Final = 200
"""In one line of TOML: tomllib takes their square."""
_LOCKED: Final = r'(?m)^name = "{}"\nversion = "([^"\n]+)"'


class Declared(NamedTuple):
    """A place where a manifest wants a package."""

    option: tuple[str, ...]
    """By which `uv add` is told of the place."""
    requirement: Requirement


def toml(text: str) -> Mapping[str, Any]:
    """A manifest; empty if it cannot be read."""
    if len(text) > _MOST or any(line.count(".") > _MOST_DOTS for line in text.split("\n")):
        return {}
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        return {}


def table(said: Any, *keys: str) -> Mapping[str, Any]:
    """A table inside of tables; empty if there is none."""
    for key in keys:
        said = said.get(key) if isinstance(said, Mapping) else None
    return said if isinstance(said, Mapping) else {}


def declared(text: str, name: str) -> list[Declared]:
    """Where a `pyproject.toml` wants a package by the standard's own keys."""
    said = toml(text)
    places: list[tuple[tuple[str, ...], Any]] = [((), table(said, "project").get("dependencies"))]
    optional, groups = table(said, "project", "optional-dependencies"), table(said, "dependency-groups")
    places += [(("--optional", key), value) for key, value in optional.items()]
    places += [(("--group", key), value) for key, value in groups.items()]
    return [
        Declared(option, found)
        for option, lines in places
        for line in (lines if isinstance(lines, list) else ())
        if (found := requirement(line)) and canonicalize_name(found.name) == canonicalize_name(name)
    ]


def requirement(line: object) -> Requirement | None:
    """One line of a manifest; None if it is none."""
    try:
        return Requirement(line) if isinstance(line, str) else None
    except InvalidRequirement:
        return None


def locked(text: str, name: str) -> str:
    """The version of a package in `uv.lock` or `poetry.lock`; empty if it is not there."""
    return entry(text, canonicalize_name(name))


def entry(text: str, name: str) -> str:
    """The version that a lock file of TOML gives to this very name; empty if it is not there."""
    found = re.search(_LOCKED.format(re.escape(name)), text)
    return found[1] if found else ""


def admits(spec: SpecifierSet | str, version: str) -> bool:
    """Whether a version is let in."""
    try:
        return SpecifierSet(str(spec)).contains(Version(version), prereleases=True)
    except (InvalidSpecifier, InvalidVersion):
        return False


def respecified(spec: SpecifierSet | str, version: str) -> str:
    """What is to be let in instead, in the manner of `spec`: exact stays exact, a range below the next major one.

    `==2.0` → `==3.1`, `~=2.0` → `~=3.1`, `>=2,<3` → `>=3.1,<4`, `>=2` stays `>=3.1`, nothing stays nothing.
    """
    said = {each.operator for each in SpecifierSet(str(spec))}
    if not said:
        return ""
    if ".*" in str(spec):
        return f"=={version.split('.', maxsplit=1)[0]}.*"
    for operator in ("===", "==", "~="):
        if operator in said and not (operator == "~=" and "." not in version):
            return f"{operator}{version}"
    bounded = bool(said & {"<", "<="})
    return f">={version},<{_next_major(version)}" if bounded else f">={version}"


def written(wanted: Requirement, spec: str) -> str:
    """The requirement with another specifier; extras and marker stay."""
    extras = f"[{','.join(sorted(wanted.extras))}]" if wanted.extras else ""
    marker = f" ; {wanted.marker}" if wanted.marker else ""
    return f"{wanted.name}{extras}{spec}{marker}"


def _next_major(version: str) -> str:
    known = Version(version)
    return str(known.major + 1) if known.major or known.minor == 0 else f"0.{known.minor + 1}"


def lines_with(text: str, name: str) -> Iterator[tuple[int, str, Requirement]]:
    """Lines of a file of requirements that want a package, as (number from 1, line, requirement)."""
    for number, line in enumerate(text.split("\n"), 1):
        bare = re.sub(r"\s+#.*$", "", line).strip()
        found = requirement(bare.partition(" --")[0].rstrip(" \\"))
        if found and canonicalize_name(found.name) == canonicalize_name(name):
            yield number, line, found


def version_in(spec: SpecifierSet | str) -> str:
    """The version that `==` names; else the lowest that is let in; empty if nothing says."""
    order = ("===", "==", "~=", ">=", ">")
    known = {each.operator: each.version for each in SpecifierSet(str(spec))}
    return next((known[operator] for operator in order if operator in known), "")
