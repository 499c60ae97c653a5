import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.detection import ROOT_FILES, detect
from app.core.repo_config import RepoConfig

VENV = "uv venv --quiet --allow-existing --python /usr/bin/python3 .venv"
INSTALL = "uv pip install --quiet --python .venv/bin/python"
PYTEST = (".venv/bin/python -m pytest -q",)
PROJECT = b"[project]\nname='a'\n"


def found(files: dict[str, str | bytes]) -> RepoConfig:
    contents = {path: text.encode() if isinstance(text, str) else text for path, text in files.items()}
    names = {path.partition("/")[0] + ("/" if "/" in path else "") for path in files}
    return detect(contents, sorted(names))


@pytest.mark.parametrize(
    ("files", "setup", "test"),
    [
        (
            {"pyproject.toml": PROJECT, "tests/test_a.py": "import pytest"},
            (VENV, f"{INSTALL} -e . pytest"),
            PYTEST,
        ),
        (
            {"pyproject.toml": PROJECT + b"[project.optional-dependencies]\ntests=[]", "conftest.py": ""},
            (VENV, f"{INSTALL} -e '.[tests]' pytest"),
            PYTEST,
        ),
        (
            {"pyproject.toml": PROJECT + b"[dependency-groups]\ndev=['pytest']", "tests/test_a.py": ""},
            (VENV, f"{INSTALL} -e . --group dev pytest"),
            PYTEST,
        ),
        (
            {"pyproject.toml": PROJECT, "uv.lock": "name = 'pytest'", "tests/test_a.py": "def test_a(): ..."},
            ("uv sync --quiet --frozen --python /usr/bin/python3",),
            PYTEST,
        ),
        (
            {"requirements.txt": "six", "requirements-docs.txt": "sphinx", "test_a.py": "def test_a(): ..."},
            (VENV, f"{INSTALL} -r requirements.txt pytest"),
            PYTEST,
        ),
        (
            {
                "setup.py": "",
                "requirements/dev.txt": "tox",
                "requirements/tests.txt": "freezegun",
                "tests/conftest.py": "",
            },
            (VENV, f"{INSTALL} -r requirements/tests.txt -e . pytest"),
            PYTEST,
        ),
        (
            {"a.py": "", "requirements/test.txt": "six", "tests/test_a.py": "import unittest"},
            (VENV, f"{INSTALL} -r requirements/test.txt"),
            (".venv/bin/python -m unittest discover -s tests",),
        ),
        (
            {"greet.py": "", "tests/test_greet.py": "import unittest"},
            (),
            ("python3 -m unittest discover -s tests",),
        ),
        (
            {"src/a.py": "", "pyproject.toml": PROJECT, "tests/__init__.py": "", "tests/test_a.py": "import unittest"},
            (),
            ("PYTHONPATH=src python3 -m unittest discover -s tests -t .",),
        ),
        (
            {"pyproject.toml": PROJECT + b"dependencies=['six']", "tests/test_a.py": "import unittest"},
            (VENV, f"{INSTALL} -e ."),
            (".venv/bin/python -m unittest discover -s tests",),
        ),
        (
            {"package.json": json.dumps({"scripts": {"test": "jest"}, "devDependencies": {"jest": "1"}})},
            ("npm install --no-audit --no-fund",),
            ("npm test",),
        ),
        ({"package.json": json.dumps({"scripts": {"test": "node --test"}})}, (), ("npm test",)),
        ({"go.mod": "module a"}, (), ("go test ./...",)),
        ({"go.mod": "module a\nrequire b v1.0.0"}, ("go mod download",), ("go test ./...",)),
        ({"Cargo.toml": ""}, ("cargo fetch",), ("cargo test --offline",)),
        (
            {"setup.py": "install_requires=['six']", "test.py": "import unittest"},
            (VENV, f"{INSTALL} -e ."),
            (".venv/bin/python -m unittest discover",),
        ),
        ({"Makefile": "X := 1\ncheck: a\n\ttrue\n"}, (), ("make check",)),
    ],
)
def test_each_ecosystem_is_told_by_its_files(
    files: dict[str, str | bytes], setup: tuple[str, ...], test: tuple[str, ...]
) -> None:
    config = found(files)
    assert (config.setup, config.test) == (setup, test)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"README.md": "hello"},
        {"package.json": json.dumps({"scripts": {"test": 'echo "Error: no test specified" && exit 1'}})},
        {"package.json": "{"},
        {"pyproject.toml": "= broken"},
        {"Makefile": "test := 1"},
    ],
)
def test_no_way_to_test_is_no_guess(files: dict[str, str | bytes]) -> None:
    assert found(files).test is None


def test_a_python_project_without_tests_leaves_it_to_make() -> None:
    assert found({"a.py": "", "Makefile": "test:\n\t./t.sh\n"}).test == ("make test",)


def test_ruff_is_run_where_it_is_configured_on_what_was_changed() -> None:
    lint = found({"ruff.toml": "", "pyproject.toml": PROJECT, "tests/test_a.py": ""}).lint
    assert lint
    assert lint[0] == (
        "if command -v ruff >/dev/null; then { git diff -z --name-only --diff-filter=d HEAD -- '*.py'; "
        "git ls-files -z --others --exclude-standard -- '*.py'; } | xargs -0 -r ruff check --fix --quiet; fi"
    )


@given(st.dictionaries(st.sampled_from([*ROOT_FILES, "tests/test_a.py", "a.py"]), st.binary(max_size=60)))
def test_whatever_files_hold_is_taken(files: dict[str, bytes]) -> None:
    detect(files, list(files))
