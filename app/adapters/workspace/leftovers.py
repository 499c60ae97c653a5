"""What is left under one home: folders of killed runs, their pins in mirrors, proxies' folders, old mirrors and layers.

Whether a run is over is for others to say. Everything else is decided here, each by a lock that lives as long as who
uses the thing: a proxy's folder is its server's, a mirror without pins is nobody's while nobody takes hold of it.
"""

import asyncio
import logging
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Final

from app.adapters.own_folder import abandoned
from app.adapters.sandbox.leftovers import end_leftovers, end_proxy
from app.adapters.vectors import FOLDER as MEANING
from app.adapters.workspace.deletion import delete
from app.adapters.workspace.folders import forget, in_use
from app.adapters.workspace.furnishing import SITE
from app.adapters.workspace.git import Git
from app.adapters.workspace.layers import AHEAD, Layers
from app.adapters.workspace.locks import locked_now
from app.adapters.workspace.mirror import INDEX
from app.adapters.workspace.mounts import unmount_below
from app.core.errors import SandboxError

_log = logging.getLogger(__name__)

UNUSED_S: Final = 30 * 24 * 3600.0
"""A mirror that no run has used for a month goes; the next run fetches it again."""
MOST_PACKS: Final = 50
"""Git's own number (gc.autoPackLimit): each fetch leaves a pack, and every look for an object goes through them all."""
REPACK_S: Final = 600.0
"""Seconds; a pack of a gigabyte is rewritten within a minute. Broken off, everything is as before."""
EVICT_EVERY_S: Final = 6 * 3600.0
"""Between two looks for layers that are old or too many: every file of every layer is measured."""
_TREES: Final = ("tree", "files/tree", "room/tree")
"""Where the work tree of a run can be in its folder."""
_PINS: Final = "refs/minions"
_AWAY: Final = ".gone"

EndOwnerless = Callable[[], Awaitable[Sequence[str]]]
"""As `BubblewrapBoxes.end_ownerless`."""


class MachineLeftovers:
    """`Leftovers` of `app.core.workspace`, for everything under `home`.

    `end_ownerless` ends what is still at work for servers that are gone, where that is not found in a folder.
    """

    def __init__(self, home: Path, end_ownerless: EndOwnerless | None = None) -> None:
        self._home = home.resolve()
        self._end_ownerless = end_ownerless
        self._layers = Layers(self._home / "layers", lambda: in_use(self._home / "runs"))
        self._evicted_at = -EVICT_EVERY_S

    async def of_runs(self) -> AbstractSet[int]:
        """As `Leftovers` says."""
        return await asyncio.to_thread(self._found)

    async def sweep(self, over: AbstractSet[int]) -> Sequence[str]:
        """As `Leftovers` says."""
        swept: list[str] = []
        with locked_now(self._home / "sweep.lock") as is_mine:
            if is_mine:
                swept += await self._ownerless()
                swept += await asyncio.to_thread(lambda: [*self._runs(over), *self._others()])
                for mirror in await asyncio.to_thread(self._mirrors):
                    swept += await self._mirror(mirror, over)
                await self._repack()
                swept += await asyncio.to_thread(self._old_layers)
        return swept

    async def _ownerless(self) -> Sequence[str]:
        try:
            return await self._end_ownerless() if self._end_ownerless else []
        except SandboxError as error:  # the rest can be swept all the same
            _log.warning("What killed servers left at work stays: %s %s", error, error.detail)
            return []

    def _found(self) -> AbstractSet[int]:
        folders = {folder.name for folder in (self._home / "runs").glob("*")}
        pins = {pin.name.removesuffix(".lock") for mirror in self._mirrors() for pin in (mirror / _PINS).glob("*")}
        return {int(name) for name in folders | pins if name.isascii() and name.isdigit()}

    def _runs(self, over: AbstractSet[int]) -> Iterator[str]:
        for run_id in sorted(over):
            folder = self._home / "runs" / str(run_id)
            if folder.exists() and _removed(folder):
                yield f"the folder of run {run_id}"

    def _others(self) -> Iterator[str]:
        for folder in abandoned(self._home / "box" / "egress"):
            end_proxy(folder)
            if _removed(folder):
                yield "the folder of a proxy"
        for site in (self._home / "runs").glob(f"{SITE}*"):
            with locked_now(self._layers.lock(site.name.removeprefix(SITE))) as is_mine:
                if is_mine and _removed(site):
                    yield "a set-up that was broken off"
        for away in (self._home / "mirrors").glob(f"*{_AWAY}"):
            _removed(away)

    def _mirrors(self) -> list[Path]:
        return sorted((self._home / "mirrors").glob("*.git"))

    async def _mirror(self, mirror: Path, over: AbstractSet[int]) -> Sequence[str]:
        """Unpin it from runs that are over; take it away if nobody needs it. One that is being fetched comes later."""
        with locked_now(mirror.with_suffix(".lock")) as is_mine:
            if not is_mine:
                return []
            swept = [f"the pin of run {run_id}" for run_id in sorted(over) if await _unpinned(mirror, run_id)]
            if await self._unpinned_ahead(mirror):
                swept.append(f"the pin of what was made ahead in repository {mirror.stem}")
            await asyncio.to_thread(_drop_halves, mirror)
            if await asyncio.to_thread(_removed_if_unused, mirror):
                swept.append(f"the mirror of repository {mirror.stem}")
            return swept

    async def _unpinned_ahead(self, mirror: Path) -> bool:
        """Whether the mirror was held for who makes things ahead, and who was killed; see `Workspaces.ahead`."""
        number = -int(mirror.stem) if mirror.stem.isdigit() else 0
        if not any((mirror / _PINS).glob(f"{number}*")):
            return False
        with locked_now(self._layers.lock(f"{AHEAD}{mirror.stem}")) as is_mine:
            return is_mine and await _unpinned(mirror, number)

    def _old_layers(self) -> list[str]:
        if time.monotonic() - self._evicted_at < EVICT_EVERY_S:
            return []
        self._evicted_at = time.monotonic()
        try:
            return [f"the layer {name}" for name in self._layers.evict()]
        except (OSError, subprocess.CalledProcessError) as error:  # a run that went meanwhile, too: another time, then
            _log.info("Old layers stay: %s", error)
            return []

    async def _repack(self) -> None:
        """Make few packs of many in one mirror. Nothing in them is lost, and who reads them meanwhile reads on."""
        for mirror in await asyncio.to_thread(self._mirrors):
            with locked_now(mirror.with_suffix(".lock")) as is_mine:
                if is_mine and len(list((mirror / "objects" / "pack").glob("*.pack"))) > MOST_PACKS:
                    said = await Git(mirror).ask("repack", "--quiet", "-d", "--geometric=2", timeout_s=REPACK_S)
                    if not said.ok:
                        _log.warning("The mirror %s cannot be packed: %s", mirror, said.err[-500:])
                    return


