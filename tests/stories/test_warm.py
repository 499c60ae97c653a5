"""What a run would wait for is made ahead."""

import asyncio
import sys
from collections.abc import Mapping
from typing import Any

import pytest

pytestmark = pytest.mark.story

SET_UP = "mkdir -p made && echo once >> /cache/count"


async def warm(environment: Mapping[str, str], full_name: str) -> tuple[int, str]:
    """Exit code and output of the command."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.cli", "warm", full_name),
        env=dict(environment),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


def files(town: Any, set_up: str) -> dict[str, str]:
    return {**town.wanted.files, ".github/minion.yml": f"setup: {set_up}\ntest: python3 -m unittest\n"}


async def test_a_second_time_finds_everything_done(town: Any) -> None:
    full_name = town.repository(files(town, SET_UP))
    code, said = await warm(town.stage.environment, full_name)
    assert code == 0, said
    assert "main at " in said
    if "copied on this machine" in said:
        pytest.skip("work trees cannot be layered here")
    assert f"{SET_UP}: 0." in said
    assert f"Ready, with 1 command of set-up done: the next run of {full_name} begins at once." in said
    again = await warm(town.stage.environment, full_name)
    assert f"{SET_UP}: was done before" in again[1]
    assert list((town.stage.home / "minions" / "runs").glob("set-up-*")) == []


async def test_a_set_up_that_fails_is_told_with_its_words(town: Any) -> None:
    full_name = town.repository(files(town, "echo no such package; exit 3"))
    code, said = await warm(town.stage.environment, full_name)
    if "copied on this machine" in said:
        pytest.skip("work trees cannot be layered here")
    assert code == 1
    assert "exit code 3" in said
    assert "no such package" in said


async def test_a_repository_without_the_app_is_told(town: Any) -> None:
    code, said = await warm(town.stage.environment, "somebody/elsewhere")
    assert code == 2
    assert "The App is not installed on somebody/elsewhere, or there is no such repository." in said


async def test_a_name_that_is_none_is_told(town: Any) -> None:
    assert await warm(town.stage.environment, "slugs") == (2, "minions: 'slugs' is no repository: give OWNER/NAME.\n")
