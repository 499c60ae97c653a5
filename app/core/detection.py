"""Find out how a repository is set up, linted and tested, from the names and contents of a few files.

Nothing is run. Where a repository has several ecosystems at its root, the first of these that has tests counts:
Python, Node, Go, Rust, make. `.github/minion.yml` wins over all of this, key by key.
"""

import json
import re
import tomllib
from collections.abc import Collection, Mapping
from fnmatch import fnmatch
from typing import Any, Final

from app.core.repo_config import RepoConfig

ROOT_FILES: Final = (
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "tox.ini",
    "pytest.ini",
    "uv.lock",
    "ruff.toml",
    ".ruff.toml",
    "requirements*.txt",
    "package.json",
    "package-lock.json",
    "go.mod",
    "Cargo.toml",
    "Makefile",
)
"""Globs of the files at the root whose contents are looked at."""
TEST_FOLDERS: Final = ("tests", "test")

_FOR_TESTS: Final = ("test", "tests", "testing", "dev")
"""What projects call the extra or dependency group that their tests need."""
_REQUIREMENTS: Final = re.compile(r"requirements(?:[-_.]?(?:tests?|testing|dev))?\.txt")
REQUIREMENTS_FOLDER: Final = "requirements"
REQUIREMENTS_INSIDE: Final = tuple(f"{REQUIREMENTS_FOLDER}/{name}.txt" for name in _FOR_TESTS)
"""Where a folder holds a file for each purpose; the first that there is says what tests need."""
_MOST_TOML: Final = 256 * 1_024
_MOST_DOTS: Final = 2_000
"""In one line: the parser takes the square of a dotted key's length. A hand-written file has far less of both."""
_PYTHON: Final = ".venv/bin/python"
_VENV: Final = "uv venv --quiet --allow-existing --python /usr/bin/python3 .venv"


def detect(files: Mapping[str, bytes], names: Collection[str]) -> RepoConfig:
    """The commands, as far as they can be told; `test` stays None if no way to test was found.

    `names` are those at the root, folders with a `/` at the end. `files` are contents by path: those of ROOT_FILES and
    REQUIREMENTS_INSIDE, and Python files of a folder of tests, whose imports tell pytest from unittest.
    """
    texts = {path: data.decode("utf-8", "replace") for path, data in files.items()}
    for look in (_python, _node, _go, _rust, _make):
        found = look(texts, names)
        if found is not None and found.test is not None:
            return found
    return RepoConfig()


# -- Python ----------------------------------------------------------------------------------------------------------
def _python(texts: Mapping[str, str], names: Collection[str]) -> RepoConfig | None:
    is_installable = "setup.py" in names or _has_project(_toml(texts.get("pyproject.toml", "")))
    if not is_installable and not any(name.endswith(".py") for name in [*names, *texts]):
        return None
    tests = {path: text for path, text in texts.items() if path.endswith(".py") and path != "setup.py"}
    test_names = [name for name in [*names, *tests] if _is_test(name)]
    has_folder = any(f"{folder}/" in names for folder in TEST_FOLDERS)
    if not test_names and not has_folder and not _says_pytest(texts, names):
        return None
    if _needs_pytest(texts, names):
        return RepoConfig(setup=_install(texts, names), lint=_ruff(texts, names), test=(f"{_PYTHON} -m pytest -q",))
    setup = _install(texts, names, runner="") if _dependencies(texts) else ()
    python = _PYTHON if setup else "python3"
    return RepoConfig(setup=setup, lint=_ruff(texts, names), test=(_unittest(python, tests, names),))


def _is_test(name: str) -> bool:
    last = name.rpartition("/")[2]
    return fnmatch(last, "test_*.py") or fnmatch(last, "*_test.py") or last in {"test.py", "tests.py"}


def _says_pytest(texts: Mapping[str, str], names: Collection[str]) -> bool:
    where = [path for path in texts if not path.endswith(".py")]
    said = any(re.search(r"\bpytest\b", texts[path]) for path in where if path not in {"package.json", "Makefile"})
    return said or "conftest.py" in names or "pytest.ini" in names


def _needs_pytest(texts: Mapping[str, str], names: Collection[str]) -> bool:
    """Whether unittest would not find or not run the tests."""
    tests = [text for path, text in texts.items() if path.endswith(".py") and _is_test(path)]
    says_so = _says_pytest(texts, names) or any(path.endswith("conftest.py") for path in texts)
    uses_it = any(re.search(r"(?m)^[ \t]*(?:import|from) pytest\b|^(?:async )?def test_", text) for text in tests)
    return says_so or uses_it or not any(re.search(r"\bunittest\b", text) for text in tests)


def _install(texts: Mapping[str, str], names: Collection[str], runner: str = "pytest") -> tuple[str, ...]:
    project = _toml(texts.get("pyproject.toml", ""))
    extras = [name for name in _FOR_TESTS if name in _extras(project)]
    groups = [name for name in _FOR_TESTS if name in _groups(project)]
    if "uv.lock" in names and _has_project(project):
        sync = [*(f"--extra {name}" for name in extras), *(f"--group {name}" for name in groups)]
        commands = [" ".join(["uv sync --quiet --frozen --python /usr/bin/python3", *sync])]
        # A lock says what the tests need; their runner is added only where it does not.
        if runner and "pytest" not in texts.get("uv.lock", ""):
            commands.append(f"uv pip install --quiet --python {_PYTHON} {runner}")
        return tuple(commands)
    inside = [path for path in REQUIREMENTS_INSIDE if path in texts][:1]
    what = [f"-r {name}" for name in [*sorted(name for name in names if _REQUIREMENTS.fullmatch(name)), *inside]]
    if "setup.py" in names or _has_project(project):
        what.append(f"-e '.[{','.join(extras)}]'" if extras else "-e .")
        what += [f"--group {name}" for name in groups]
    return (_VENV, " ".join([f"uv pip install --quiet --python {_PYTHON}", *what, *([runner] if runner else [])]))


