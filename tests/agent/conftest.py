"""A node in tmp_path: its tree, a sandbox that runs real commands in it, and the bench that puts them together."""

from collections.abc import Callable
from pathlib import Path

import pytest

from app.agent.tools.tool import Desk
from app.core.sandbox import Sandbox
from app.core.workspace import Workspace
from tests.agent.folder import FolderSandbox, FolderWorkspace
from tests.agent.scripted import Bench


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    folder.mkdir()
    return folder


@pytest.fixture
def workspace(tree: Path) -> FolderWorkspace:
    return FolderWorkspace(tree)


@pytest.fixture
def sandbox(tree: Path) -> Sandbox:
    return FolderSandbox(tree)


@pytest.fixture
def with_base(tree: Path) -> Callable[[dict[str, bytes]], Workspace]:
    """A workspace with these files in its base commit."""
    return lambda base: FolderWorkspace(tree, base)


@pytest.fixture
def desk(sandbox: Sandbox, workspace: Workspace) -> Desk:
    return Desk(sandbox, workspace, seconds_left=60)


@pytest.fixture
def bench(workspace: FolderWorkspace, sandbox: Sandbox, tree: Path) -> Bench:
    (tree / "hello.txt").write_bytes(b"hello world\r\n")
    return Bench(workspace, sandbox)
