"""A place where Minions works without the world: a GitHub and a model server on loopback, and a real `minions serve`.

Everything that the app gets, it gets by settings, as in any installation.
"""

import asyncio
import os
import secrets
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

import httpx
import yaml
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import BaseModel

from app.adapters.github.permissions import EVENTS, PERMISSIONS
from app.adapters.workspace.leftovers import clear
from app.core.errors import MinionsError
from app.demo import models
from app.demo.github.objects import App
from app.demo.github.server import serve as serve_github
from app.demo.github.state import Hub
from app.demo.script import Script

_HERE: Final = Path(__file__).parent
_APP_ID: Final = 1
_READY_TIMEOUT_S: Final = 60
_STOP_TIMEOUT_S: Final = 30


class Wish(BaseModel, frozen=True):
    """The text of an issue."""

    title: str
    body: str


class Seed(BaseModel, frozen=True):
    """A repository to begin with, and what somebody wants of it."""

    repository: str
    requester: str
    label: str
    issue: Wish
    files: Mapping[str, str]


def seed() -> Seed:
    """The demo's own."""
    return Seed.model_validate(yaml.safe_load((_HERE / "seed.yaml").read_text(encoding="utf-8")))


class Process(Protocol):
    """A process that was started, as `asyncio.subprocess` has it."""

    @property
    def pid(self) -> int:
        """The process id."""

    @property
    def returncode(self) -> int | None:
        """The exit code; None while it runs."""

    async def wait(self) -> int:
        """The exit code, when it has ended."""

    def send_signal(self, signal: int) -> None:
        """Tell it something."""

    def terminate(self) -> None:
        """Ask it to stop."""

    def kill(self) -> None:
        """Stop it."""


class Start(Protocol):
    """How a command of Minions is started, in a session of its own."""

    async def __call__(self, *words: str, environment: Mapping[str, str], says: int, death: signal.Signals) -> Process:
        """`says` is a descriptor for all that it prints. When this process dies, the command is sent `death`."""


async def started(*words: str, environment: Mapping[str, str], says: int, death: signal.Signals) -> Process:
    """As `Start` says, by a Python of its own."""
    return await asyncio.create_subprocess_exec(
        *("setpriv", "--pdeathsig", death.name.removeprefix("SIG"), "--", sys.executable, "-m", "app.cli", *words),
        env=dict(environment),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=says,
        stderr=says,
        start_new_session=True,
    )