def _dependencies(texts: Mapping[str, str]) -> bool:
    """Whether anything has to be installed for the code to be imported."""
    project = _toml(texts.get("pyproject.toml", "")).get("project", {})
    declared = bool(project.get("dependencies")) or "dependencies" in str(project.get("dynamic"))
    listed = [text for path, text in texts.items() if _REQUIREMENTS.fullmatch(path) or path in REQUIREMENTS_INSIDE]
    wanted = any(_requires(text) for text in listed)
    old = any("install_requires" in texts.get(path, "") for path in ("setup.py", "setup.cfg"))
    return declared or wanted or old


def _requires(text: str) -> bool:
    return any(line.strip() and not line.lstrip().startswith("#") for line in text.splitlines())


def _unittest(python: str, tests: Mapping[str, str], names: Collection[str]) -> str:
    folder = next((folder for folder in TEST_FOLDERS if f"{folder}/" in names), "")
    path = "PYTHONPATH=src " if "src/" in names else ""
    where = f" -s {folder}" if folder else ""
    top = " -t ." if f"{folder}/__init__.py" in tests else ""
    return f"{path}{python} -m unittest discover{where}{top}"


def _ruff(texts: Mapping[str, str], names: Collection[str]) -> tuple[str, ...]:
    is_configured = {"ruff.toml", ".ruff.toml"} & set(names) or "[tool.ruff" in texts.get("pyproject.toml", "")
    return (_on_changed("ruff check --fix --quiet"), _on_changed("ruff format --quiet")) if is_configured else ()


def _on_changed(command: str, glob: str = "*.py") -> str:
    """`command` on the changed files only, and only if the program is there.

    It is there in the version that the repository wants, or not at all; and what it finds elsewhere was not asked for.
    """
    changed = f"git diff -z --name-only --diff-filter=d HEAD -- '{glob}'"
    new = f"git ls-files -z --others --exclude-standard -- '{glob}'"
    program = command.partition(" ")[0]
    return f"if command -v {program} >/dev/null; then {{ {changed}; {new}; }} | xargs -0 -r {command}; fi"


def _toml(text: str) -> dict[str, Any]:
    if len(text) > _MOST_TOML or any(line.count(".") > _MOST_DOTS for line in text.split("\n")):
        return {}
    try:
        found = tomllib.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found.get("project", {}), dict) else {}


def _has_project(project: Mapping[str, Any]) -> bool:
    return "project" in project or "build-system" in project


def _extras(project: Mapping[str, Any]) -> Collection[str]:
    found = project.get("project", {}).get("optional-dependencies", {})
    return found if isinstance(found, dict) else ()


def _groups(project: Mapping[str, Any]) -> Collection[str]:
    found = project.get("dependency-groups", {})
    return found if isinstance(found, dict) else ()


# -- Others ----------------------------------------------------------------------------------------------------------
def _node(texts: Mapping[str, str], names: Collection[str]) -> RepoConfig | None:
    if "package.json" not in texts:
        return None
    try:
        package = json.loads(texts["package.json"])
    except (json.JSONDecodeError, RecursionError):
        return None
    scripts = package.get("scripts") if isinstance(package, dict) else None
    # What `npm init` writes is no test.
    if not isinstance(scripts, dict) or "no test specified" in str(scripts.get("test", "no test specified")):
        return None
    wanted = any(package.get(key) for key in ("dependencies", "devDependencies", "workspaces"))
    install = "npm ci --no-audit --no-fund" if "package-lock.json" in names else "npm install --no-audit --no-fund"
    lint = next((f"npm run {name}" for name in ("lint:fix", "lint") if name in scripts), "")
    return RepoConfig(setup=(install,) if wanted else (), lint=(lint,) if lint else (), test=("npm test",))


def _go(texts: Mapping[str, str], _names: Collection[str]) -> RepoConfig | None:
    if "go.mod" not in texts:
        return None
    setup = ("go mod download",) if re.search(r"(?m)^[ \t]*require\b", texts["go.mod"]) else ()
    return RepoConfig(setup=setup, lint=(_on_changed("gofmt -w", "*.go"),), test=("go test ./...",))


def _rust(texts: Mapping[str, str], _names: Collection[str]) -> RepoConfig | None:
    if "Cargo.toml" not in texts:
        return None
    return RepoConfig(setup=("cargo fetch",), lint=("cargo fmt",), test=("cargo test --offline",))


def _make(texts: Mapping[str, str], _names: Collection[str]) -> RepoConfig | None:
    targets = set(re.findall(r"(?m)^([A-Za-z][A-Za-z0-9_-]*)\s*:(?!=)", texts.get("Makefile", "")))
    test = next((target for target in ("test", "tests", "check") if target in targets), "")
    if not test:
        return None
    lint = next((target for target in ("fix", "format", "fmt", "lint") if target in targets), "")
    return RepoConfig(setup=(), lint=(f"make {lint}",) if lint else (), test=(f"make {test}",))