def clear(home: Path) -> bool:
    """End, unmount and delete what is left under a home that nobody works in any more; whether that went. Blocks."""
    home = home.resolve()  # as mounts are told
    end_leftovers(home / "box" / "check")  # of a server that was killed while it tried its boxes
    for run in (home / "runs").glob("*"):
        _end_boxes(run)
    for proxy in (home / "box" / "egress").glob("*"):
        end_proxy(proxy)
    return _removed(home)


def _removed(folder: Path) -> bool:
    """Whether a folder of no use could be removed, with whoever is still in its box and what is mounted in it."""
    try:
        _end_boxes(folder)
        forget(folder)  # its run may be asked for once more
        unmount_below(folder)
        delete(folder)
    except (OSError, subprocess.CalledProcessError) as error:
        _log.warning("%s cannot be removed: %s", folder, error)
        return False
    return True


def _end_boxes(run: Path) -> None:
    for tree in _TREES:
        end_leftovers(run / tree)


async def _unpinned(mirror: Path, run_id: int) -> bool:
    """Whether the mirror was held for this run; it is not any more. A lock there is of a git that was killed."""
    pin = mirror / _PINS / str(run_id)
    lock = pin.with_name(f"{run_id}.lock")
    if not await asyncio.to_thread(lambda: pin.exists() or lock.exists()):
        return False
    await asyncio.to_thread(lock.unlink, missing_ok=True)
    return (await Git(mirror).ask("update-ref", "-d", f"{_PINS}/{run_id}")).ok


def _drop_halves(mirror: Path) -> None:
    """Half a pack of a fetch that was killed can be a gigabyte. Nobody fetches now."""
    packs = mirror / "objects" / "pack"
    for half in (*packs.glob("tmp_*"), *packs.glob(".tmp-*"), *mirror.glob(f"{INDEX}*")):
        half.unlink(missing_ok=True)


def _removed_if_unused(mirror: Path) -> bool:
    """Take a mirror away if no run pins it or takes hold of it now, and none has for long.

    What is known of the repository by meaning goes with it. It gets another name first: deleting may be broken off, and
    half a mirror would pass for a whole one.
    """
    use = mirror.with_suffix(".use")
    with locked_now(use) as is_mine:
        if not is_mine or any((mirror / _PINS).glob("*")) or time.time() - use.stat().st_mtime < UNUSED_S:
            return False
        away = mirror.with_suffix(_AWAY)
        _removed(away)
        mirror.rename(away)
    _removed(mirror.parent.parent / MEANING / mirror.stem)
    return _removed(away)
