from collections.abc import Callable
from typing import Any

import pytest

from app.core.errors import ConfigError
from blueprints.steps.configuration import configuration, pull_request_template

pytestmark = pytest.mark.hostile


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "said",
    [
        *(
            "test: !!bool maybe",
            "test: !!timestamp soon",
            "test: !!int ''",
            "test: !!binary x",
            "- " * 30_000,
            "[" * 60_000,
        ),
        *(
            "{a: " * 16_000,
            "? [a]\n: 1",
            f"? {'1:' * 30_000}1\n: 1",
            "a: &a [*a]",
            "<<: x",
            "'" * 60_001,
            "\0",
            "#" * 70_000,
        ),
        *("!!python/object/apply:os.system [id]", "test: a\ntest: b", "!!set {a}", "x" * 60_000 + ": 1"),
    ],
)
async def test_what_cannot_be_used_is_said_and_breaks_nothing(rig: Callable[..., Any], said: str) -> None:
    workspace = rig({".github/minion.yml": said.encode()}).workspace
    with pytest.raises(ConfigError) as error:
        await configuration(workspace)
    assert len(str(error.value)) < 500


async def test_files_of_many_megabytes_are_not_read_for_commands(rig: Callable[..., Any]) -> None:
    files = {
        "pyproject.toml": b"[tool.pytest.ini_options]\n" + b"\n" * 2_000_000,
        "tests/test_a.py": b"def test_a(): 0",
    }
    run = rig(files)
    await run.workspace.check_out("b" * 40)
    assert (await configuration(run.workspace)).test == (".venv/bin/python -m pytest -q",)


async def test_of_a_long_template_only_the_beginning_is_read(rig: Callable[..., Any]) -> None:
    workspace = rig({".github/pull_request_template.md": b"x" * 3_000_000}).workspace
    assert len(await pull_request_template(workspace)) < 100_000
