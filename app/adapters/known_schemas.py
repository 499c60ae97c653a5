"""Schemas of settings files that everybody knows by their names, as the package check-jsonschema holds them.

Only its data is used: nothing of it is imported, and nothing is fetched.
"""

import json
import logging
import re
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

_log = logging.getLogger(__name__)

_NAMES: Final = {
    "bitbucket-pipelines": r"bitbucket-pipelines\.ya?ml",
    "cloudbuild": r"cloudbuild\.(?:ya?ml|json)",
    "codecov": r"(?:(?:\.github|dev)/)?\.?codecov\.ya?ml",
    "compose-spec": r"(?:.*/)?(?:docker-)?compose(?:\.[\w.-]*)?\.ya?ml",
    "dependabot": r"\.github/dependabot\.ya?ml",
    "github-issue-config": r"\.github/ISSUE_TEMPLATE/config\.ya?ml",
    "github-issue-forms": r"\.github/ISSUE_TEMPLATE/(?!config\.)[^/]+\.ya?ml",
    "mergify": r"(?:\.mergify|\.mergify/config|\.github/mergify)\.yml",
    "readthedocs": r"\.readthedocs\.ya?ml",
    "taskfile": r"(?:.*/)?[Tt]askfile(?:\.dist)?\.ya?ml",
    "travis": r"\.travis\.ya?ml",
    "woodpecker-ci": r"\.woodpecker(?:/[^/]+)?\.ya?ml",
}
"""Which files each is of.

Left out are those of files with tags of their own (GitLab's), those that take minutes (Renovate's), and those with
patterns that Python does not read (CircleCI's).
"""


def known_schema(path: str) -> tuple[str, Any] | None:
    """The schema of the file at `path` and its name; None if none is known."""
    name = next((name for name, pattern in _NAMES.items() if re.fullmatch(pattern, path)), "")
    schema = _read(name) if name else None
    return (name, schema) if schema is not None else None


@lru_cache(maxsize=4)
def _read(name: str) -> Any:
    found = find_spec("check_jsonschema")
    if found is None or not found.origin:
        return None
    file = Path(found.origin).parent / "builtin_schemas" / "vendor" / f"{name}.json"
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:  # another version of the package may do without one
        _log.warning("The schema %s cannot be read: %r", name, error)
        return None
