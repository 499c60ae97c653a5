"""What tests of work trees begin with: a repository on the disk, and work trees made in each of the two ways."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal

import pytest

from app.adapters.sandbox.bubblewrap.boxes import BubblewrapBoxes
from app.adapters.workspace.folders import Ways
from app.adapters.workspace.workspace import GitWorkspace, ReadLayout, everything
from app.adapters.workspace.workspaces import Workspaces
from app.core.forge import Remote

PERSON: Final = ("-c", "user.name=Person", "-c", "user.email=person@example.org")


class Origin:
    """A repository that people push to; `base` is its first commit, which has `files` in it."""

    def __init__(self, folder: Path, files: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.base = ""
        self.asked_for_write: list[bool] = []
        folder.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")
        if files:
            self.commit(files)

    def git(self, *arguments: str) -> str:
        done = subprocess.run(["git", "-C", str(self.folder), *PERSON, *arguments], check=True, capture_output=True)
        return os.fsdecode(done.stdout).strip()

    def file(self, commit: str, path: str) -> bytes:
        words = ["git", "-C", str(self.folder), "show", f"{commit}:{path}"]
        return subprocess.run(words, check=True, capture_output=True).stdout

    def commit(self, files: Mapping[str, str] | None = None, message: str = "a commit") -> str:
        """Write these files, and commit everything that is there."""
        for path, text in (files or {}).items():
            place = self.folder / path
            place.parent.mkdir(exist_ok=True, parents=True)
            place.write_bytes(text.encode())
        self.git("add", "--all", "--force")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        self.base = self.base or self.head
        return self.head

    @property
    def head(self) -> str:
        return self.git("rev-parse", "HEAD")

    async def remote(self, write: bool) -> Remote:  # noqa: FBT001 # as the workspace asks
        self.asked_for_write.append(write)
        return Remote(url=str(self.folder))


def made(
    home: Path, boxes: BubblewrapBoxes, way: Literal["layered", "copied"], read_layout: ReadLayout = everything
) -> Workspaces:
    """Work trees in `home`. The test is skipped where they cannot be made in this way."""
    if way == "copied":
        return Workspaces(home, boxes, ways=Ways("not in this test", "not in this test"), read_layout=read_layout)
    workspaces = Workspaces(home, boxes, read_layout=read_layout)
    if workspaces.ways.no_overlay:
        pytest.skip(f"work trees cannot be layered here: {workspaces.ways.no_overlay}")
    return workspaces


async def do(workspace: GitWorkspace, command: str) -> str:
    """Run a command in the tree, as a minion would; it has to succeed."""
    result = await workspace.sandbox.run(command)
    assert result.ok, result.output
    return result.output
