"""A whole work tree whose commands run in containers, while its git runs in bubblewrap."""

import asyncio
import subprocess
from functools import partial
from pathlib import Path

import pytest

from app.adapters.sandbox.containers.boxes import ContainerBoxes
from app.adapters.sandbox.containers.engine import Engine
from app.adapters.workspace.workspace import GitWorkspace
from app.adapters.workspace.workspaces import Workspaces
from app.core.errors import ConfigError
from app.core.forge import Remote
from blueprints.steps.configuration import container_image
from tests.container_engine import BARE_IMAGE, IMAGE, OTHER_IMAGE


def committed(origin: Path, said: str) -> str:
    """Commit this `.github/minion.yml` to a repository with one file of code, made anew."""
    git = ("git", "-C", str(origin), "-c", "user.name=Person", "-c", "user.email=person@example.org")
    (origin / ".github").mkdir(parents=True)
    subprocess.run([*git, "init", "--quiet"], check=True)
    (origin / "code.py").write_text("print(1)\n")
    (origin / ".github/minion.yml").write_text(said)
    subprocess.run([*git, "add", "--all"], check=True)
    subprocess.run([*git, "commit", "--quiet", "--message", "base"], check=True)
    return subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()


async def checked_out(home: Path, engine: Engine, origin: Path, said: str, allowed: tuple[str, ...]) -> GitWorkspace:
    """The work tree of a repository that says this about itself."""
    sha = await asyncio.to_thread(committed, origin, said)

    async def remote(_write: bool) -> Remote:  # noqa: FBT001 # as `Workspaces.open` asks it
        return Remote(url=str(origin))

    choose = partial(container_image, own=BARE_IMAGE, allowed=allowed)
    boxes = ContainerBoxes(home, image=BARE_IMAGE, engine=engine, choose_image=choose)
    workspace = Workspaces(home, boxes).open(1, 1, remote)
    await workspace.check_out(sha)
    return workspace


async def test_commands_change_what_git_reads(container_engine: Engine, home: Path, tmp_path: Path) -> None:
    workspace = await checked_out(home, container_engine, tmp_path / "origin", f"image: {IMAGE}\n", ("minions-*",))
    [result] = await workspace.sandbox.set_up(["mkdir -p .venv/bin && echo 'echo installed' > .venv/bin/tool"])
    assert result.ok, result.output
    result = await workspace.sandbox.run("chmod +x .venv/bin/tool; tool; echo $FROM_IMAGE")
    assert result.output == "installed\nyes\n"
    await workspace.sandbox.run("echo 'print(2)' > code.py")
    patch = await workspace.patch()
    assert [change.path for change in patch.files] == ["code.py"]
    await workspace.remove()


async def test_set_up_is_known_by_its_image(container_engine: Engine, home: Path, tmp_path: Path) -> None:
    for number, image in enumerate((IMAGE, BARE_IMAGE)):
        origin, here = tmp_path / str(number), home / str(number)
        workspace = await checked_out(here, container_engine, origin, f"image: {image}\n", ("minions-*",))
        assert await workspace._boxes.programs(workspace.show) == (await container_engine.image(image)).id
        await workspace.remove()


async def test_an_image_that_is_not_allowed_is_refused(container_engine: Engine, home: Path, tmp_path: Path) -> None:
    workspace = await checked_out(home, container_engine, tmp_path / "origin", f"image: {OTHER_IMAGE}\n", ())
    with pytest.raises(ConfigError, match="MINIONS_CONTAINER_IMAGES"):
        await workspace.sandbox.run("true")
    await workspace.remove()