@dataclass
class Stage:
    """What is running, and how to reach it."""

    hub: Hub
    models: models.ModelServer
    app: App
    home: Path
    app_url: str
    environment: Mapping[str, str]
    """Settings of the app."""
    secrets: tuple[str, ...]
    """What must never be seen anywhere: the webhook secret, the model's key, the private key's text."""
    start: Start = started
    """How a command of the app is started."""
    server: Process | None = None
    machines: set[str] = field(default_factory=set)
    """Names of machines that work besides; each has its home in a folder of this name."""

    @property
    def log(self) -> Path:
        """What the app logged."""
        return self.home / "minions.log"

    @property
    def ended(self) -> int | None:
        """The exit code of the app; None while it runs, or if it was never started."""
        return self.server.returncode if self.server else None

    def add_repository(self, full_name: str, files: Mapping[str, str]) -> None:
        """Put a repository with these files on the GitHub, and install the app on it."""
        with tempfile.TemporaryDirectory(prefix="minions-seed-") as folder:
            for name, text in files.items():
                path = Path(folder) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            self.hub.add_repository(full_name, source=Path(folder))
        self.hub.install(self.app, [full_name])

    def log_end(self, at_most: int = 3_000) -> str:
        """The last characters of the log."""
        return self.log.read_text(encoding="utf-8", errors="replace")[-at_most:] if self.log.exists() else ""

    async def start_app(self, *options: str, within_s: float = _READY_TIMEOUT_S) -> None:
        """Start `minions serve`, and wait until it is ready. Raises MinionsError with its log if it is not."""
        self.server = await self._spawn("serve", *options)
        async with httpx.AsyncClient() as client:
            for _ in range(round(within_s * 10)):
                if self.server.returncode is not None:
                    break
                try:
                    if (await client.get(f"{self.app_url}/readyz")).status_code == 200:
                        return
                except httpx.TransportError:
                    pass
                await asyncio.sleep(0.1)
        raise MinionsError("`minions serve` does not get ready; its log ends:", detail=self.log_end())

    async def start_worker(self, machine: str) -> Process:
        """Start `minions work` with a home of its own, as on another machine of this name. Who starts it stops it."""
        self.machines.add(machine)
        return await self._spawn("work", home=machine)

    async def _spawn(self, *words: str, home: str = "minions") -> Process:
        log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        environment = {**self.environment, "MINIONS_HOME": str(self.home / home)}
        try:
            return await self.start(*words, environment=environment, says=log, death=signal.SIGTERM)
        finally:
            os.close(log)

    async def stop_app(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Stop the app, or kill it, and wait until it is gone."""
        if self.server is None or self.server.returncode is not None:
            return
        self.server.send_signal(how)
        try:
            await asyncio.wait_for(self.server.wait(), _STOP_TIMEOUT_S)
        except TimeoutError:
            self.server.kill()
            await self.server.wait()


@asynccontextmanager
async def staged(
    *,
    scripts: Path | Mapping[str, Script] | None = None,
    port: int = 0,
    settings: Mapping[str, str] | None = None,
    sign_in: bool = False,
    start: Start = started,
) -> AsyncIterator[Stage]:
    """Everything but the app itself, which `Stage.start_app` starts; all of it is stopped and removed at the end.

    `port` is the loopback GitHub's. `settings` are added to the app's, by the names of their variables. With `sign_in`
    its pages are for those who sign in at that GitHub; else for everybody on this machine. `start` is how the app is
    started: as a command, unless told otherwise.
    """
    with tempfile.TemporaryDirectory(prefix="minions-", ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        await asyncio.to_thread(home.chmod, 0o711)  # boxes run as users of their own
        hub = Hub(home / "github")
        async with (
            serve_github(hub, port=port),
            models.serve(scripts or _HERE / "scripts") as model_server,
        ):
            stage = _registered(hub, model_server, home, settings or {}, start)
            if sign_in:
                words = {"MINIONS_CLIENT_ID": stage.app.client_id, "MINIONS_CLIENT_SECRET": stage.app.client_secret}
                stage.environment = {**stage.environment, **words}
                stage.secrets = (*stage.secrets, stage.app.client_secret)
            try:
                yield stage
            finally:
                await stage.stop_app()
                for machine in ("minions", *stage.machines):  # runs that did not end have something mounted there
                    await asyncio.to_thread(clear, home / machine)


def _registered(
    hub: Hub, model_server: models.ModelServer, home: Path, settings: Mapping[str, str], start: Start
) -> Stage:
    """The stage with an App on its GitHub, and the settings by which the app is that App."""
    private, public = _key()
    webhook_secret, model_key = secrets.token_hex(20), f"sk-{secrets.token_hex(24)}"
    port = free_port()
    app_url = f"http://127.0.0.1:{port}"
    environment = _environment() | {
        "MINIONS_HOME": str(home / "minions"),
        "MINIONS_PORT": str(port),
        "MINIONS_GITHUB_URL": hub.url,
        "MINIONS_APP_ID": str(_APP_ID),
        "MINIONS_PRIVATE_KEY_FILE": str(_kept(home / "app.pem", private)),
        "MINIONS_WEBHOOK_SECRETS": webhook_secret,
        "MINIONS_MODEL": "openai/slugs",
        "MINIONS_MODEL_API_BASE": model_server.url,
        "MINIONS_MODEL_API_KEY": model_key,
        "MINIONS_MODEL_PRICE": "1.25,10,0.125",
        "MINIONS_PROGRESS_INTERVAL_S": "0",
        "MINIONS_WRITE_SPACING_S": "0",
        # The workflows of this GitHub are there as soon as a push is answered, or there are none.
        "MINIONS_CHECKS_START_S": "0",
        "MINIONS_CHECKS_SETTLE_S": "0.2",
        "MINIONS_DRAIN_S": "5",
    }
    app = hub.register_app(
        "Minions",
        app_id=_APP_ID,
        public_key_pem=public.decode(),
        webhook_url=f"{app_url}/webhook",
        webhook_secret=webhook_secret,
        permissions=dict(PERMISSIONS),
        events=list(EVENTS),
    )
    return Stage(
        hub=hub,
        models=model_server,
        app=app,
        home=home,
        app_url=app_url,
        environment=environment | dict(settings),
        secrets=(webhook_secret, model_key, private.decode()),
        start=start,
    )


def furnish(stage: Stage, seed: Seed) -> dict[str, Any]:
    """Put the seed's repository on the GitHub, let its requester write, install the app; answer with HTTP headers."""
    stage.add_repository(seed.repository, seed.files)
    person = stage.hub.add_user(seed.requester)
    stage.hub.add_collaborator(seed.repository, seed.requester, "write")
    return {"Authorization": f"Bearer {person.token}", "Accept": "application/vnd.github+json"}


def free_port() -> int:
    """A port of loopback that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _environment() -> dict[str, str]:
    """This process's, without settings of another installation."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MINIONS_")}


def _kept(path: Path, secret: bytes) -> Path:
    path.touch(mode=0o600)
    path.write_bytes(secret)
    return path


def _key() -> tuple[bytes, bytes]:
    """A new private key of an App, in the form that GitHub hands out, and its public key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return private, public
