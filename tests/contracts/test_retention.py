"""What is deleted, and when: on the real database."""

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from sqlalchemy import text

from app.adapters.store import PostgresStore, connected
from app.core.campaign import CampaignDraft
from app.core.campaign_wish import Spot, Wish
from app.core.errors import NotFound
from app.core.events import InstallationChanged, Pushed
from app.core.journal import Opened
from app.core.requests import Wanted
from app.core.retention import Cleared, Kept
from app.core.run import Run, Status
from app.core.store import Delivery, Draft
from app.core.task import Person, Repository, Task
from app.engine.retention import Retention

pytestmark = pytest.mark.contract
AT = datetime(2026, 1, 2, tzinfo=UTC)
DAY = timedelta(days=1)
LEFT = """
SELECT 'runs', count(*) FROM runs UNION ALL SELECT 'journal', count(*) FROM journal
UNION ALL SELECT 'summaries', count(*) FROM summaries UNION ALL SELECT 'requests', count(*) FROM requests
UNION ALL SELECT 'schedules', count(*) FROM schedules UNION ALL SELECT 'installations', count(*) FROM installations
UNION ALL SELECT 'deliveries', count(*) FROM deliveries
"""


class Archive:
    """Two installations, 3 and 4, with a run, a request and a schedule each."""

    def __init__(self, store: PostgresStore, url: str) -> None:
        self.store = store
        self._url = url

    async def fill(self) -> None:
        for installation in (3, 4):
            await self.changed(installation, "created")
            await self.run(installation)
            where = repository(installation)
            await self.store.accept(None, Pushed(repository=where, branch="main"), "moved")
            wanted = Wanted(door="api", full_name=where.full_name, title="Broken", blueprint="fix", login="ann")
            asked = await self.store.requests().take(f"one/{installation}", wanted)
            await self.execute(
                "UPDATE requests SET repository = CAST(:where AS jsonb) WHERE id = :id",
                where=where.model_dump_json(),
                id=asked.id,
            )

    async def run(self, installation: int, *, number: int = 7) -> Run:
        task = Task(
            repository=repository(installation),
            number=number,
            title="Broken",
            body="",
            requester=Person(id=1, login="ann"),
            asked_at=AT,
        )
        draft = Draft(
            intent=f"{installation}/{number}", task=task, blueprint="fix", blueprint_version=1, start="prepare"
        )
        told = Delivery(app_id="1", guid=f"guid-{installation}-{number}", event="issues", action="labeled")
        run = await self.store.load((await self.store.accept(told, draft, "why")).run_id or 0)
        await self.store.journal(run.id, 0).append(Opened(messages=(), model="some/model"))
        return run

    async def ended(self, run: Run, *, ago: timedelta, is_reported: bool = True) -> None:
        ended = {"status": Status.DONE, "ended_at": datetime.now(UTC) - ago, "is_reported": is_reported}
        await self.store.save(run.model_copy(update=ended))

    async def changed(self, installation: int, change: Literal["created", "deleted", "repositories"]) -> None:
        event = InstallationChanged(installation_id=installation, account="octo", change=change, at=AT)
        await self.store.accept(None, event, "why")

    async def clear(self, at_most: int = 1, **kept: Any) -> Cleared:
        return await Retention(self.store.archive(), Kept(**kept), at_once=at_most).clear()

    async def left(self) -> dict[str, int]:
        async with connected(self._url) as engine, engine.connect() as connection:
            found = await connection.execute(text(LEFT))
            return {str(name): int(count) for name, count in found}

    async def execute(self, statement: str, **values: object) -> None:
        async with connected(self._url) as engine, engine.begin() as connection:
            await connection.execute(text(statement), values)


def repository(installation: int) -> Repository:
    return Repository(id=50 + installation, full_name=f"octo/r{installation}", installation_id=installation)


@pytest.fixture
async def archive(store: PostgresStore, database_url: str) -> Archive:
    made = Archive(store, database_url)
    await made.fill()
    return made


