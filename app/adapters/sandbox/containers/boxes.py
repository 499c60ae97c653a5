"""The box, by containers: the repository's own image instead of the machine's programs.

One container for each command, because only the end of a container ends every process in it. What Minions itself runs
on a work tree, git, stays in bubblewrap.
"""

import asyncio
import contextlib
import logging
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from docker.errors import APIError

from app.adapters.sandbox.box import Box, Mounts, Show
from app.adapters.sandbox.bubblewrap.boxes import BubblewrapBoxes
from app.adapters.sandbox.containers import seccomp
from app.adapters.sandbox.containers.container import Container, without_bash
from app.adapters.sandbox.containers.engine import Engine, Image, to_its_end
from app.adapters.sandbox.containers.options import accounts, options
from app.adapters.sandbox.containers.owners import Owners
from app.adapters.sandbox.containers.tools import ContainerTools
from app.adapters.sandbox.egress.proxy import Egress
from app.adapters.sandbox.egress.registries import Reach
from app.adapters.sandbox.ended import Ended
from app.adapters.sandbox.limits import Limits
from app.adapters.sandbox.output import OUTPUT_BYTES, HeadAndTail
from app.adapters.sandbox.reserve import RESERVE_BYTES
from app.adapters.sandbox.root import CACHE, REPO, SYSTEM_PATH, TOOLS, place
from app.adapters.sandbox.users import give
from app.core.errors import SandboxError

_log = logging.getLogger(__name__)

HOME_LABEL: Final = "minions.home"
"""Whose containers these are: several installations may share an engine."""
OWNER_LABEL: Final = "minions.owner"
"""The file that the server process holds locked for as long as it lives."""
TREE_LABEL: Final = "minions.tree"

ChooseImage = Callable[[Show], Awaitable[str]]
"""Answers with the image for a base commit, whose files it may look at. Raises SandboxError if there is none."""


@dataclass(frozen=True)
class _Parts:
    """Made once for each process that opens boxes."""

    filter: str
    tools: Mapping[str, Path]
    owner: str


