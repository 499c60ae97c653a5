import pytest

from app.adapters.workspace.inputs import inputs

PATHS = ("pyproject.toml", "uv.lock", "src/a.py", "requirements/dev.txt", "web/package.json", "ext/fast.c", "README.md")
DECIDE = frozenset({"pyproject.toml", "uv.lock", "requirements/dev.txt", "web/package.json", "ext/fast.c"})


@pytest.mark.parametrize(
    "command",
    [
        "uv sync",
        "uv venv --quiet .venv",
        "uv pip install --quiet --python .venv/bin/python -e . pytest",
        "python3 -m venv .venv && .  .venv/bin/activate && pip install -r requirements/dev.txt",
        "pip install --editable .[test]",
        "pip install 'six>=1.17'",
        "npm ci --no-audit --no-fund",
        "yarn --frozen-lockfile",
        "cd web && npm ci",
        "go mod download",
        "uv venv\nuv sync\n",
    ],
)
def test_installers_depend_on_lock_files_only(command: str) -> None:
    assert inputs([command], PATHS, b"{}") == DECIDE


@pytest.mark.parametrize(
    "command",
    [
        "make install",
        "npm ci && npm run build",
        "pip install .",
        "pip install .[test]",
        "pip install ./lib",
        "uv pip install --system lib/core",
        "npm ci; ./scripts/generate.sh",
        "yarn build",
        "python setup.py develop",
        "$INSTALL",
        "npm ci $(cat flags) | tee log",
        "echo 'open",
        "npm ci & ./generate",
    ],
)
def test_whatever_else_is_run_may_depend_on_every_file(command: str) -> None:
    assert inputs([command], PATHS, b"{}") is None


def test_scripts_that_npm_runs_by_itself_may_depend_on_every_file() -> None:
    assert inputs(["npm ci"], PATHS, b'{"scripts": {"prepare": "tsc"}}') is None
    assert inputs(["npm ci"], PATHS, b'{"scripts": {"test": "jest"}}') == DECIDE


def test_a_file_that_a_command_names_counts() -> None:
    assert inputs(["pip install -r README.md"], PATHS, b"") == DECIDE | frozenset({"README.md"})
