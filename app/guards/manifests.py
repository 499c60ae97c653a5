"""What manifests want: names of packages and the versions that are let in, read as data."""

import configparser
import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from app.core.commented_json import parse

Wants = Mapping[str, str]
"""What is let in of each package, as it is written, by the package's name."""

_MOST: Final = 300_000
"""Characters of a manifest."""
_MOST_DOTS: Final = 200
"""In one line of TOML: tomllib takes their square."""
_REQUIREMENT: Final = re.compile(r"\s*([A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)\s*(?:\[[^\]]*\])?\s*([^;#]*)")
_NPM: Final = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies")


def ecosystem(path: str) -> str:
    """Where a manifest's packages come from: `pypi`, `npm`, `crates`, `go` or `rubygems`; empty if it is none."""
    return next((kind for pattern, (kind, _) in _READERS.items() if re.fullmatch(pattern, _name(path))), "")


def _name(path: str) -> str:
    """The name that tells what a file is; of one in a folder `requirements` as it would be called elsewhere."""
    folder, _, name = path.rpartition("/")
    is_listed = folder.rpartition("/")[2].lower() == "requirements" and name.endswith((".txt", ".in"))
    return f"requirements-{name}" if is_listed else name


def wanted(path: str, text: str) -> Wants:
    """Packages that a manifest wants; nothing if it cannot be read."""
    reader = next((read for pattern, (_, read) in _READERS.items() if re.fullmatch(pattern, _name(path))), None)
    if reader is None or len(text) > _MOST or any(line.count(".") > _MOST_DOTS for line in text.split("\n")):
        return {}
    try:
        return dict(reader(text))
    except (ValueError, RecursionError, AttributeError, TypeError, configparser.Error):
        return {}


def python_name(name: str) -> str:
    """https://packaging.python.org/en/latest/specifications/name-normalization/"""
    return re.sub(r"[-_.]+", "-", name).lower()


Pairs = Iterator[tuple[str, str]]


def _requirement(text: str) -> Pairs:
    if (found := _REQUIREMENT.match(text)) and not text.lstrip().startswith(
        ("-", "#", "http:", "https:", "git+", ".", "/")
    ):
        yield python_name(found[1]), found[2].strip()


def _requirements(text: str) -> Pairs:
    for line in text.replace("\\\n", " ").splitlines():
        yield from _requirement(line.partition(" --hash")[0].partition(" #")[0])


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _specified(said: Any) -> str:
    """A version as Poetry, Pipenv and Cargo write it: a text, or a table with one or a place."""
    if isinstance(said, Mapping):
        if place := next(
            (f"@ {key}: {said[key]}" for key in ("git", "url", "registry", "source") if said.get(key)), ""
        ):
            return place
        return str(said.get("version", f"@ {said['path']}" if "path" in said else ""))
    return str(said)


def _pyproject(text: str) -> Pairs:
    said = tomllib.loads(text)
    project, groups = _mapping(said.get("project")), _mapping(said.get("dependency-groups"))
    extras = _mapping(project.get("optional-dependencies"))
    lists = [
        project.get("dependencies"),
        _mapping(said.get("build-system")).get("requires"),
        *extras.values(),
        *groups.values(),
    ]
    for each in lists:
        for one in each if isinstance(each, list) else ():
            if isinstance(one, str):
                yield from _requirement(one)
    poetry = _mapping(_mapping(said.get("tool")).get("poetry"))
    tables = [poetry.get("dependencies"), poetry.get("dev-dependencies")]
    tables += [_mapping(group).get("dependencies") for group in _mapping(poetry.get("group")).values()]
    for table in tables:
        for name, version in _mapping(table).items():
            if name != "python":
                yield python_name(name), _specified(version)


def _pipfile(text: str) -> Pairs:
    said = tomllib.loads(text)
    for table in ("packages", "dev-packages"):
        for name, version in _mapping(said.get(table)).items():
            yield python_name(name), _specified(version)


def _package_json(text: str) -> Pairs:
    said = _mapping(parse(text))
    for table in _NPM:
        for name, version in _mapping(said.get(table)).items():
            yield str(name), str(version)


