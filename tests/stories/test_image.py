"""The image: built from the checkout, started as somebody starts it who trusts nothing, and shown to work."""

import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from docker import APIClient
from docker.types import Ulimit

from app.demo.stage import free_port
from tests import container_engine, debian

pytestmark = [pytest.mark.story, pytest.mark.soak, pytest.mark.timeout(3_600)]
ROOT: Final = Path(__file__).parents[2]
BASE: Final = "minions-tests/debian"
IMAGE: Final = "minions-tests/minions"
PROFILE: Final = json.loads((ROOT / "manifests/seccomp.json").read_text("utf-8"))
LONG_S: Final = 1_800
"""For a build, and for a demo on a machine that does other things, too."""


@dataclass
class Image:
    """The image, and the engine that has it."""

    client: APIClient
    size_mb: int
    of_base_mb: int

    def started(self, *command: str, environment: Mapping[str, str], network: str) -> str:
        """Start it as `docs/operating.md` says; the id of the container."""
        options = ["seccomp=" + json.dumps(PROFILE), "apparmor=unconfined", "no-new-privileges"]
        limits = self.client.create_host_config(
            network_mode=network,
            read_only=True,
            cap_drop=["ALL"],
            security_opt=options,
            tmpfs={"/tmp": "exec"},  # noqa: S108 - in the container
            ulimits=[Ulimit(name="core", soft=0, hard=0)],
        )
        limits |= {"MaskedPaths": [], "ReadonlyPaths": []}  # what the command line makes of systempaths=unconfined
        made = self.client.create_container(IMAGE, list(command), environment=dict(environment), host_config=limits)
        self.client.start(made["Id"])
        return str(made["Id"])

    def said(self, container: str) -> str:
        """All that a container said, after it has ended or not."""
        return str(self.client.logs(container).decode("utf-8", "replace"))

    def told(self, container: str, *words: str) -> str:
        """What a further command says in a container that runs."""
        asked = self.client.exec_create(container, list(words))
        return str(self.client.exec_start(asked["Id"]).decode("utf-8", "replace")).strip()


@pytest.fixture(scope="module")
def image(reachable_folder: Path) -> Iterator[Image]:
    """Built on a Debian of our own, by the Dockerfile as it is."""
    if reason := container_engine.why_not() or debian.why_not():
        pytest.skip(f"no image can be built: {reason}")
    with container_engine.engine(reachable_folder / "builder") as host:
        client = APIClient(base_url=host, version="auto", timeout=LONG_S)
        debian.make_base(client, reachable_folder, BASE)
        said: list[dict[str, Any]] = list(
            client.build(
                path=str(ROOT),
                tag=IMAGE,
                buildargs={"BASE": BASE},
                network_mode="host",
                decode=True,
                rm=True,
                forcerm=True,
            )
        )
        assert not [line for line in said if "error" in line], said[-20:]
        yield Image(client, _megabytes(client, IMAGE), _megabytes(client, BASE))
        client.close()


def test_the_demo_passes_inside_with_nothing_writable_and_no_rights(image: Image) -> None:
    container = image.started("demo", environment={}, network="none")
    ended = image.client.wait(container, timeout=LONG_S)
    said = image.said(container)
    assert ended["StatusCode"] == 0, said[-3_000:]
    told = next(line for line in said.splitlines() if line.startswith("From the label to a pull request that passes"))
    sys.stdout.write(f"\n{told}\n")


def test_it_serves_as_nobody_in_particular(image: Image) -> None:
    port = free_port()
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    environment = {
        "MINIONS_HOST": "127.0.0.1",  # it is the machine's own network, for the sake of the test
        "MINIONS_PORT": str(port),
        "MINIONS_GITHUB_URL": "http://127.0.0.1:9",
        "MINIONS_APP_ID": "1",
        "MINIONS_PRIVATE_KEY": key.decode(),
        "MINIONS_WEBHOOK_SECRETS": "a-secret-of-nobody",
        "MINIONS_MODEL": "openai/nothing",
        "MINIONS_MODEL_API_KEY": "none",
    }
    began = time.monotonic()
    container = image.started("serve", environment=environment, network="host")
    while not _is_ready(port):
        assert image.client.inspect_container(container)["State"]["Running"], image.said(container)
        time.sleep(0.05)
    seconds = time.monotonic() - began
    told = f"The image has {image.size_mb} MB, {image.of_base_mb} of them its base; ready after {seconds:.1f} s."
    sys.stdout.write(f"\n{told}\n")
    assert image.told(container, "id", "-u") == "10001"
    assert "Read-only file system" in image.told(container, "touch", "/opt/minions/here")
    assert "CapEff:\t0000000000000000" in image.told(container, "cat", "/proc/self/status")
    assert image.told(container, "find", "/opt/minions", "-not", "-user", "root") == ""
    image.client.stop(container, timeout=90)
    assert image.client.inspect_container(container)["State"]["ExitCode"] == 0, image.said(container)[-3_000:]


def _megabytes(client: APIClient, name: str) -> int:
    return int(client.inspect_image(name)["Size"]) // 1_000_000  # type: ignore[no-untyped-call]


def _is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False