async def test_what_was_uninstalled_is_forgotten_after_its_time_and_nothing_else(archive: Archive) -> None:
    await archive.run(3, number=8)
    before = await archive.left()
    await archive.changed(3, "deleted")
    assert await archive.clear() == Cleared(), "30 days are not over"
    await archive.execute("UPDATE installations SET changed_at = now() - interval '30 days' WHERE id = 3")
    assert await archive.clear() == Cleared(runs=2, installations=1)
    gone = {"runs": 2, "journal": 2, "summaries": 2, "requests": 1, "schedules": 1, "installations": 1, "deliveries": 0}
    assert await archive.left() == {name: count - gone[name] for name, count in before.items()}
    assert await archive.clear() == Cleared()


async def test_campaigns_are_forgotten_with_the_installation_of_their_issue(archive: Archive) -> None:
    """A part may work in another installation than its issue: the request for it is forgotten with that one."""
    for installation, other in ((3, 4), (4, 3)):
        task = (await archive.run(installation, number=8)).task
        wish = Wish(repositories=(f"octo/r{other}",), budget_usd=9)
        draft = CampaignDraft(intent=f"campaign/{installation}", task=task, wish=wish)
        await archive.store.accept(None, draft, "why")
        campaign = await archive.store.campaigns().load(1 if installation == 3 else 2)
        await archive.store.campaigns().plan(campaign, [Spot(full_name=f"octo/r{other}")])
        await archive.store.campaigns().fill(campaign.id)
    opened = (
        "UPDATE requests SET repository = CAST(:where AS jsonb) "
        "WHERE door = 'campaign' AND wanted ->> 'full_name' = :name"
    )
    for installation in (3, 4):
        where = repository(installation)
        await archive.execute(opened, where=where.model_dump_json(), name=where.full_name)
    await archive.changed(3, "deleted")
    await archive.execute("UPDATE installations SET changed_at = now() - interval '30 days' WHERE id = 3")
    assert await archive.clear() == Cleared(runs=2, installations=1)
    with pytest.raises(NotFound):
        await archive.store.campaigns().load(1)
    (part,) = await archive.store.campaigns().parts(2)
    assert (part.is_open, part.is_waiting) == (False, False), "nothing begins anew by it"


async def test_it_may_be_forgotten_at_once_but_for_runs_that_somebody_may_be_at_work_on(archive: Archive) -> None:
    await archive.ended(await archive.run(3, number=8), ago=timedelta(0), is_reported=False)
    await archive.changed(3, "deleted")
    assert await archive.clear(uninstalled=timedelta(0)) == Cleared(runs=1)
    await archive.execute("UPDATE installations SET changed_at = now() - interval '1 day' WHERE id = 3")
    assert await archive.clear(uninstalled=timedelta(0)) == Cleared(runs=1, installations=1)


async def test_what_arrives_late_does_not_bring_an_installation_back(archive: Archive) -> None:
    await archive.changed(3, "deleted")
    await archive.changed(3, "repositories")
    await archive.execute("UPDATE installations SET changed_at = now() - interval '1 day' WHERE id = 3")
    assert (await archive.clear(uninstalled=timedelta(0))).installations == 1
    assert (await archive.left())["installations"] == 1


async def test_runs_are_kept_for_ever_or_as_long_as_the_settings_say(archive: Archive) -> None:
    for number, (days, is_reported) in enumerate([(91, True), (91, False), (89, True)], 10):
        await archive.ended(await archive.run(3, number=number), ago=days * DAY, is_reported=is_reported)
    assert await archive.clear() == Cleared()
    assert await archive.clear(runs=90 * DAY) == Cleared(runs=1)
    assert (await archive.left())["runs"] == 4


async def test_old_deliveries_are_forgotten(archive: Archive) -> None:
    await archive.execute("UPDATE deliveries SET received_at = now() - interval '31 days' WHERE guid = 'guid-3-7'")
    assert await archive.clear() == Cleared(deliveries=1)
    assert (await archive.left())["deliveries"] == 1