def _cargo(text: str) -> Pairs:
    said = tomllib.loads(text)
    workspace, targets = _mapping(said.get("workspace")), _mapping(said.get("target"))
    for place in (said, workspace, *map(_mapping, targets.values())):
        for table in ("dependencies", "dev-dependencies", "build-dependencies"):
            for name, version in _mapping(place.get(table)).items():
                if _mapping(version).get("workspace") is True:  # the manifest above says which
                    continue
                # One that is called otherwise here: https://doc.rust-lang.org/cargo/reference/specifying-dependencies.html
                yield str(_mapping(version).get("package", name)), _specified(version)


def _go(text: str) -> Pairs:
    for line in text.splitlines():
        found = re.match(r"\s*(?:require\s+)?([\w.-]+\.[\w.-]+/\S+)\s+(v\S+)", line)
        if found and not line.lstrip().startswith(("replace", "exclude", "//")):
            yield found[1], found[2]


_LISTED: Final = re.compile(r"\b(?:install|setup|tests)_requires?\s*=\s*\[(?P<names>[^\]]{0,20000})\]")


def _setup_py(text: str) -> Pairs:
    """Lists as they mostly stand there; what a program makes of them is not seen."""
    for found in _LISTED.finditer(text):
        for match in re.finditer(r"(['\"])(?P<said>[^'\"\n]+)\1", found["names"]):
            yield from _requirement(match["said"])


def _setup_cfg(text: str) -> Pairs:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.read_string(text)
    sections = {name: dict(parser[name]) for name in parser.sections()}
    options = sections.get("options", {})
    lists = [options.get(key, "") for key in ("install_requires", "setup_requires", "tests_require")]
    for each in (*lists, *sections.get("options.extras_require", {}).values()):
        yield from _requirements(each)


def _gemfile(text: str) -> Pairs:
    for found in re.finditer(r"^\s*gem\s+['\"]([\w.-]+)['\"]\s*(?:,\s*['\"]([^'\"\n]+)['\"])?", text, re.MULTILINE):
        yield found[1], found[2] or ""


_READERS: Final[Mapping[str, tuple[str, Callable[[str], Pairs]]]] = {
    r"pyproject\.toml": ("pypi", _pyproject),
    r"requirements[\w.-]*\.(?:txt|in)|constraints\.txt": ("pypi", _requirements),
    r"Pipfile": ("pypi", _pipfile),
    r"setup\.py": ("pypi", _setup_py),
    r"setup\.cfg": ("pypi", _setup_cfg),
    r"package\.json": ("npm", _package_json),
    r"Cargo\.toml": ("crates", _cargo),
    r"go\.mod": ("go", _go),
    r"Gemfile": ("rubygems", _gemfile),
}
"""Names of manifests: their ecosystem, and what reads them."""


def locked(path: str, text: str) -> frozenset[str] | None:
    """Names of the packages that a lock file holds; None if that cannot be told."""
    name = path.rpartition("/")[2]
    if name == "package-lock.json":
        try:
            said = json.loads(text)
            packages = _mapping(_mapping(said).get("packages"))
            older = _mapping(_mapping(said).get("dependencies"))
        except (ValueError, RecursionError):
            return None
        return frozenset([*(key.rpartition("node_modules/")[2] for key in packages if key), *older])
    patterns = {
        "uv.lock": r"(?m)^name = \"([^\"\n]+)\"",
        "poetry.lock": r"(?m)^name = \"([^\"\n]+)\"",
        "pdm.lock": r"(?m)^name = \"([^\"\n]+)\"",
        "Cargo.lock": r"(?m)^name = \"([^\"\n]+)\"",
        "yarn.lock": r"(?m)^\"?((?:@[\w.-]+/)?[\w.-]+)@",
        "pnpm-lock.yaml": r"(?m)^ +'?/?((?:@[\w.-]+/)?[\w.-]+)[@/:]",
        "go.sum": r"(?m)^(\S+) v",
        "Pipfile.lock": r"(?m)^ {8}\"([\w.-]+)\": \{",
        "Gemfile.lock": r"(?m)^ {4}([\w.-]+)(?: \(|$)",
    }
    if name not in patterns:
        return None
    found = re.findall(patterns[name], text)
    return frozenset(
        map(python_name, found) if name in {"uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock"} else found
    )
