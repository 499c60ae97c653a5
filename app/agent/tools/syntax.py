"""Whether a change breaks the syntax of a file: only what was whole before is told, and nothing is executed."""

import json
import threading
import tomllib
import warnings
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Final

import yaml

_MOST: Final = 500_000
"""Characters that are parsed; PyYAML needs a second for a tenth of it, so that is what it gets."""
_MOST_YAML: Final = 50_000
_alone: Final = threading.Lock()
"""Filters of warnings are global."""


def introduced(path: str, before: str | None, after: str) -> str:
    """A line on the error that `after` has and `before` (None: there was no file) has not; empty if there is none."""
    check = _CHECKS.get(PurePosixPath(path).suffix.lower())
    if check is None or not (error := _error(check, after)) or (before is not None and _error(check, before)):
        return ""
    return f"[this broke the syntax of {path}: {error}]"


def _error(check: Callable[[str], object], text: str) -> str:
    if len(text) > (_MOST_YAML if check is _yaml else _MOST):
        return ""
    try:
        check(text.removeprefix("\ufeff"))
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}"
    except yaml.MarkedYAMLError as error:
        where = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        return f"{where}{error.problem}"
    except (ValueError, yaml.YAMLError) as error:  # JSON and TOML say the line themselves
        return str(error)
    except (RecursionError, MemoryError):  # nested too deeply to say
        return ""
    return ""


def _python(text: str) -> object:
    """Compiled and thrown away. Not `ast.parse`: two threads at once are an error in it (CPython gh-106905)."""
    with _alone, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return compile(text, "file", "exec", dont_inherit=True)


def _yaml(text: str) -> object:
    """Only whether it can be read; templates of other programs mostly cannot, before as after."""
    return sum(1 for _ in yaml.parse(text, Loader=yaml.SafeLoader))


_CHECKS: Final[Mapping[str, Callable[[str], object]]] = {
    ".py": _python,
    ".pyi": _python,
    ".json": json.loads,
    ".toml": tomllib.loads,
    ".yaml": _yaml,
    ".yml": _yaml,
}
