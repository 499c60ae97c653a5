"""Lines by which packages come from elsewhere than the registries that everybody knows."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from app.core.commented_json import parse
from app.core.patch import Change
from app.guards.guard import Subject

Place = tuple[str, int, str]
"""Path, line, and what the line says."""

_PYTHON_LINES: Final = (
    r"^\s*(?:-i|-f|--index-url|--extra-index-url|--find-links|--trusted-host)\b.*"
    r"|^\s*(?:(?:-e|--editable)[\s=]+)?(?:(?:git|hg|svn|bzr)\+|https?://|file:)\S+"
)
_PYTHON_TABLES: Final = (
    r"^\s*\[+(?:tool\.)?(?:uv\.)?(?:index|sources)\b.*|^\s*\[+tool\.(?:poetry|pdm)\.source\b.*"
    r"|^\s*(?:index-url|extra-index-url|find-links)\s*=.*|\{[^}]*\b(?:git|url)\s*=\s*[\"'].*"
)
_PIP: Final = r"^\s*(?:index-url|extra-index-url|find-links|trusted-host|repository)\s*=.*"
_CARGO: Final = r"^\s*\[+(?:source|registries|patch)\b.*|^\s*(?:replace-with|registry)\s*=.*"
_GEMS: Final = r"^\s*(?:source|git_source)\b(?!.*rubygems\.org).*|\b(?:git|github):\s*['\"].*"
_ELSEWHERE: Final[tuple[tuple[re.Pattern[str], re.Pattern[str]], ...]] = tuple(
    (re.compile(rf"(?:^|/)(?:{names})$"), re.compile(says))
    for names, says in (
        (r"requirements[\w.-]*\.(?:txt|in)|constraints\.txt", _PYTHON_LINES),
        (r"pyproject\.toml|uv\.toml", _PYTHON_TABLES),
        (r"pip\.(?:conf|ini)|\.pypirc", _PIP),
        (r"\.(?:npm|yarn|pnpm)rc|\.yarnrc\.ya?ml|bunfig\.toml", r"(?i)^.*registry\w*[\"']?\s*[:= ].*"),
        (r"go\.mod", r"^\s*(?:replace\s+)?\S+(?:\s+v\S+)?\s+=>\s+(?!\.{1,2}/)\S+.*"),
        (r"Cargo\.toml", r"^\s*\[+(?:patch|replace)\b.*"),
        (r"\.cargo/config(?:\.toml)?", _CARGO),
        (r"Gemfile", _GEMS),
    )
)
"""Files, and what a line of theirs says that has packages come from elsewhere."""
_OVERRIDES: Final = ("overrides", "resolutions")
_DIRECT: Final = re.compile(r"://|^(?:git|file|link|github|portal)[:+]|^[\w.-]+/[\w.-]+(?:#.*)?$")

_KNOWN_HOSTS: Final = frozenset(
    [
        "registry.npmjs.org",
        "registry.yarnpkg.com",
        "pypi.org",
        "files.pythonhosted.org",
        "index.crates.io",
        "rubygems.org",
        "api.github.com",
        "proxy.golang.org",
    ]
)
_CRATES: Final = "registry+https://github.com/rust-lang/crates.io-index"
_COMES_FROM: Final = re.compile(
    r"\b(?:resolved|resolution|tarball|source|url|registry|remote|git)\b.{0,80}?(?P<address>(?:\w+\+)?\w+://(?P<host>[^/\s\"'?#]+)[^\s\"',}]*)"
)


def elsewhere(subject: Subject) -> Iterator[Place]:
    """Lines of manifests and of installers' settings that came, and `overrides` of a `package.json`."""
    for file in subject.texts():
        path = file.path
        if file.change is Change.DELETED:
            continue
        for files, says in _ELSEWHERE:
            if files.search(path):
                for line in subject.added_anew(path):
                    if found := says.search(line.text):
                        yield path, line.number, found[0].strip()
        if path.rpartition("/")[2] == "package.json":
            before, after = (_overrides(text) for text in (subject.before(path), subject.after(path)))
            for name, said in after.items():
                if before.get(name) != said and _DIRECT.search(said):
                    yield path, _line(subject, path, said), f"{name}: {said}"


def _line(subject: Subject, path: str, text: str) -> int:
    return next((line.number for line in subject.added(path) if text in line.text), 0)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _overrides(text: str) -> dict[str, str]:
    """What a `package.json` has packages replaced by, also those that others want."""
    try:
        said = _mapping(parse(text)) if text.strip() else {}
        tables = [*(said.get(key) for key in _OVERRIDES), _mapping(said.get("pnpm")).get("overrides")]
        return {str(name): str(version) for table in tables for name, version in _mapping(table).items()}
    except (ValueError, RecursionError):
        return {}


def hosts(subject: Subject, lock: str, manifest: str) -> Iterator[Place]:
    """Addresses in a lock file that came, at hosts that neither it nor its manifest named before."""
    known = subject.before(lock) + subject.before(manifest)
    for line in subject.added_anew(lock):
        found = _COMES_FROM.search(line.text)
        if found is None or _CRATES in found["address"] or found["host"] in known:
            continue
        if found["host"] not in _KNOWN_HOSTS or found["address"].startswith(("git+", "hg+")):
            yield lock, line.number, found["address"]
