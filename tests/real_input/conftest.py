"""Releases of real packages from the registry, and one stage on which Minions works on all of them."""

import hashlib
import os
import tarfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path, PurePosixPath

import httpx
import pytest
import yaml

from app.demo.script import load
from app.demo.stage import Stage, staged
from tests.forks import Forks
from tests.registries import mirrored

HERE = Path(__file__).parent
MODEL = "packages"
"""The one model of the stage: it knows the script of every package, by the title of its issue."""


@pytest.fixture(scope="session")
def registry() -> None:
    """Skips where the registry cannot be reached: then nothing can be set up, either."""
    try:
        httpx.get("https://pypi.org/simple/pip/", timeout=30, follow_redirects=True).raise_for_status()
    except httpx.HTTPError as error:
        pytest.skip(f"the registry cannot be reached: {error}")


@pytest.fixture(scope="session")
def unpacked(
    registry: None,  # noqa: ARG001 - asked for first
    pytestconfig: pytest.Config,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str, str], Path]:
    """Gives a new folder with the files of a source distribution, by its address and SHA-256; downloaded once."""
    assert pytestconfig.cache
    kept = pytestconfig.cache.mkdir("sdists")

    def unpack(url: str, sha256: str) -> Path:
        archive = kept / f"{sha256}.tar.gz"
        if not archive.exists():
            fresh = kept / f"{sha256}.{os.getpid()}"  # beside it, so that half a download never has its name
            fresh.write_bytes(_downloaded(url))
            fresh.replace(archive)
        assert hashlib.sha256(archive.read_bytes()).hexdigest() == sha256, f"{url} is not what it was: delete {archive}"
        return _files(archive, tmp_path_factory.mktemp("source"))

    return unpack


def _downloaded(url: str) -> bytes:
    try:
        answer = httpx.get(url, timeout=60, follow_redirects=True)
    except httpx.TransportError as error:
        pytest.skip(f"{url} cannot be reached: {error}")
    return answer.raise_for_status().content


def _files(archive: Path, folder: Path) -> Path:
    """Only plain files, each below the archive's one folder; links and paths that lead elsewhere are refused."""
    with tarfile.open(archive) as tar:
        for member in tar:
            top, *inside = PurePosixPath(member.name).parts
            assert member.isdir() or member.isfile(), f"{member.name} is neither a file nor a folder"
            assert {"/", ".."}.isdisjoint([top, *inside]), f"{member.name} leads elsewhere"
            if member.isfile() and (data := tar.extractfile(member)):
                target = folder.joinpath(*inside)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data.read())
    return folder


@pytest.fixture(scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory, forks: Forks) -> AsyncIterator[Stage]:
    """A GitHub, a model and `minions serve`, all real but for who speaks."""
    scripts = tmp_path_factory.mktemp("scripts")
    acts = [act.model_dump(mode="json") for script in load(HERE / "scripts").values() for act in script.acts]
    (scripts / f"{MODEL}.yaml").write_text(yaml.safe_dump({"acts": acts}), encoding="utf-8")
    settings = {"MINIONS_MODEL": f"openai/{MODEL}", "MINIONS_EGRESS_HOSTS": ",".join(mirrored())}
    async with staged(scripts=scripts, settings=settings, start=forks.start) as stage:
        await stage.start_app()
        yield stage