class ContainerBoxes(BubblewrapBoxes):
    """Opens boxes whose commands run in containers of `image`, or of the one that `choose_image` says.

    No image is ever fetched: that is the operator's business, like the engine. `runtime` is one that the engine knows,
    such as `runsc`; empty means its own default. Everything else is as for `BubblewrapBoxes`.
    """

    def __init__(
        self,
        home: Path,
        *,
        image: str,
        engine: Engine | None = None,
        runtime: str = "",
        choose_image: ChooseImage | None = None,
        reach: Reach | None = None,
        limits: Limits | None = None,
        reserve_bytes: int = RESERVE_BYTES,
    ) -> None:
        super().__init__(home, reach=reach, limits=limits, reserve_bytes=reserve_bytes)
        self._image = image
        self._engine = engine or Engine()
        self._runtime = runtime
        self._choose_image = choose_image
        self._tools = ContainerTools(self._home / "box")
        self._owners = Owners(self._home / "box" / "container-owners")
        self._own: _Parts | None = None

    def open(self, tree: Path, *, cache: Path | None = None, show: Show | None = None) -> Box:
        """The box of a work tree; `show` gives files of its base commit, from which the image is chosen."""
        mounts = {REPO: tree.resolve()} | ({CACHE: cache.resolve()} if cache else {})
        return Box(_Containers(self, show), Mounts(mounts))

    async def kind(self) -> str:
        """What these boxes are made by, for people: the engine is asked."""
        with contextlib.suppress(SandboxError):
            version, runtime = await self._engine.describe(self._runtime)
            return f"containers of {self._image} by engine {version} and {runtime}, git in bubblewrap"
        return "containers"

    async def check(self) -> list[str]:
        """As `BubblewrapBoxes.check`; containers that killed servers left behind are removed."""
        git = BubblewrapBoxes(
            self._home, reach=self.reach, limits=self._limits, reserve_bytes=self._reserve.least_bytes
        )
        faults = await git.check()
        self.protections = git.protections
        if faults:
            return faults
        if not self._image:
            return ["Set MINIONS_CONTAINER_IMAGE to the image that commands run in where a repository names none."]
        tree = self._home / "box" / "container-check"
        tree.mkdir(parents=True, exist_ok=True)
        try:
            await self._engine.describe(self._runtime)
            if ended := await self.end_ownerless():
                _log.warning("Ended %s.", ", ".join(ended))
            result = await self.open(tree).run("true", timeout_s=60)
        except SandboxError as error:
            return [f"{error} ({error.detail})" if error.detail else str(error)]
        if not result.ok:
            return [f"A container of {self._image} cannot run `true`: {result.output.strip()[-1_000:]}"]
        return []

    async def end_leftovers(self, tree: Path) -> None:
        """As `BubblewrapBoxes.end_leftovers`, of both kinds."""
        await super().end_leftovers(tree)
        place_ = await asyncio.to_thread(tree.resolve)
        if ended := await self._remove_all({"label": [f"{TREE_LABEL}={place_}"]}):
            _log.warning("Ended %s containers that were left in the box of %s.", ended, tree)

    async def end_ownerless(self) -> Sequence[str]:
        """As `BubblewrapBoxes.end_ownerless`, and containers whose server's lock is free. Raises SandboxError."""
        ended = list(await super().end_ownerless())
        containers = await self._listed({"label": [f"{HOME_LABEL}={self._home}"]})
        for owner in {str(one["Labels"].get(OWNER_LABEL, "none")) for one in containers}:
            if await asyncio.to_thread(self._owners.is_gone, owner):
                ended += ["a container of a killed server"] * await self._remove_all(
                    {"label": [f"{HOME_LABEL}={self._home}", f"{OWNER_LABEL}={owner}"]}
                )
        return ended

    async def programs(self, show: Show | None = None) -> str:
        """As `BubblewrapBoxes.programs`: the image."""
        return (await self.image(show)).id

    async def image(self, show: Show | None) -> Image:
        """The image for a base commit. Raises SandboxError if there is none, ConfigError if it is not allowed."""
        name = await self._choose_image(show) if show and self._choose_image else self._image
        if not name:
            raise SandboxError("No image is set for containers: set MINIONS_CONTAINER_IMAGE")
        return await self._engine.image(name)

    async def contain(
        self,
        image: Image,
        command: Sequence[str],
        mounts: Mounts,
        *,
        environment: Mapping[str, str],
        timeout_s: float,
        stdin: bytes,
        keep: int,
    ) -> Ended:
        """Run one program in a container of its own, in /repo. Raises SandboxError if it cannot be started."""
        parts = await self._prepared()
        self._reserve.check()
        tree = mounts.writable[REPO]
        name = f"minions-{secrets.token_hex(8)}"
        with self._users.lend(tree) as user:
            if user is not None:
                for folder in mounts.writable.values():
                    await asyncio.to_thread(give, folder, user)
            readable = {**mounts.readable, **parts.tools, **await asyncio.to_thread(self._accounts, user)}
            container = Container(self._engine, name, timeout_s)
            try:
                await to_its_end(
                    self._engine.ask(
                        lambda api: api.create_container(
                            name=name,
                            **options(
                                api,
                                image,
                                command,
                                Mounts(mounts.writable, readable),
                                environment={**environment, "PATH": _path(environment["PATH"], image)},
                                user=user,
                                limits=self._limits,
                                labels={
                                    HOME_LABEL: str(self._home),
                                    OWNER_LABEL: parts.owner,
                                    TREE_LABEL: str(tree),
                                },
                                filter_=parts.filter,
                                runtime=self._runtime,
                                is_fed=bool(stdin),
                            ),
                        )
                    )
                )
                return await container.run(
                    stdin, HeadAndTail(keep), touched=self._reserve.touched, memory_bytes=self._limits.memory_bytes
                )
            except APIError as error:
                said = str(error.explanation or error)
                if "/bin/bash" in said and "no such file" in said:
                    raise without_bash() from error
                raise SandboxError(f"The container could not be started: {said[-2_000:]}") from error
            finally:
                await to_its_end(self._engine.remove(name))

    @asynccontextmanager
    async def registries(self, tree: Path) -> AsyncIterator[Egress]:
        """As `BubblewrapBoxes.registries`."""
        await self._prepared()
        async with super().registries(tree) as proxy:
            yield proxy

    async def _remove_all(self, filters: Mapping[str, list[str]]) -> int:
        """Remove the containers that the engine finds by `filters`; answer with how many there were."""
        return sum([await to_its_end(self._engine.remove(str(one["Id"]))) for one in await self._listed(filters)])

    async def _listed(self, filters: Mapping[str, list[str]]) -> list[dict[str, Any]]:
        try:
            return list(await self._engine.ask(lambda api: api.containers(all=True, filters=dict(filters))))
        except APIError as error:
            raise SandboxError(f"The container engine does not list containers: {error.explanation}") from error

    async def _prepared(self) -> _Parts:
        if self._own is None:
            await self._parts()  # the folders above
            self._own = await asyncio.to_thread(self._prepare)
        return self._own

    def _prepare(self) -> _Parts:
        return _Parts(seccomp.profile(), self._tools.prepare(), self._owners.hold())

    def _accounts(self, user: int | None) -> dict[str, Path]:
        """Files of /etc that name the box's user, one pair a user."""
        folder = self._home / "box" / "container-accounts" / str(os.geteuid() if user is None else user)
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in zip(("passwd", "group"), accounts(user), strict=True):
            place(folder / name, text.encode(), 0o644)
        return {f"/etc/{name}": folder / name for name in ("passwd", "group")}


class _Containers:
    """What a `Box` runs in: containers of one image, which is chosen when the first command comes."""

    def __init__(self, boxes: ContainerBoxes, show: Show | None) -> None:
        self._boxes = boxes
        self.reach = boxes.reach
        self._show = show
        self._image: Image | None = None

    async def execute(
        self,
        command: Sequence[str],
        mounts: Mounts,
        *,
        environment: Mapping[str, str],
        timeout_s: float,
        stdin: bytes = b"",
        keep: int = OUTPUT_BYTES,
    ) -> Ended:
        if self._image is None:
            self._image = await self._boxes.image(self._show)
        return await self._boxes.contain(
            self._image, command, mounts, environment=environment, timeout_s=timeout_s, stdin=stdin, keep=keep
        )

    def registries(self, tree: Path) -> contextlib.AbstractAsyncContextManager[Egress]:
        return self._boxes.registries(tree)


def _path(wanted: str, image: Image) -> str:
    """PATH inside: folders of the tree and of installs, then the image's own, and our tools for what it lacks."""
    wanted = wanted.replace(f"{TOOLS}:", "")
    return f"{wanted.replace(SYSTEM_PATH, image.path or SYSTEM_PATH)}:{TOOLS}"
