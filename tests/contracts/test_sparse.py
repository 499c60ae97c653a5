"""A tree that holds a part of its commit: what is left out never counts as changed, and is never changed unseen."""

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from app.adapters.sandbox.bubblewrap.boxes import BubblewrapBoxes
from app.adapters.workspace.workspace import GitWorkspace
from app.adapters.workspace.workspaces import Workspaces
from app.core.errors import ConfigError
from app.core.layout import Layout
from app.core.patch import Change, Patch
from app.core.repo_config import RepoConfig
from app.guards import outside
from app.guards.guard import Subject
from blueprints.steps.configuration import configuration, layout
from tests.workspaces import Origin, do, made

pytestmark = pytest.mark.contract

ODD = "caf\udce9"
"""A folder's name in Latin-1."""
FILES = {
    "README.md": "root\n",
    "libs/setup.cfg": "above\n",
    "libs/parser/a.py": "one\n",
    "libs/parser/deep/b.py": "b\n",
    "libs/other/c.py": "c\n",
    "web/index.js": "web\n",
    "web/-x/new\nline": "odd\n",
    f"{ODD}/x": "latin\n",
}


async def read_layout(show: Callable[[str], Awaitable[bytes | None]]) -> Layout:
    return Layout(tuple((await show("layout") or b"").decode().split()))


async def whole(_show: Callable[[str], Awaitable[bytes | None]]) -> Layout:
    return Layout()


@pytest.fixture
def origin(home: Path) -> Origin:
    """A repository with several folders; the file `layout` in it names those that are wanted."""
    return Origin(home / "origin", FILES | {"layout": "libs/parser"})


@pytest.fixture(params=["layered", "copied"])
def workspaces(home: Path, boxes: BubblewrapBoxes, request: pytest.FixtureRequest) -> Workspaces:
    return made(home / "data", boxes, request.param, read_layout)


@pytest.fixture
async def workspace(workspaces: Workspaces, origin: Origin) -> GitWorkspace:
    opened = workspaces.open(1, 7, origin.remote)
    await opened.check_out(origin.base)
    return opened


async def publish(workspace: GitWorkspace) -> str:
    return await workspace.publish(await workspace.patch(), branch="minions/1-1", message="Fix", expected_sha="")


def changes(patch: Patch) -> dict[str, Change]:
    return {file.path: file.change for file in patch.files}


def refused(patch: Patch) -> set[str]:
    return {finding.path for finding in outside.look(Subject(patch, RepoConfig(sparse=("libs/parser",))))}


class TestCheckOut:
    async def test_makes_the_folders_that_are_named_and_files_above_them(self, workspace: GitWorkspace) -> None:
        said = await do(workspace, "find . -name .git -prune -o ! -type d -print | LC_ALL=C sort")
        assert said.split() == [
            "./README.md",
            "./layout",
            "./libs/parser/a.py",
            "./libs/parser/deep/b.py",
            "./libs/setup.cfg",
        ]
        assert await workspace.paths() == [".git/", "README.md", "layout", "libs/"]

    async def test_what_is_left_out_is_no_change(self, workspace: GitWorkspace) -> None:
        assert (await workspace.patch()).is_empty
        assert await do(workspace, "git status --short; git log --format=%s; git fsck --strict 2>&1") == "base\n"

    async def test_shows_files_of_the_base_that_are_left_out(self, workspace: GitWorkspace) -> None:
        assert await workspace.show("web/index.js") == b"web\n"

    async def test_of_a_commit_that_names_other_folders_makes_those(
        self, workspaces: Workspaces, workspace: GitWorkspace, origin: Origin
    ) -> None:
        newer = origin.commit({"layout": "web"})
        other = workspaces.open(2, 7, origin.remote)
        await other.check_out(newer)
        assert await other.paths() == [".git/", "README.md", "layout", "web/"]
        assert await other.read("web/-x/new\nline") == b"odd\n"
        await workspace.check_out(newer)
        assert await workspace.paths() == [".git/", "README.md", "layout", "web/"]

    async def test_of_another_layout_of_the_same_commit_is_another_tree(
        self, workspaces: Workspaces, workspace: GitWorkspace, origin: Origin
    ) -> None:
        workspaces._read_layout = whole
        other = workspaces.open(2, 7, origin.remote)
        await other.check_out(origin.base)
        assert await other.read(f"{ODD}/x") == b"latin\n"
        assert "web/" not in await workspace.paths()

    async def test_a_folder_that_is_not_there_leaves_the_others(self, workspaces: Workspaces, origin: Origin) -> None:
        other = workspaces.open(2, 7, origin.remote)
        await other.check_out(origin.commit({"layout": "nowhere web/-x"}))
        assert await other.paths("web") == ["-x/", "index.js"]
        assert (await other.patch()).is_empty


