# ruff: noqa: ARG002 - fakes take what the Protocols give them
"""The blueprint `fix` with real work trees, real boxes and all guards; only GitHub and the model are played."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.adapters.diff_cover import DiffCover
from app.adapters.ruff import RuffAnalysis
from app.adapters.sandbox.bubblewrap.boxes import BubblewrapBoxes
from app.adapters.workspace.clean_trees import CleanTrees
from app.adapters.workspace.workspace import GitWorkspace
from app.adapters.workspace.workspaces import Workspaces
from app.core.blueprint import Blueprint
from app.core.minion import GaveUp, Submission
from app.core.packages import PackageFacts
from app.core.task import Person, Repository, Task
from app.core.world import World
from app.guards import ALL, GuardSet
from blueprints.fix.blueprint import BLUEPRINT
from tests.blueprints.conftest import FakeBranches, FakeForge, Rig, ScriptedMinion
from tests.workspaces import Origin

Act = Callable[[GitWorkspace], Awaitable[Submission | GaveUp]]

GREET = "def greet(name):\n    return 'Hello, !'\n"
RIGHT = "def greet(name):\n    return f'Hello, {name}!'\n"
OLD_TEST = """\
import unittest

from greet import greet


class Greeting(unittest.TestCase):
    def test_is_polite(self):
        self.assertTrue(greet("Ann").startswith("Hello"))

    def test_ends_well(self):
        self.assertEqual(greet("Ann")[-1], "!")
"""
NEW_TEST = f"""{OLD_TEST}
    def test_names_who_is_greeted(self):
        self.assertEqual(greet("Bob"), "Hello, Bob!")
"""
FILES = {
    "greet.py": GREET,
    "tests/__init__.py": "",
    "tests/test_greet.py": OLD_TEST,
    ".github/minion.yml": "setup: []\nlint: []\ntest: python3 -m unittest\n",
}


class OriginForge(FakeForge):
    """A GitHub whose branches are those of a repository on the disk."""

    def __init__(self, origin: Origin) -> None:
        super().__init__(FakeBranches())
        self.origin = origin

    async def find_or_create_branch(self, branch: str, *, base_sha: str, message: str) -> str:
        self.origin.git("branch", "--force", branch, self.origin.base)
        self.branches[branch] = (self.origin.base, message)
        return self.origin.base

    async def branch_sha(self, branch: str) -> str:
        return self.origin.git("rev-parse", branch)


class Worker(ScriptedMinion):
    """Works through acts on the real tree; the last one is repeated."""

    async def work(self, facts: Mapping[str, str]) -> Submission | GaveUp:
        self.prompt.substitute(facts)
        act: Any = self.acts[min(len(self.facts), len(self.acts) - 1)]
        self.facts.append(dict(facts))
        result: Submission | GaveUp = await act(self.workspace)
        return result


class Index:
    """A registry of packages that are known here; what is not in it does not exist."""

    def __init__(self, **known: PackageFacts | None) -> None:
        self.known = known

    async def look_up(self, ecosystem: str, name: str, version: str) -> PackageFacts | None:
        assert ecosystem in {"pypi", "npm"}
        return self.known.get(name.replace("-", "_"), PackageFacts(exists=False))


@dataclass
class Yard(Rig):
    """One run, in the real."""

    trees: Any = None
    base: str = ""

    @property
    def world(self) -> World:
        return replace(super().world, clean=self.trees, coverage=DiffCover())

    async def begin(self, blueprint: Blueprint[Any], **more: Any) -> Any:
        return await super().begin(blueprint, base_sha=self.base, **more)

    async def go(self) -> tuple[list[str], Any]:
        """Walk to the end."""
        return await self.walk(BLUEPRINT)


@dataclass
class Yards:
    """Makes runs in repositories of this test."""

    home: Path
    boxes: BubblewrapBoxes
    made: list[GitWorkspace] = field(default_factory=list)

    def __call__(
        self,
        *acts: Act,
        files: Mapping[str, str] | None = None,
        issue: str = "Greeting forgets the name",
        instructions: str = "",
        index: Index | None = None,
        whole: bool = False,
    ) -> Yard:
        """`whole` says that `files` are all of the repository's, and not beside those of the greeting."""
        number = len(self.made) + 1
        origin = Origin(self.home / f"origin-{number}", {**({} if whole else FILES), **(files or {})})
        workspaces = Workspaces(self.home / "data", self.boxes)
        workspace = workspaces.open(number, number, origin.remote)
        self.made.append(workspace)
        task = Task(
            repository=Repository(id=number, full_name="octo/cat", installation_id=1),
            number=12,
            title=issue,
            body="",
            author=Person(id=9, login="rob"),
            requester=Person(id=5, login="ann"),
            instructions=instructions,
            asked_at=datetime(2026, 1, 2, tzinfo=UTC),
        )
        return Yard(
            workspace=workspace,  # type: ignore[arg-type]
            sandbox=workspace.sandbox,  # type: ignore[arg-type]
            minion=Worker(workspace, acts),  # type: ignore[arg-type]
            forge=OriginForge(origin),
            guards=GuardSet(ALL, index=index, analysis=RuffAnalysis()),  # type: ignore[arg-type]
            task=task,
            trees=CleanTrees(workspaces, number, number, origin.remote),
            base=origin.base,
        )


@pytest.fixture
async def yard(home: Path, boxes: BubblewrapBoxes) -> Any:
    """Makes a run from what the minion does, visit by visit."""
    yards = Yards(home, boxes)
    yield yards
    for workspace in yards.made:
        await workspace.remove()


def writes(files: Mapping[str, str | None], *claims: str, summary: str = "The name was dropped.") -> Act:
    """An act that writes these files, or deletes those that are None, and submits."""

    async def act(workspace: GitWorkspace) -> Submission:
        for path, text in files.items():
            if text is None:
                assert (await workspace.sandbox.run(f"rm -rf -- '{path}'")).ok
            else:
                await workspace.write(path, text.encode())
        return Submission(summary=summary, verification=tuple(claims))

    return act


def sentences(state: Any) -> Sequence[str]:
    """What was found about the change, as `gate: sentence`."""
    return [f"{each.guard}: {each.sentence}" for each in (*state.findings, *state.remarks, *state.proof)]
