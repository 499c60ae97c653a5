"""What lock files say that the content of packages is, and where it became another one though the version did not."""

import json
import re
import tomllib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from app.guards.manifests import python_name

Told = Iterator[tuple[str, frozenset[str]]]
"""Packages or files of theirs, each by a name that holds its version, and the digests of its content."""

_MOST_DOTS: Final = 200
"""In one line of TOML: tomllib takes their square."""
_MOST_DEPTH: Final = 60
"""Packages in packages of a `package-lock.json`."""


def changed(path: str, before: str, after: str) -> list[str] | None:
    """What kept its version, and has another content now or does not tell it; None if nobody can read that any more.

    More digests are fine, as of a wheel that came later, and so are fewer; one in the place of another is not.
    """
    old = defaultdict[str, list[frozenset[str]]](list)
    for name, digests in _read(path, before) or ():
        if digests:
            old[name].append(digests)
    new = _read(path, after)
    if new is None:
        return None if old else []
    others = [name for name, said in new if name in old and not any(_same(said, one) for one in old[name])]
    return list(dict.fromkeys(others))


def tells(path: str) -> bool:
    """Whether a file of this name says what the content of packages is."""
    return _reader(path) is not None


def _same(said: frozenset[str], before: frozenset[str]) -> bool:
    return bool(said) and (said <= before or before <= said)


def _reader(path: str) -> Callable[[str], Told] | None:
    name = path.rpartition("/")[2]
    return next((read for pattern, read in _READERS.items() if re.fullmatch(pattern, name)), None)


def _read(path: str, text: str) -> list[tuple[str, frozenset[str]]] | None:
    reader = _reader(path)
    if reader is None or not text.strip():
        return []
    try:
        return list(reader(text))
    except (ValueError, RecursionError):  # tomllib's errors and json's are ValueErrors
        return None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _digests(*values: Any) -> frozenset[str]:
    """Of texts that hold one or several: npm writes those of one content behind each other."""
    return frozenset(word for value in values if isinstance(value, str) for word in value.split())


def _toml(text: str) -> Mapping[str, Any]:
    if any(line.count(".") > _MOST_DOTS for line in text.split("\n")):
        raise ValueError
    return tomllib.loads(text)


def _python(text: str) -> Told:
    """`uv.lock`, `poetry.lock` and `pdm.lock`: each file by itself, whose name tells the version."""
    said = _toml(text)
    files = list[Any]()
    for package in map(_mapping, _list(said.get("package"))):
        files += [package.get("sdist"), *_list(package.get("wheels")), *_list(package.get("files"))]
    for older in _mapping(_mapping(said.get("metadata")).get("files")).values():
        files += _list(older)
    for file in map(_mapping, files):
        place = str(file.get("file") or file.get("url") or file.get("path") or "")
        yield re.split(r"[?#]", place)[0].rpartition("/")[2], _digests(file.get("hash"))


def _pipfile(text: str) -> Told:
    for group, packages in _mapping(json.loads(text)).items():
        for name, package in _mapping(packages).items():
            if group != "_meta" and isinstance(package, Mapping):
                hashes = package.get("hashes")
                yield f"{python_name(name)} {package.get('version', '')}", _digests(*_list(hashes))


def _requirements(text: str) -> Told:
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        if found := re.match(r"\s*([\w.-]+)\s*(?:\[[^\]]*\]\s*)?===?\s*([^\s;#\\]+)", line):
            yield f"{python_name(found[1])} {found[2]}", frozenset(re.findall(r"--hash[=\s]\s*(\S+)", line))


def _npm(text: str) -> Told:
    said = _mapping(json.loads(text))
    for key, package in _mapping(said.get("packages")).items():
        if key and isinstance(package, Mapping):
            name = package.get("name") or key.rpartition("node_modules/")[2]
            yield f"{name} {package.get('version', '')}", _digests(package.get("integrity"))
    yield from _older_npm(said, 0)


def _older_npm(said: Mapping[str, Any], depth: int) -> Told:
    if depth > _MOST_DEPTH:
        raise ValueError
    for name, package in _mapping(said.get("dependencies")).items():
        if isinstance(package, Mapping):
            yield f"{name} {package.get('version', '')}", _digests(package.get("integrity"))
            yield from _older_npm(package, depth + 1)


_YARN_NAME: Final = re.compile(r"\"?((?:@[\w.~-]+/)?[\w.~-]+)@")
_YARN_SAYS: Final = re.compile(r"\s+\"?(version|resolved|integrity|checksum)\"?:?\s+\"?([^\"\s]+)")


def _yarn(text: str) -> Told:
    """Of both formats; the older one has a digest behind its address, too."""
    for block in re.split(r"\n(?=\S)", text):
        head, _, body = block.partition("\n")
        if not (name := _YARN_NAME.match(head)):
            continue
        said = {found[1]: found[2] for line in body.splitlines() if (found := _YARN_SAYS.match(line))}
        address = said.get("resolved", "").partition("#")[2]
        yield f"{name[1]} {said.get('version', '')}", _digests(address, said.get("integrity"), said.get("checksum"))


_PNPM_NAME: Final = re.compile(r"\s*(['\"]?)/?([^\s'\"].*)\1:\s*\n")
_PNPM_SAYS: Final = re.compile(r"\b(?:integrity|commit)['\"]?:\s*['\"]?([^\s'\",}]+)")


def _pnpm(text: str) -> Told:
    """What stands under `packages`; elsewhere the same names stand without digests."""
    table = re.search(r"(?ms)^packages:\s*$(.*?)(?=^\S|\Z)", text)
    for block in re.split(r"\n(?= {2}\S)", table[1] if table else ""):
        if name := _PNPM_NAME.match(block):
            yield name[2], frozenset(_PNPM_SAYS.findall(block))


def _cargo(text: str) -> Told:
    said = _toml(text)
    for package in map(_mapping, _list(said.get("package"))):
        source = str(package.get("source", "")).partition("#")[0]
        yield f"{package.get('name')} {package.get('version')} {source}".strip(), _digests(package.get("checksum"))
    for key, checksum in _mapping(said.get("metadata")).items():
        if key.startswith("checksum "):
            yield key, _digests(checksum)


def _go(text: str) -> Told:
    for line in text.splitlines():
        module, version, *digests = [*line.split(), "", ""][:4]
        if module and version:
            yield f"{module} {version}", _digests(*digests)


_READERS: Final[Mapping[str, Callable[[str], Told]]] = {
    r"(?:uv|poetry|pdm)\.lock": _python,
    r"Pipfile\.lock": _pipfile,
    r"requirements[\w.-]*\.txt|constraints\.txt": _requirements,
    r"package-lock\.json|npm-shrinkwrap\.json": _npm,
    r"yarn\.lock": _yarn,
    r"pnpm-lock\.yaml": _pnpm,
    r"Cargo\.lock": _cargo,
    r"go\.sum": _go,
}
"""Names of files, and what reads them."""
