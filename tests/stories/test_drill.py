"""What an operator rehearses: to lose a machine, to upgrade, and to change every secret while people go on."""

import asyncio
import json
import re
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from app.backup import back_up, restore
from app.demo.stage import Process, Seed, Stage, furnish, seed, staged
from app.settings import Settings
from blueprints import BLUEPRINTS
from tests.forks import Forks
from tests.stories.patience import PATIENCE_S

pytestmark = [pytest.mark.story, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]

LATER = '''
"""A migration of the next version: it adds what this one leaves at its default."""

from alembic import op

revision = "9001"
down_revision = "{newest}"


def upgrade() -> None:
    op.execute("ALTER TABLE runs ADD COLUMN flavour TEXT NOT NULL DEFAULT 'plain'")
    op.execute("ALTER TABLE journal ADD COLUMN flavour TEXT")
    op.execute("CREATE TABLE tastes (id BIGINT PRIMARY KEY)")
'''
NEXT_TABLE = """
from dataclasses import replace

BLUEPRINT = replace(BLUEPRINT, version=BLUEPRINT.version + 1, goes_on_from=BLUEPRINT.version)
"""


@dataclass
class Office:
    """An installation of one's own, and somebody who asks it for work."""

    stage: Stage
    wanted: Seed
    http: httpx.AsyncClient
    headers: dict[str, str]
    workers: list[Process] = field(default_factory=list)

    @property
    def api(self) -> str:
        return f"{self.stage.hub.url}/api/v3/repos/{self.wanted.repository}"

    async def ask(self, title: str = "") -> int:
        """File the issue and label it; GitHub has delivered that when this returns, or has given up."""
        wish = self.wanted.issue.model_dump() | ({"title": title} if title else {})
        issue = await self.http.post(f"{self.api}/issues", json=wish, headers=self.headers)
        number = int(issue.json()["number"])
        await self.http.post(f"{self.api}/issues/{number}/labels", json={"labels": ["minion"]}, headers=self.headers)
        await self.stage.hub.settled()
        return number

    async def worker(self, name: str) -> Process:
        """One more machine that works, until the test is over."""
        self.workers.append(await self.stage.start_worker(name))
        return self.workers[-1]

    async def comments(self, number: int) -> list[str]:
        found = await self.http.get(f"{self.api}/issues/{number}/comments", headers=self.headers)
        return [one["body"] for one in found.json()]

    async def pulls(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.http.get(f"{self.api}/pulls", headers=self.headers)).json()
        return found

    async def until(self, what: str, is_so: Callable[[], object], *, within_s: float = PATIENCE_S) -> None:
        """Wait until something is so."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while not is_so():
                    await asyncio.sleep(0.05)
        assert is_so(), f"never {what}:\n{self.stage.log_end()}"

    def ended(self, *numbers: int) -> bool:
        """Whether the runs on these issues came to a pull request: that is said last."""
        issues = [self.stage.hub.issue(self.wanted.repository, number) for number in numbers]
        return all("rocket" in {one.content for one in issue.reactions} for issue in issues)


@asynccontextmanager
async def opened(**given: Any) -> AsyncIterator[Office]:
    """An office whose stage is given this."""
    async with staged(**given) as stage, httpx.AsyncClient(timeout=30) as http:
        office = Office(stage, seed(), http, furnish(stage, seed()))
        yield office
        for worker in office.workers:
            if worker.returncode is None:
                worker.kill()
                await worker.wait()


@pytest.fixture
async def office(forks: Forks) -> AsyncIterator[Office]:
    async with opened(start=forks.start) as office:
        yield office


@pytest.fixture
async def office_of_two_versions() -> AsyncIterator[Office]:
    """Each program is read from the disk when it is started."""
    async with opened() as office:
        yield office


def next_version(folder: Path, newest: str) -> dict[str, str]:
    """Settings by which the program that is started is newer than this one: one more migration, one more table."""
    for package in ("app", "blueprints"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    versions = folder / "app/adapters/store/migrations/versions"
    (versions / "9001_later.py").write_text(LATER.format(newest=newest))
    with (folder / "blueprints/fix/blueprint.py").open("a") as file:
        file.write(NEXT_TABLE)
    return {"PYTHONPATH": str(folder), "PYTHONSAFEPATH": "1"}


def asked(url: str, question: str, **given: object) -> Any:
    """What the database answers."""
    engine = create_engine(url)
    with engine.connect() as connection:
        found = connection.execute(text(question), given).scalar_one()
    engine.dispose()
    return found


async def one_pull(office: Office, *, within_s: float = PATIENCE_S) -> dict[str, Any]:
    """The one pull request, once the check run of its head is complete."""
    async with asyncio.timeout(within_s):
        while True:
            for pull in await office.pulls():
                url = f"{office.api}/commits/{pull['head']['sha']}/check-runs"
                checks = (await office.http.get(url, headers=office.headers)).json()["check_runs"]
                if [one for one in checks if one["name"].startswith("minion") and one["status"] == "completed"]:
                    (only,) = await office.pulls()
                    return only
            await asyncio.sleep(0.1)


async def test_a_machine_that_is_lost_is_restored_with_what_was_asked(office: Office, tmp_path: Path) -> None:
    stage, home, backup = office.stage, office.stage.home / "minions", tmp_path / "minions.backup"
    await stage.start_app("--no-work")
    number = await office.ask()
    runs = (await office.http.get(f"{stage.app_url}/readyz")).json()["runs"]
    assert runs == {"queued": 1}
    await asyncio.to_thread(back_up, Settings(home=home), str(backup))  # while the server runs
    await stage.stop_app()

    await asyncio.to_thread(shutil.rmtree, home)
    await asyncio.to_thread(restore, Settings(home=home), str(backup))
    await stage.start_app()
    pull = await one_pull(office)
    assert f"#{number}" in pull["body"]
    (comment,) = await office.comments(number)
    page = re.search(rf"{re.escape(stage.app_url)}/runs/\S+?(?=[)\s])", comment)
    assert page
    assert (await office.http.get(page[0])).status_code == 200


async def test_runs_in_flight_survive_an_upgrade_and_go_on_with_the_new_version(
    office_of_two_versions: Office, database_url: str
) -> None:
    """The old worker is in the middle of a node while the tables move on, works on with them, and hands over."""
    office = office_of_two_versions
    stage, models = office.stage, office.stage.models
    url = make_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    more = {"MINIONS_DATABASE_URL": url, "MINIONS_CONCURRENCY": "1", "MINIONS_DRAIN_S": "100"}
    stage.environment = {**stage.environment, **more}
    await stage.start_app("--no-work")
    old = await office.worker("old")
    with models.slow(after=2):
        first = await office.ask("In flight")
        await office.until("in the middle of a node", lambda: len(models.requests) == 3)
        former = asked(database_url, "SELECT version_num FROM alembic_version")
        await stage.stop_app()
        newer = await asyncio.to_thread(next_version, stage.home / "next", former)
        stage.environment = {**stage.environment, **newer}
        await stage.start_app("--no-work")
        assert asked(database_url, "SELECT version_num FROM alembic_version") == "9001"
        second = await office.ask("Asked for meanwhile")
    with models.slow():  # nobody had time to ask since: one answer is released, and the next question waits
        await office.until("a turn of the old worker on the new tables", lambda: len(models.requests) == 4)
        assert old.returncode is None
        old.send_signal(signal.SIGTERM)
        new = await office.worker("new")
        await office.until("at work as well", lambda: len(models.requests) == 5)
    assert await old.wait() == 0
    await office.until("both ended", lambda: office.ended(first, second))
    assert new.returncode is None
    new.terminate()
    assert await new.wait() == 0
    pulls = await office.pulls()
    assert [sum(f"#{number}" in pull["body"] for pull in pulls) for number in (first, second)] == [1, 1]
    assert [len(await office.comments(number)) for number in (first, second)] == [1, 1]
    assert asked(database_url, "SELECT min(blueprint_version) FROM runs") == BLUEPRINTS["fix"].version + 1
    of_the_first = [words for body in models.requests if "In flight" in (words := json.dumps(body["messages"]))]
    assert of_the_first.count(of_the_first[3]) == 1, "the question under way when it was handed over was asked twice"


async def test_no_delivery_is_lost_while_the_secret_of_the_webhook_changes(office: Office) -> None:
    stage = office.stage
    old = stage.app.webhook_secret
    await stage.start_app("--no-work")
    first = await office.ask()
    await stage.stop_app()
    stage.environment = {**stage.environment, "MINIONS_WEBHOOK_SECRETS": f"a-new-secret,{old}"}
    await stage.start_app("--no-work")
    second = await office.ask()  # GitHub has not been told yet
    stage.app.webhook_secret = "a-new-secret"
    third = await office.ask()
    assert len({first, second, third}) == 3
    assert (await office.http.get(f"{stage.app_url}/readyz")).json()["runs"] == {"queued": 3}
    assert [one for one in stage.hub.deliveries if (one.status_code or 0) >= 400] == []


async def test_a_run_waits_while_the_private_key_changes_and_goes_on_without_a_restart(office: Office) -> None:
    stage = office.stage
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    await stage.start_app()
    stage.app.public_key_pem = public.decode()  # the former one was deleted there before the file was changed
    number = await office.ask()
    while "does not accept the App" not in stage.log_end():
        await asyncio.sleep(0.1)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    (stage.home / "app.pem").write_bytes(pem)
    assert f"#{number}" in (await one_pull(office))["body"]


async def test_a_worker_finds_out_that_it_was_uninstalled_and_leaves_what_another_github_has(
    office: Office, database_url: str
) -> None:
    """Nobody tells it: GitHub's word got lost. Another GitHub has an App of the same id, on the same database."""
    url = make_url(database_url).set(drivername="postgresql").render_as_string(hide_password=False)
    office.stage.environment = {**office.stage.environment, "MINIONS_DATABASE_URL": url}
    accounts = office.stage.hub.accounts
    (installation,) = accounts.installations
    first = await office.worker("first")
    noted = "SELECT count(*) FROM installations WHERE id = :id AND app_id IS NOT NULL"
    await office.until("noted where the App is", lambda: asked(database_url, noted, id=installation.id))
    first.kill()
    await first.wait()
    accounts.remove(installation)
    days_ago = """
        WITH other AS (INSERT INTO installations (id, account, state, app_id, missing_since)
            VALUES (:other, 'other', 'active', :app, now() - interval '2 days'))
        UPDATE installations SET missing_since = now() - interval '2 days' RETURNING id
    """
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text(days_ago), {"other": 9, "app": f"{office.stage.app.id}@github.other.example"})
    engine.dispose()
    await office.worker("second")
    state = "SELECT state FROM installations WHERE id = :id"
    await office.until("found removed", lambda: asked(database_url, state, id=installation.id) == "deleted")
    assert asked(database_url, state, id=9) == "active"
