"""What the tests of the GitHub adapter share."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from app.adapters.github.app import App
from app.adapters.github.auth import AppAuth, KeyText
from app.adapters.github.forge import GitHubForges
from app.adapters.github.pace import Paces
from app.adapters.github.tokens import TALK, Tokens
from app.core import task
from app.core.pace import Allowance
from app.demo.github.faults import Fault
from app.demo.github.objects import Installation
from app.demo.github.server import serve
from app.demo.github.state import Hub


def new_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="session")
def rsa_key() -> rsa.RSAPrivateKey:
    return new_key()


@pytest.fixture(scope="session")
def other_rsa_key() -> rsa.RSAPrivateKey:
    return new_key()


@pytest.fixture(scope="session")
def pem(rsa_key: rsa.RSAPrivateKey) -> str:
    """The private key as GitHub hands it out: PKCS#1, PEM."""
    return written(rsa_key)


@pytest.fixture(scope="session")
def other_pem(other_rsa_key: rsa.RSAPrivateKey) -> str:
    return written(other_rsa_key)


@pytest.fixture(scope="session")
def public_pem(rsa_key: rsa.RSAPrivateKey) -> str:
    return (
        rsa_key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def written(key: rsa.RSAPrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()


HERE = "octo/hello"


class Scene:
    """A repository with one issue on a loopback GitHub, and our adapter in front of it."""

    def __init__(self, hub: Hub, forges: GitHubForges, installation: Installation, asked: task.Repository) -> None:
        self.hub = hub
        self.forges = forges
        self.installation = installation
        self.asked = asked
        self.forge = forges.open(asked)
        self.secrets: list[str] = []

    @property
    def minted(self) -> int:
        """How many tokens were ever told to be redacted."""
        return sum(secret.startswith("ghs_") for secret in self.secrets)

    def comments(self) -> list[str]:
        return [comment.body for comment in self.hub.issue(HERE, 1).comments]

    def fail(self, method: str, path: str, status: int, **more: Any) -> None:
        """Let the next call that fits go wrong."""
        self.hub.faults.add(Fault(method, path, status, **more))


@pytest.fixture
async def scene(tmp_path: Path, pem: str, public_pem: str) -> AsyncIterator[Scene]:
    hub = Hub(tmp_path / "github")
    source = tmp_path / "source"
    source.mkdir()
    (source / "README.md").write_text("# Hello\n")
    repository = hub.add_repository(HERE, source=source)
    hub.add_user("ada")
    hub.add_collaborator(HERE, "ada", "write")
    registered = hub.register_app(
        "Minions",
        public_key_pem=public_pem,
        webhook_url="",
        webhook_secret="",
        permissions=dict(TALK),
        events=[],
    )
    installation = hub.install(registered, [HERE])
    hub.open_issue(HERE, by="ada", title="It crashes")
    asked = task.Repository(id=repository.id, full_name=HERE, installation_id=installation.id)
    secrets: list[str] = []

    async def no_pause(_: float) -> None:
        """Faults are repeated here without waiting."""

    async with serve(hub) as url, httpx.AsyncClient() as http:
        app = App(http, f"{url}/api/v3", AppAuth(str(registered.id), KeyText(pem)), sleep=no_pause)
        tokens = Tokens(app, on_secret=secrets.append, sleep=no_pause)
        forges = GitHubForges(
            app,
            tokens,
            api_url=f"{url}/api/v3",
            git_url=url,
            on_secret=secrets.append,
            paces=Paces(Allowance(write_spacing_s=0)),
        )
        scene = Scene(hub, forges, installation, asked)
        scene.secrets = secrets
        yield scene
