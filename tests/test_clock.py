"""What a file on GitHub wants, put together as a worker does it: by the clock, and when something failed there."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest

from app.adapters.github.lookups import Lookups
from app.adapters.store import PostgresStore
from app.core.events import Noticed, Pushed
from app.core.repo_config import Schedule
from app.core.schedules import Entry
from app.core.task import Repository
from app.demo.github.plumbing import Git
from app.demo.stage import Stage, staged
from app.engine.requests import Opener
from app.engine.schedules import Schedules
from app.github import chosen_paces, github, history_of
from app.log import redactor_of
from app.settings import Settings
from app.worker import opener, schedules
from blueprints import BLUEPRINTS
from tests.proposals import committed

NAME: Final = "acme/clocks"
HOURLY: Final = Schedule(cron="0 * * * *", title="Wind it up", body="Both springs.", login="ann")
FILE: Final = """\
test: "true"
suggest: failed on main
schedules:
  - {cron: "0 * * * *", title: Wind it up, body: Both springs., login: ann}
  - {cron: "0 0 30 2 *", title: Never, login: ann}
"""


@dataclass
class Tower:
    """A repository on a loopback GitHub, and what looks after it."""

    stage: Stage
    store: PostgresStore
    schedules: Schedules
    opener: Opener
    repository: Repository

    async def look(self) -> None:
        """Look at the clock, and open what is asked for."""
        await self.schedules.look()
        for door in ("event", "schedule"):
            for request, _ in await self.store.requests().untold(door, 100):
                await self.opener.open(request.id)

    async def change(self, files: Mapping[str, str]) -> None:
        """Have the default branch hold these files and nothing else."""
        git = Git(self.stage.hub.repository(NAME).path)
        now = (await git.refs())["refs/heads/main"]
        await git.move("refs/heads/main", await asyncio.to_thread(committed, git, files, now), now)

    def titles(self) -> list[str]:
        """Of the issues that there are."""
        return [issue.title for issue in self.stage.hub.repository(NAME).issues.values()]


@pytest.fixture
async def tower(store: PostgresStore) -> AsyncIterator[Tower]:
    async with staged() as stage:
        stage.hub.add_user("ann")
        stage.add_repository(NAME, {"README.md": "# Clocks\n", ".github/minion.yml": FILE})
        stage.hub.add_collaborator(NAME, "ann", "write")
        known = {name.removeprefix("MINIONS_").lower(): value for name, value in stage.environment.items()}
        settings = Settings.model_validate(known)
        redactor = redactor_of(settings)
        async with github(settings, redactor) as (app, forges):
            lookups = Lookups(app, chosen_paces(settings), on_secret=redactor.add)
            history = history_of(settings, app, lookups, blueprints=BLUEPRINTS)
            looks = schedules(store, forges, history)
            opens = opener(store, forges, BLUEPRINTS, None, redactor, label=settings.label)
            yield Tower(stage, store, looks, opens, await forges.find(NAME))


async def test_what_a_file_wants_is_asked_for_and_what_is_wrong_with_it_told(tower: Tower) -> None:
    """Its file is found without news of it, and read again when the branch moved: then it cannot be used any more."""
    await tower.look()
    assert tower.titles() == ["A schedule in .github/minion.yml has no time that comes"]
    seen = datetime.now(UTC) - timedelta(hours=2)
    await tower.store.timetable().keep(tower.repository, [Entry(schedule=HOURLY, since=seen)])
    for _ in range(2):
        await tower.look()
    (asked,) = [one for one in tower.stage.hub.repository(NAME).issues.values() if one.title == "Wind it up"]
    assert "Both springs." in (asked.body or "")
    assert "Asked for by `ann` by a schedule, `0 * * * *`, as `fix`." in (asked.body or "")
    ((_, run),) = await tower.store.requests().untold("schedule", 100)
    assert run
    assert (run.task.number, run.task.requester.login) == (asked.number, "ann")

    failed = Noticed(repository=tower.repository, what="failed on main", name="CI", url="https://x.test", sha="1" * 40)
    await tower.store.accept(None, failed, "noticed")
    await tower.look()
    assert "CI failed on the default branch" in tower.titles()

    await tower.change({".github/minion.yml": "tset: true\n"})
    await tower.store.accept(None, Pushed(repository=tower.repository, branch="main"), "moved")
    for _ in range(2):
        await tower.look()
    (told,) = [one for one in tower.stage.hub.repository(NAME).issues.values() if "cannot be used" in one.title]
    assert "unknown key 'tset'. Did you mean `test`?" in (told.body or "")
    assert await tower.store.timetable().entries() == []
