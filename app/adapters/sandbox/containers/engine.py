"""The container engine of this machine: Docker Engine's API, or one that speaks it, through Docker's own SDK."""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final, TypeVar

import requests
from docker import APIClient
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.utils import kwargs_from_env

from app.core.errors import SandboxError

CALLS: Final = 1_200
"""At one time: each of at most 500 runs waits for a container and removes another. A thread waits for each answer."""
ANSWER_S: Final = 120
"""For every answer but the end of a container: an engine that unpacks images for others is slow."""
SOCKET: Final = "unix:///var/run/docker.sock"

Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Image:
    """What an image says about itself."""

    id: str
    path: str
    """Its PATH; empty if it has none."""
    volumes: tuple[str, ...]
    """Folders that the engine would make writable, without a bound."""


class Engine:
    """One engine, by the address of its socket; where none is given, DOCKER_HOST, as every tool of Docker takes it."""

    def __init__(self, host: str = "") -> None:
        self._host = host
        self._client: APIClient | None = None
        self._lock = Lock()
        self._threads = ThreadPoolExecutor(max_workers=CALLS, thread_name_prefix="containers")

    @property
    def host(self) -> str:
        """Where it listens."""
        return self._host or os.environ.get("DOCKER_HOST", "") or SOCKET

    async def ask(self, call: Callable[[APIClient], Answer]) -> Answer:
        """Ask something in a thread. Raises SandboxError without an engine, APIError and NotFound as the SDK does."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, lambda: call(self._connected()))
        except APIError:
            raise
        except (DockerException, requests.RequestException, OSError) as error:
            raise SandboxError(
                f"No container engine answers at {self.host}: install one (apt-get install docker.io), start it, and "
                f"let this server's user use its socket, or set DOCKER_HOST",
                detail=str(error)[:1_000],
            ) from error

    async def describe(self, runtime: str = "") -> tuple[str, str]:
        """Its version, and the runtime that containers get. Raises SandboxError if there is none, or not this one."""
        try:
            said: Mapping[str, Any] = await self.ask(lambda api: api.info())
        except APIError as error:
            raise SandboxError(f"The container engine says nothing about itself: {error.explanation}") from error
        if runtime and runtime not in said["Runtimes"]:
            raise SandboxError(
                f"The container engine has no runtime {runtime!r}: name it in its daemon.json, or set "
                f"MINIONS_CONTAINER_RUNTIME to one of {', '.join(sorted(said['Runtimes']))}"
            )
        return str(said["ServerVersion"]), runtime or str(said["DefaultRuntime"])

    async def image(self, name: str) -> Image:
        """An image that is on this machine; none is fetched. Raises SandboxError that says how to fetch it."""
        try:
            said: Mapping[str, Any] = await self.ask(lambda api: api.inspect_image(name))  # type: ignore[no-untyped-call]
        except ImageNotFound as error:
            raise SandboxError(f"The image {name} is not on this machine. Fetch it: docker pull {name}") from error
        except APIError as error:
            raise SandboxError(f"The image {name} cannot be used: {error.explanation}") from error
        config: Mapping[str, Any] = said.get("Config") or {}
        variables = dict(entry.partition("=")[::2] for entry in config.get("Env") or ())
        return Image(str(said["Id"]), variables.get("PATH", ""), tuple(config.get("Volumes") or ()))

    async def attach(self, name: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Output and input of a container that was made and not started, as the engine frames it."""
        return await asyncio.open_unix_connection(sock=await self.ask(lambda api: _attached(api, name)))

    async def remove(self, name: str) -> bool:
        """End a container with all its processes and remove it; whether it was there."""

        def remove(api: APIClient) -> bool:
            with suppress(NotFound):
                api.remove_container(name, v=True, force=True)
                return True
            return False

        try:
            return await self.ask(remove)
        except APIError as error:
            if error.status_code == requests.codes.conflict:  # somebody else removes it at this moment
                return False
            raise SandboxError(f"The container {name} cannot be removed: {error.explanation}") from error

    def close(self) -> None:
        """Forget the connections; the next question makes new ones."""
        with self._lock:
            client, self._client = self._client, None
        if client:
            client.close()

    def _connected(self) -> APIClient:
        with self._lock:
            if self._client is None:
                if not self.host.startswith("unix://"):
                    raise SandboxError(
                        f"DOCKER_HOST is {self.host}: the engine must be on this machine, because work trees are bound "
                        f"into containers; give its socket, such as {SOCKET}"
                    )
                with socket.socket(socket.AF_UNIX) as probe:  # the SDK would leave its own open where nobody listens
                    probe.connect(self.host.removeprefix("unix://"))
                asked = {"base_url": self._host} if self._host else kwargs_from_env()
                self._client = APIClient(**asked, version="auto", timeout=ANSWER_S, max_pool_size=CALLS)
            return self._client


def _attached(api: APIClient, name: str) -> socket.socket:
    """The raw connection, taken out of the SDK's hands: its own reading blocks a thread for as long as a command."""
    theirs = api.attach_socket(name, params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
    try:
        ours = socket.socket(fileno=os.dup(theirs.fileno()))
    finally:
        theirs._response.close()  # noqa: SLF001 # where the SDK keeps what holds the connection open
    ours.setblocking(False)
    return ours


async def to_its_end(work: Awaitable[Answer]) -> Answer:
    """Await something that must not be left half done: being cancelled counts only afterwards."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # looked at: nobody else will
        raise
