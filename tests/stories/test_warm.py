"""What a run would wait for is made ahead."""

import asyncio
import base64
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import pytest
from sqlalchemy import create_engine, text

from tests.forks import Forks
from tests.stories.patience import until

pytestmark = [pytest.mark.story, pytest.mark.timeout(600)]

SET_UP = "mkdir -p made && echo once >> /cache/count"

ENDS = ("Ready, with ", "Work trees are copied on this machine")
"""How the last line begins."""


class Warm(Protocol):
    """The command, with the settings of an installation."""

    async def __call__(self, environment: Mapping[str, str], full_name: str) -> tuple[int, str]:
        """Exit code and output."""


@pytest.fixture(scope="session", name="warm")
def _warm(forks: Forks) -> Warm:
    async def run(environment: Mapping[str, str], full_name: str) -> tuple[int, str]:
        process = await forks.heard("warm", full_name, environment=environment)
        said, _ = await process.communicate()
        return process.returncode or 0, said.decode()

    return run


def files(town: Any, set_up: str) -> dict[str, str]:
    return {**town.wanted.files, ".github/minion.yml": f"setup: {set_up}\ntest: python3 -m unittest\n"}


async def test_a_second_time_finds_everything_done(warm: Warm, town: Any) -> None:
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


async def test_a_set_up_that_fails_is_told_with_its_words(warm: Warm, town: Any) -> None:
    full_name = town.repository(files(town, "echo no such package; exit 3"))
    code, said = await warm(town.stage.environment, full_name)
    if "copied on this machine" in said:
        pytest.skip("work trees cannot be layered here")
    assert code == 1
    assert "exit code 3" in said
    assert "no such package" in said


async def test_a_repository_without_the_app_is_told(warm: Warm, town: Any) -> None:
    code, said = await warm(town.stage.environment, "some_body/else.where")
    assert code == 2
    assert "The App is not installed on some_body/else.where, or there is no such repository." in said


@pytest.mark.parametrize("name", ["slugs", "a/b/c", "../slugs", "ann/..", "ann/slugs?x"])
async def test_a_name_that_is_none_is_told(warm: Warm, town: Any, name: str) -> None:
    said = f"minions: {name!r} is no repository: give OWNER/NAME.\n"
    assert await warm(town.stage.environment, name) == (2, said)


async def pushed(town: Any, full_name: str, folder: Path) -> str:
    """The commit that ann pushed to the default branch, by git."""
    word = base64.b64encode(f"ann:{town.stage.hub.user('ann').token}".encode()).decode()
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "http.extraHeader",
        "GIT_CONFIG_VALUE_0": f"Authorization: Basic {word}",
        **{f"GIT_{role}_{what}": "ann@b.test" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
    }

    async def git(*words: str) -> str:
        done = await asyncio.to_thread(
            subprocess.run, ["git", *words], cwd=folder, env=environment, check=True, capture_output=True, text=True
        )
        return str(done.stdout.strip())

    await git("clone", "--quiet", f"{town.stage.hub.url}/{full_name}.git", ".")
    (folder / "NEWS.md").write_text("Something else changed.\n")
    await git("add", "--all")
    await git("commit", "--quiet", "--message", "Tell the news")
    await git("push", "--quiet", "origin", "HEAD:main")
    return await git("rev-parse", "HEAD")


async def finished(person: Any, pulls: int) -> None:
    """So many pull requests are there, and the check run of each is completed."""

    async def look() -> bool:
        found = await person.pulls()
        checks = [one for pull in found for one in await person.checks(pull["head"]["sha"])]
        return len(found) == len(checks) == pulls and all(one["status"] == "completed" for one in checks)

    await until(look)


def set_ups(town: Any, full_name: str) -> list[float]:
    """Seconds that each run of a repository waited for its set-up, the oldest run first."""
    engine = create_engine(f"postgresql+psycopg://postgres@/postgres?host={town.stage.home}/minions/postgres")
    query = "SELECT state->'evidence' FROM runs WHERE task->'repository'->>'full_name' = :name ORDER BY id"
    with engine.connect() as connection:
        found = connection.execute(text(query), {"name": full_name}).scalars().all()
    engine.dispose()
    return [one["seconds"] for evidence in found for one in evidence if one["where"] == "set-up"]


async def test_a_push_to_the_default_branch_is_set_up_before_a_run_asks(town: Any, tmp_path: Path) -> None:
    full_name = town.repository(files(town, SET_UP))
    ann = town.person("ann", full_name)
    wish = town.wanted.issue
    await ann.label(await ann.file(wish.title, wish.body), "minion")
    await finished(ann, 1)
    sha = await pushed(town, full_name, tmp_path)

    async def told() -> str:
        lines = [line for line in town.stage.log.read_text(errors="replace").splitlines() if f"{full_name}: " in line]
        return "\n".join(lines) if lines and lines[-1].partition(f"{full_name}: ")[2].startswith(ENDS) else ""

    said = await until(told)
    assert f"main at {sha[:12]} is fetched" in said
    if "copied on this machine" in said:
        pytest.skip("work trees cannot be layered here")
    await ann.label(await ann.file(wish.title, wish.body), "minion")
    await finished(ann, 2)
    first, second = set_ups(town, full_name)
    assert first > 0
    assert second == 0, "it was done before, and used again"


async def test_a_push_to_a_repository_without_runs_prepares_nothing(town: Any, tmp_path: Path) -> None:
    full_name = town.repository(files(town, SET_UP))
    await pushed(town, full_name, tmp_path)
    await town.stage.hub.settled()
    answers = [one.response_body for one in town.stage.hub.deliveries if one.event == "push"]
    assert f"No minion worked in {full_name} in the last 30 days." in answers