class TestConfiguration:
    """As a repository writes it, and as the program is put together."""

    async def test_says_what_the_tree_holds(self, home: Path, boxes: BubblewrapBoxes, origin: Origin) -> None:
        said = "sparse:\n- ./web/\n- libs/other\ntest: make\nlint: []\nsetup: []\n"
        base = origin.commit({".github/minion.yml": said})
        workspaces = Workspaces(home / "data", boxes, read_layout=layout)
        workspace = workspaces.open(1, 7, origin.remote)
        await workspace.check_out(base)
        assert await workspace.paths() == [".git/", "README.md", "layout", "libs/", "web/"]
        config = await configuration(workspace)
        await workspace.write("web/index.js", b"changed\n")
        assert list(outside.look(Subject(await workspace.patch(), config))) == []

    async def test_that_cannot_be_used_leaves_nothing_out(
        self, home: Path, boxes: BubblewrapBoxes, origin: Origin
    ) -> None:
        base = origin.commit({".github/minion.yml": "sparse: ../web\n"})
        workspaces = Workspaces(home / "data", boxes, read_layout=layout)
        workspace = workspaces.open(1, 7, origin.remote)
        await workspace.check_out(base)
        assert "web/" in await workspace.paths()
        with pytest.raises(ConfigError, match="`sparse`"):
            await configuration(workspace)


class TestChange:
    async def test_inside_is_published_and_leaves_the_rest_as_it_is(
        self, workspace: GitWorkspace, origin: Origin
    ) -> None:
        await do(workspace, "echo two >> libs/parser/a.py; rm libs/parser/deep/b.py; echo new > libs/parser/new.py")
        patch = await workspace.patch()
        expected = {"a.py": Change.MODIFIED, "deep/b.py": Change.DELETED, "new.py": Change.ADDED}
        assert changes(patch) == {f"libs/parser/{name}": change for name, change in expected.items()}
        assert refused(patch) == set()
        sha = await publish(workspace)
        assert origin.git("diff", "--name-status", origin.base, sha).split() == [
            *("M", "libs/parser/a.py", "D", "libs/parser/deep/b.py", "A", "libs/parser/new.py")
        ]

    @pytest.mark.hostile
    @pytest.mark.parametrize(
        ("command", "expected"),
        [
            ("mkdir web; echo x > web/index.js", {"web/index.js": Change.MODIFIED}),
            ("mkdir web; echo x > web/new.js", {"web/new.js": Change.ADDED}),
            ("mkdir libs/other; ln -s /etc/passwd libs/other/c.py", {"libs/other/c.py": Change.MODIFIED}),
            ("mkdir -p web/-x; echo x > \"$(printf 'web/-x/new\\nline')\"", {"web/-x/new\nline": Change.MODIFIED}),
            ("mkdir $(printf 'caf\\351'); echo x > $(printf 'caf\\351')/x", {f"{ODD}/x": Change.MODIFIED}),
            ("mkdir new; echo x > new/x", {"new/x": Change.ADDED}),
        ],
    )
    async def test_of_what_was_left_out_is_seen_and_refused(
        self, workspaces: Workspaces, workspace: GitWorkspace, origin: Origin, command: str, expected: dict[str, Change]
    ) -> None:
        await do(workspace, command)
        patch = await workspace.patch()
        assert changes(patch) == expected
        assert refused(patch) == {path.encode("utf-8", "backslashreplace").decode() for path in expected}
        # Another machine that takes the run over makes the very same tree.
        other = workspaces.open(2, 7, origin.remote)
        await other.check_out(origin.base, patch=patch.data)
        assert await other.patch() == patch
        await do(workspace, "git clean -qfdx; rm -rf web libs/other caf*")
        assert (await workspace.patch()).is_empty

    @pytest.mark.hostile
    @pytest.mark.parametrize("command", ["echo x > web", "ln -s /etc web", "git init -q web", "ln -s libs web"])
    async def test_of_something_else_in_the_place_of_a_folder_is_refused_or_none(
        self, workspace: GitWorkspace, command: str
    ) -> None:
        await do(workspace, command)
        patch = await workspace.patch()
        assert patch.is_empty or refused(patch) >= {"web/index.js"}

    @pytest.mark.hostile
    async def test_of_a_link_on_the_way_leads_nowhere(self, workspace: GitWorkspace) -> None:
        await do(workspace, "rm -r libs; mkdir -p /cache/other; echo x > /cache/other/c.py; ln -s /cache libs")
        patch = await workspace.patch()
        assert {"libs/parser/a.py", "libs"} <= changes(patch).keys()
        assert refused(patch) == {"libs/other/c.py"}

    async def test_that_gives_the_same_contents_is_none(self, workspace: GitWorkspace) -> None:
        await do(workspace, "git sparse-checkout disable 2>&1; test -e web/index.js")
        assert (await workspace.patch()).is_empty

    async def test_by_set_up_is_taken_back(self, workspace: GitWorkspace) -> None:
        command = "mkdir web; echo x > web/index.js; mkdir web/made; echo x > web/made/x; echo x > libs/parser/a.py"
        results = await workspace.sandbox.set_up([command])
        assert all(result.ok for result in results)
        assert changes(await workspace.patch()) == {"web/made/x": Change.ADDED}

    async def test_is_taken_back_when_it_is_named(self, workspace: GitWorkspace) -> None:
        await workspace.write("web/index.js", b"changed\n")
        changed = [file.path for file in (await workspace.patch()).files]
        assert changed
        await workspace.restore(changed)
        assert (await workspace.patch()).is_empty
