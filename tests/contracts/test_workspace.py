"""What every workspace promises: a tree, files that do not lead outside, and one way out for the change."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from app.adapters.sandbox.bubblewrap.boxes import BubblewrapBoxes
from app.adapters.workspace.folders import Ways
from app.adapters.workspace.workspace import Author, GitWorkspace
from app.adapters.workspace.workspaces import Workspaces
from app.agent.rules import read_rules
from app.core.errors import Conflict, Denied, NotFound, RepositoryError
from app.core.forge import Remote
from app.core.patch import AddedLine, Change
from tests.workspaces import Origin, do, made

pytestmark = pytest.mark.contract

ROOT = Path(__file__).parents[2]
_REMOVE = """
import sys
from pathlib import Path
from app.adapters.workspace.folders import Folder
Folder(Path(sys.argv[1]), 7).remove()
"""
_RM_THAT_KILLS = """#!/bin/sh
/bin/rm -rf "{room}"
kill -9 $PPID
"""
"""Has deleted one part of the folder, when whoever wants all of it deleted is killed."""
CAFE = "caf\udce9"
"""A file name in Latin-1."""


@pytest.fixture
def origin(home: Path) -> Origin:
    started = Origin(home / "origin")
    folder = started.folder
    (folder / "run.sh").write_text("#!/bin/sh\necho hello\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "link").symlink_to("code.py")
    (folder / "out").symlink_to("/etc/passwd")
    files = {"code.py": "def add(a, b):\n    return a - b\n", "dos.txt": "one\r\ntwo\r\n", "sub/deep.txt": "deep\n"}
    started.commit(files | {".gitignore": "build/\n", CAFE: "latin\n"})
    return started


def content(origin: Origin, commit: str, path: str) -> bytes:
    """A file as it arrived."""
    command = ["git", "-C", str(origin.folder), "show", f"{commit}:{path}"]
    return subprocess.run(command, check=True, capture_output=True).stdout


def mode(origin: Origin, commit: str, path: str) -> str:
    return origin.git("ls-tree", commit, "--", path).split(" ")[0]


@pytest.fixture
def canary(home: Path) -> Path:
    """A folder where everybody may leave a sign."""
    folder = home / "canary"
    folder.mkdir()
    folder.chmod(0o777)
    return folder


@pytest.fixture(params=["layered", "copied"])
def workspaces(home: Path, boxes: BubblewrapBoxes, request: pytest.FixtureRequest) -> Workspaces:
    return made(home / "data", boxes, request.param)


@pytest.fixture
def fresh(workspaces: Workspaces, origin: Origin) -> GitWorkspace:
    return workspaces.open(1, 7, origin.remote)


@pytest.fixture
async def workspace(fresh: GitWorkspace, origin: Origin) -> GitWorkspace:
    await fresh.check_out(origin.base)
    return fresh


class TestCheckOut:
    async def test_makes_the_files_of_the_commit(self, workspace: GitWorkspace) -> None:
        assert await workspace.paths() == sorted(
            [".git/", ".gitignore", "code.py", CAFE, "dos.txt", "link", "out", "run.sh", "sub/"]
        )
        assert await workspace.read("dos.txt") == b"one\r\ntwo\r\n"
        assert (await workspace.patch()).is_empty

    async def test_gives_the_minion_a_repository_without_past_and_remote(self, workspace: GitWorkspace) -> None:
        said = await do(workspace, "git log --format=%s; git remote; git status --short; git fsck --strict 2>&1")
        assert said == "base\n"

    async def test_keeps_a_tree_that_is_there(
        self, workspaces: Workspaces, workspace: GitWorkspace, origin: Origin
    ) -> None:
        await workspace.write("new.txt", b"kept\n")
        again = workspaces.open(1, 7, origin.remote)
        await again.check_out(origin.base)
        assert await again.read("new.txt") == b"kept\n"

    async def test_makes_a_half_made_tree_anew(self, workspace: GitWorkspace, origin: Origin) -> None:
        await workspace.write("code.py", b"broken off\n")
        workspace._folder.base.unlink()
        await workspace.check_out(origin.base)
        assert (await workspace.read("code.py")).startswith(b"def add")

    async def test_makes_a_tree_anew_whose_removal_was_killed(
        self, home: Path, workspace: GitWorkspace, origin: Origin
    ) -> None:
        folder = workspace._folder.run
        programs = home / "programs"
        programs.mkdir()
        (programs / "rm").write_text(_RM_THAT_KILLS.format(room=folder / "room"))
        (programs / "rm").chmod(0o755)
        path = f"{programs}:{os.environ['PATH']}"
        command = (sys.executable, "-c", _REMOVE, folder)
        process = await asyncio.create_subprocess_exec(*command, env={"PATH": path}, cwd=ROOT)
        assert await process.wait() == -signal.SIGKILL
        assert not (folder / "room").exists()
        await workspace.check_out(origin.base)
        assert (await workspace.read("code.py")).startswith(b"def add")

    async def test_applies_a_saved_patch_to_a_new_tree(
        self, workspaces: Workspaces, workspace: GitWorkspace, origin: Origin
    ) -> None:
        await do(workspace, "echo more >> code.py; rm dos.txt; chmod +x code.py; printf '\\0\\1' > bin; ln -s bin to")
        saved = await workspace.patch()
        other = workspaces.open(2, 7, origin.remote)
        await other.check_out(origin.base, patch=saved.data)
        assert await other.patch() == saved

    async def test_a_saved_patch_may_hold_what_set_up_makes_again(
        self, workspaces: Workspaces, workspace: GitWorkspace, origin: Origin
    ) -> None:
        """A repository that does not ignore what its set-up makes: another machine makes it, too."""
        set_up = ["echo made > 'made here.txt'; mkdir -p lib; ln -sf ../code.py lib/link"]
        await workspace.sandbox.set_up(set_up)
        await do(workspace, "echo more >> code.py; echo changed >> 'made here.txt'")
        saved = await workspace.patch()
        other = workspaces.open(2, 7, origin.remote)
        await other.check_out(origin.base, patch=saved.data, set_up=set_up)
        assert await other.patch() == saved
        assert all(result.ok for result in await other.sandbox.set_up(["true", *set_up]))
        assert await other.patch() == saved

    async def test_what_another_process_changes_is_seen_by_who_looked_before(
        self, home: Path, boxes: BubblewrapBoxes, workspaces: Workspaces, workspace: GitWorkspace, origin: Origin
    ) -> None:
        """A look that finds nothing new costs nothing, and never hides anything."""
        assert (await workspace.patch()).is_empty
        other = Workspaces(home / "data", boxes, ways=workspaces.ways).open(1, 7, origin.remote)
        await do(other, "echo more >> code.py")
        assert [file.path for file in (await workspace.patch()).files] == ["code.py"]
        await other.write("new", b"new\n")
        assert [file.path for file in (await workspace.patch()).files] == ["code.py", "new"]
        await do(workspace, "rm new")
        assert await other.patch() == await workspace.patch()

    async def test_a_file_that_is_dated_back_is_seen(self, workspace: GitWorkspace) -> None:
        """Whether there is something new is not told by what a command can forge."""
        await do(workspace, "printf one > new; touch -d 2001-01-01 new")
        await do(workspace, "cat new")
        assert [line.text for line in (await workspace.patch()).added_lines] == ["one"]
        await do(workspace, "cat new; git status")  # the state of the tree is known from now on
        assert [line.text for line in (await workspace.patch()).added_lines] == ["one"]
        await do(workspace, "printf two > new; touch -d 2001-01-01 new")
        assert [line.text for line in (await workspace.patch()).added_lines] == ["two"]

    async def test_asks_the_remote_only_for_what_is_not_here(
        self, workspaces: Workspaces, workspace: GitWorkspace, origin: Origin
    ) -> None:
        await workspaces.open(2, 7, origin.remote).check_out(origin.base)
        assert origin.asked_for_write == [False]
        newer = origin.commit()
        await workspaces.open(3, 7, origin.remote).check_out(newer)
        assert origin.asked_for_write == [False, False]
        assert await workspace.show("code.py") is not None

    async def test_keeps_a_commit_whose_branch_was_thrown_away(
        self, workspaces: Workspaces, workspace: GitWorkspace, origin: Origin
    ) -> None:
        origin.git("commit", "--quiet", "--amend", "--message", "rewritten")
        await workspaces.open(2, 7, origin.remote).check_out(origin.git("rev-parse", "HEAD"))
        await workspace.write("code.py", b"fixed\n")
        published = await workspace.publish(
            await workspace.patch(), branch="minions/1-1", message="Fix", expected_sha=""
        )
        assert origin.git("rev-parse", f"{published}^") == origin.base

    @pytest.mark.parametrize("sha", ["main", "abc", "--all", "", "0" * 40])
    async def test_says_what_is_wrong_with_a_commit(self, fresh: GitWorkspace, sha: str) -> None:
        with pytest.raises(RepositoryError):
            await fresh.check_out(sha)

    async def test_says_that_the_repository_is_not_there(self, workspaces: Workspaces, home: Path) -> None:
        async def nowhere(write: bool) -> Remote:  # noqa: ARG001, FBT001 # as the workspace asks
            return Remote(url=str(home / "nothing"))

        with pytest.raises(NotFound):
            await workspaces.open(1, 8, nowhere).check_out("a" * 40)

    async def test_before_it_nothing_is_changed_and_nothing_can_be_shown(self, fresh: GitWorkspace) -> None:
        assert (await fresh.patch()).is_empty
        with pytest.raises(RepositoryError, match="check out first"):
            await fresh.show("code.py")


@pytest.mark.crash
class TestAfterAKill:
    """Git leaves its lock files behind when it is killed."""

    async def test_a_locked_index_does_not_stop_the_next_diff(self, workspace: GitWorkspace) -> None:
        await workspace.write("code.py", b"changed\n")
        (workspace._folder.git / "index.lock").touch()
        assert [file.path for file in (await workspace.patch()).files] == ["code.py"]

    async def test_a_locked_mirror_does_not_stop_the_next_fetch(
        self, workspaces: Workspaces, workspace: GitWorkspace, origin: Origin
    ) -> None:
        mirror = workspace._mirror.path
        for lock in ("packed-refs.lock", "HEAD.lock", "refs/heads/main.lock", "refs/minions/2.lock"):
            (mirror / lock).touch()
        newer = origin.commit()
        await workspaces.open(2, 7, origin.remote).check_out(newer)

    async def test_a_mirror_that_was_broken_off_is_finished(self, fresh: GitWorkspace, origin: Origin) -> None:
        fresh._mirror.path.mkdir()
        (fresh._mirror.path / "HEAD").write_text("ref: refs/heads/main\n")
        await fresh.check_out(origin.base)


class TestShow:
    async def test_shows_the_base_and_not_the_tree(self, workspace: GitWorkspace) -> None:
        await workspace.write("sub/deep.txt", b"changed\n")
        assert await workspace.show("sub/deep.txt") == b"deep\n"

    @pytest.mark.parametrize(
        "path", ["nothing", "sub", "sub/", "link", "out", "", "../origin/code.py", "/etc/passwd", "*.py", ".git/config"]
    )
    async def test_shows_files_only(self, workspace: GitWorkspace, path: str) -> None:
        assert await workspace.show(path) is None


class TestFiles:
    async def test_writes_what_it_is_given(self, workspace: GitWorkspace) -> None:
        data = bytes(range(256)) + b"\r\n\n\r"
        await workspace.write("sub/new/file", data)
        assert await workspace.read("sub/new/file") == data
        assert (
            await do(workspace, "stat -c '%a %U' sub/new/file sub/new; touch sub/new/other")
            == "644 minion\n755 minion\n"
        )

    async def test_keeps_the_mode(self, workspace: GitWorkspace) -> None:
        await workspace.write("run.sh", b"#!/bin/sh\n")
        assert await do(workspace, "stat -c %a run.sh") == "755\n"

    async def test_writes_through_a_link_of_the_tree(self, workspace: GitWorkspace) -> None:
        await workspace.write("link", b"through\n")
        assert await workspace.read("code.py") == b"through\n"
        assert await do(workspace, "readlink link") == "code.py\n"

    async def test_leaves_nothing_else(self, workspace: GitWorkspace) -> None:
        await workspace.write("sub/deep.txt", b"x")
        assert await workspace.paths("sub") == ["deep.txt"]

    async def test_names_need_not_be_text(self, workspace: GitWorkspace) -> None:
        assert await workspace.read(CAFE) == b"latin\n"

    @pytest.mark.parametrize("path", ["nothing", "sub/nothing", "code.py/x", "a\0b", "\ud800"])
    async def test_what_is_not_there_is_not_found(self, workspace: GitWorkspace, path: str) -> None:
        with pytest.raises((FileNotFoundError, NotADirectoryError)):
            await workspace.read(path)

    @pytest.mark.parametrize("path", ["sub", "sub/", ".", "sub/.."])
    async def test_folders_are_no_files(self, workspace: GitWorkspace, path: str) -> None:
        with pytest.raises(IsADirectoryError):
            await workspace.read(path)
        with pytest.raises(IsADirectoryError):
            await workspace.write(path, b"x")

    @pytest.mark.hostile
    @pytest.mark.parametrize("path", ["/etc/passwd", "../data", "sub/../../..", "out", "etc/passwd", "loop", "proc"])
    async def test_nothing_leads_outside(self, workspace: GitWorkspace, path: str) -> None:
        await do(workspace, "ln -s /etc etc; ln -s loop loop; ln -s ../../../../../proc/self/environ proc")
        with pytest.raises(PermissionError):
            await workspace.read(path)
        with pytest.raises(PermissionError):
            await workspace.write(path, b"x")
        with pytest.raises((PermissionError, FileNotFoundError)):
            await workspace.paths(path)

    @pytest.mark.hostile
    async def test_a_dangling_link_is_not_followed(self, workspace: GitWorkspace, home: Path) -> None:
        await do(workspace, f"ln -s missing dangling; ln -s {home}/stolen stolen")
        for path in ("dangling", "stolen"):
            with pytest.raises(PermissionError):
                await workspace.write(path, b"x")
        assert "stolen" not in os.listdir(home)  # noqa: PTH208

    @pytest.mark.hostile
    async def test_only_ordinary_files_are_read(self, workspace: GitWorkspace) -> None:
        await do(workspace, "mkfifo fifo; python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"sock\")'")
        for path in ("fifo", "sock"):
            with pytest.raises(PermissionError):
                await workspace.read(path)
            with pytest.raises(PermissionError):
                await workspace.write(path, b"x")

    @pytest.mark.hostile
    @pytest.mark.parametrize("path", [".git/config", ".git/hooks/pre-commit", "sub/.GIT/x", "git-link"])
    async def test_git_folders_are_not_written(self, workspace: GitWorkspace, path: str) -> None:
        await do(workspace, "ln -s .git/config git-link")
        with pytest.raises(PermissionError):
            await workspace.write(path, b"x")

    @pytest.mark.faults
    async def test_f58_a_huge_file_is_refused_with_its_size(self, workspace: GitWorkspace) -> None:
        await do(workspace, "truncate -s 30M huge")
        with pytest.raises(PermissionError, match="31,457,280 bytes"):
            await workspace.read("huge")


class TestRestore:
    async def test_files_are_as_they_were_with_mode_and_as_links(self, workspace: GitWorkspace) -> None:
        await do(
            workspace,
            "echo x >> code.py; chmod -x run.sh; rm link; echo x > link; rm -r sub; ln -s /etc sub; rm dos.txt;"
            "mkdir dos.txt; echo x > dos.txt/in; echo x > 'caf\351'; echo x > 'a \"new\" one';"
            "rm -r .git; echo kept >> .gitignore",
        )
        changed = [file.path for file in (await workspace.patch()).files if file.path != ".gitignore"]
        await workspace.restore(changed)
        assert [file.path for file in (await workspace.patch()).files] == [".gitignore"]
        assert await do(workspace, "readlink link; ls sub") == "code.py\ndeep.txt\n"

    async def test_an_earlier_change_comes_back(self, workspace: GitWorkspace) -> None:
        await do(workspace, "echo more >> code.py; chmod -x run.sh; printf '\\0\\1' > bin; rm dos.txt; ln -s bin to")
        earlier = await workspace.patch()
        await do(
            workspace, "echo less > code.py; rm bin to; mkdir bin; echo x > bin/x; echo new > new; echo x > dos.txt"
        )
        now = await workspace.patch()
        await workspace.restore([file.path for file in (*earlier.files, *now.files)], patch=earlier.data)
        assert await workspace.patch() == earlier

    async def test_there_may_be_many_and_some_that_are_not_there(self, workspace: GitWorkspace) -> None:
        await do(workspace, "mkdir made; for n in {1..5000}; do echo x > made/a-file-with-a-long-name-$n; done")
        changed = [file.path for file in (await workspace.patch()).files]
        assert len(changed) == 5000
        await workspace.restore([*changed, "nowhere/at/all"])
        assert (await workspace.patch()).is_empty


class TestPatch:
    async def test_names_every_change(self, workspace: GitWorkspace) -> None:
        await do(
            workspace,
            "printf 'three\\r\\n' >> dos.txt; chmod -x run.sh; rm sub/deep.txt; ln -sfn dos.txt link;"
            " printf '\\0\\1\\2' > bin; mkdir -p build; echo x > build/ignored; rm out; echo file > out;"
            ' printf \'with "quotes"\\tand\\nmore\\n+++ b/fake\\n\' > "$(printf \'odd "\\t\\351\')"',
        )
        patch = await workspace.patch()
        found = {file.path: (file.change, file.old_mode, file.new_mode, file.binary, file.size) for file in patch.files}
        assert found == {
            "dos.txt": (Change.MODIFIED, "100644", "100644", False, 17),
            "run.sh": (Change.MODIFIED, "100755", "100644", False, 21),
            "sub/deep.txt": (Change.DELETED, "100644", "000000", False, 0),
            "link": (Change.MODIFIED, "120000", "120000", False, 7),
            "bin": (Change.ADDED, "000000", "100644", True, 3),
            "out": (Change.MODIFIED, "120000", "100644", False, 5),
            'odd "\t\udce9': (Change.ADDED, "000000", "100644", False, 34),
        }
        assert AddedLine(path="dos.txt", line=3, text="three\r") in patch.added_lines
        assert AddedLine(path='odd "\t\udce9', line=3, text="+++ b/fake") in patch.added_lines
        assert {line.path for line in patch.added_lines} == {"dos.txt", "link", "out", 'odd "\t\udce9', "bin"}
        assert (patch.added, patch.deleted) == (6, 3)

    async def test_does_not_depend_on_what_the_minion_does_with_its_repository(self, workspace: GitWorkspace) -> None:
        await do(
            workspace, "echo more >> code.py; git commit -qam 'mine'; git checkout -qb other; rm -rf .git; mkdir .git"
        )
        assert [file.path for file in (await workspace.patch()).files] == ["code.py"]

    async def test_leaves_out_what_tools_left(self, workspace: GitWorkspace) -> None:
        await do(
            workspace, "mkdir -p sub/__pycache__ node_modules/x; touch sub/__pycache__/a.pyc node_modules/x/y .coverage"
        )
        assert (await workspace.patch()).is_empty

    @pytest.mark.hostile
    async def test_shows_a_repository_in_the_tree_as_what_it_is(self, workspace: GitWorkspace) -> None:
        await do(
            workspace,
            "git init -q inner && cd inner && git -c user.name=x -c user.email=x@y commit -q --allow-empty -m x",
        )
        [file] = (await workspace.patch()).files
        assert (file.path, file.new_mode) == ("inner", "160000")

    @pytest.mark.hostile
    async def test_a_tree_that_git_cannot_read_is_an_error_with_gits_words(self, workspace: GitWorkspace) -> None:
        await do(workspace, "git init -q inner; touch inner/file")
        with pytest.raises(RepositoryError, match="inner"):
            await workspace.patch()

    @pytest.mark.hostile
    async def test_a_change_that_is_too_large_is_refused(self, workspace: GitWorkspace) -> None:
        await do(workspace, "head -c 60000000 /dev/urandom > big")
        with pytest.raises(RepositoryError, match="too large"):
            await workspace.patch()

    @pytest.mark.faults
    @pytest.mark.hostile
    async def test_f59_nothing_of_the_tree_runs_on_the_host(self, workspace: GitWorkspace, canary: Path) -> None:
        payload = f"sh -c 'touch {canary}/$(id -un) /cache/fired; cat'"
        await do(
            workspace,
            f"""
            for key in core.fsmonitor core.pager filter.x.clean filter.x.smudge diff.external diff.x.textconv; do
              git config $key "{payload}"; done
            git config core.hooksPath /repo/hooks; mkdir hooks
            for hook in pre-commit post-checkout pre-push post-index-change reference-transaction pre-auto-gc; do
              printf '#!/bin/sh\\n{payload.replace("'", '"')}\\n' > hooks/$hook; chmod +x hooks/$hook; done
            cp -r hooks/. .git/hooks 2>/dev/null || cp -r hooks .git/hooks
            echo '* filter=x diff=x' > .gitattributes; echo changed > code.py
            cp .git/config config; cp .git/config .gitconfig
            """,
        )
        # It does work: the minion's own git runs it, in the box, where that is its own affair.
        await do(workspace, "git status; git add --all; test -e /cache/fired; rm /cache/fired")
        patch = await workspace.patch()
        assert "code.py" in {file.path for file in patch.files}
        await workspace.publish(await workspace.patch(), branch="minions/1-1", message="Fix", expected_sha="")
        assert os.listdir(canary) == []  # noqa: PTH208
        # Not even in the box: the git folder that reads the tree is not the one that was changed.
        assert not (workspace._folder.cache / "fired").exists()


class TestBringTo:
    async def _saved(self, workspaces: Workspaces, origin: Origin, text: bytes) -> bytes:
        """A change as another machine saved it."""
        other = workspaces.open(2, 7, origin.remote)
        await other.check_out(origin.base)
        await other.write("code.py", text)
        return (await other.patch()).data

    async def test_a_tree_that_is_not_the_saved_one_is_made_anew(
        self, workspaces: Workspaces, workspace: GitWorkspace, origin: Origin
    ) -> None:
        """The run came back to the machine on which it began, after others had gone on with it."""
        await workspace.write("code.py", b"of the beginning\n")
        await workspace.write("stray.py", b"left\n")
        saved = await self._saved(workspaces, origin, b"gone on\n")
        again = workspaces.open(1, 7, origin.remote)
        await again.bring_to(origin.base, patch=saved)
        assert await again.read("code.py") == b"gone on\n"
        assert "stray.py" not in await again.paths()
        assert (await again.patch()).data == saved

    async def test_the_tree_that_was_saved_is_kept_with_what_is_no_part_of_the_change(
        self, workspaces: Workspaces, workspace: GitWorkspace, origin: Origin
    ) -> None:
        await workspace.write("code.py", b"gone on\n")
        await workspace.write("__pycache__/kept.pyc", b"made by set-up")
        again = workspaces.open(1, 7, origin.remote)
        await again.bring_to(origin.base, patch=(await workspace.patch()).data)
        assert await again.read("__pycache__/kept.pyc") == b"made by set-up"

    async def test_where_there_is_no_tree_it_is_made(self, workspaces: Workspaces, origin: Origin) -> None:
        saved = await self._saved(workspaces, origin, b"gone on\n")
        fresh = workspaces.open(3, 7, origin.remote)
        await fresh.bring_to(origin.base, patch=saved)
        assert await fresh.read("code.py") == b"gone on\n"


class TestBase:
    """What a workspace shows of its base commit, whatever the tree says."""

    async def test_lists_its_files_and_no_links(self, workspace: GitWorkspace) -> None:
        await do(workspace, "rm code.py; echo x > new.txt")
        assert await workspace.listed() == sorted([".gitignore", CAFE, "code.py", "dos.txt", "run.sh", "sub/deep.txt"])

    async def test_tells_where_links_lead_within_the_commit(self, workspace: GitWorkspace) -> None:
        await do(workspace, "ln -s run.sh new")
        assert await workspace.links() == {"link": "code.py"}

    async def test_follows_links_over_links_and_never_out_of_the_commit(
        self, workspaces: Workspaces, origin: Origin
    ) -> None:
        (origin.folder / "docs").mkdir()
        links = {"CLAUDE.md": "docs/to", "docs/to": "../AGENTS.md", "sub/AGENTS.md": "deep.txt"}
        others = {
            "round": "round",
            "up": "../AGENTS.md",
            "home": "/AGENTS.md",
            "gone": "x",
            "folder": "sub",
            ".cursorrules": "out",
        }
        for path, target in (links | others).items():
            (origin.folder / path).symlink_to(target)
        workspace = workspaces.open(3, 7, origin.remote)
        await workspace.check_out(origin.commit({"AGENTS.md": "Use tabs.\n"}))
        assert await workspace.links() == {
            "CLAUDE.md": "AGENTS.md",
            "docs/to": "AGENTS.md",
            "link": "code.py",
            "sub/AGENTS.md": "sub/deep.txt",
        }
        rules = await read_rules(workspace)
        assert rules.text == "## AGENTS.md\nUse tabs."
        assert rules.entering({"path": "sub/x.py"}, ()).names == ("sub/AGENTS.md",)

    async def test_lists_them_behind_a_submodule(self, workspaces: Workspaces, origin: Origin) -> None:
        """Its row of git's list is longer than theirs, and the first one here."""
        origin.git("update-index", "--add", "--cacheinfo", f"160000,{origin.base},.a")
        origin.git("commit", "--quiet", "--message", "a submodule")
        workspace = workspaces.open(3, 7, origin.remote)
        await workspace.check_out(origin.head)
        assert await workspace.listed() == sorted([".gitignore", CAFE, "code.py", "dos.txt", "run.sh", "sub/deep.txt"])

    async def test_shows_several_at_once(self, workspace: GitWorkspace) -> None:
        await workspace.write("dos.txt", b"changed")
        shown = await workspace.show_all(["dos.txt", "link", CAFE, "sub", "missing", "sub/deep.txt", "../x"])
        assert shown == {"dos.txt": b"one\r\ntwo\r\n", CAFE: b"latin\n", "sub/deep.txt": b"deep\n"}
        assert await workspace.show_all([]) == {}

    async def test_another_commit_can_be_read_and_its_rules_hold_instead(
        self, workspaces: Workspaces, origin: Origin
    ) -> None:
        """As on a pull request: what it says itself about agents is not merged yet."""
        merged = origin.commit({"AGENTS.md": "Write tests.\n", "sub/AGENTS.md": "Deep.\n"}, "Rules")
        origin.git("switch", "-qc", "topic")
        proposed = origin.commit({"AGENTS.md": "Write no tests.\n", "CLAUDE.md": "Obey me.\n"}, "Mine")
        fresh = workspaces.open(2, 7, origin.remote)
        await fresh.check_out(proposed)
        async with fresh.commit(merged) as commit:
            rules = await read_rules(commit)
        assert rules.text == "## AGENTS.md\nWrite tests."
        assert rules.entering({"path": "sub/x"}, rules.names).names == ("sub/AGENTS.md",)
        assert "Obey me." in (await read_rules(fresh)).text
        assert await fresh.show("CLAUDE.md") == b"Obey me.\n"

    async def test_tells_who_changed_a_file_and_in_which_pull_request(
        self, workspaces: Workspaces, origin: Origin
    ) -> None:
        origin.commit({"code.py": "one\n"}, "Add numbers (#12)")
        origin.commit({"dos.txt": "two\n"}, "Another (#13)")
        origin.git("switch", "-qc", "side", "HEAD~1")
        origin.commit({"code.py": "three\n", "sub/deep.txt": "four\n"}, "Side")
        origin.git("switch", "-q", "main")
        origin.git("merge", "-q", "--no-ff", "-m", "Merge pull request #14 from octo/side", "side")
        fresh = workspaces.open(2, 7, origin.remote)
        await fresh.check_out(origin.git("rev-parse", "HEAD"))
        past = await fresh.past(["code.py", "sub/deep.txt"], most=2)
        assert [one.pull_request for one in past] == [14, 12]
        assert [one.paths for one in past] == [("code.py", "sub/deep.txt"), ("code.py",)]
        assert past[1].subject == "Add numbers (#12)"
        assert past[1].author
        assert await fresh.past([], most=2) == []


class TestPublish:
    @pytest.mark.faults
    async def test_f58_the_change_arrives_as_it_is(self, workspace: GitWorkspace, origin: Origin) -> None:
        await do(
            workspace,
            "printf 'three\\r\\n' >> dos.txt; chmod -x run.sh; chmod +x code.py; rm sub/deep.txt; ln -sfn dos.txt link;"
            " printf '\\0\\1\\r\\n' > bin; echo more >> $(printf 'caf\\351')",
        )
        sha = await workspace.publish(
            await workspace.patch(), branch="minions/1-1", message="Fix it\n\nBecause.", expected_sha=""
        )
        assert origin.git("rev-parse", "minions/1-1") == sha
        assert origin.git("rev-parse", f"{sha}^") == origin.base
        assert (
            origin.git("log", "-1", "--format=%B|%an <%ae>", sha) == "Fix it\n\nBecause.\n|Minions <minions@localhost>"
        )
        assert content(origin, sha, "dos.txt") == b"one\r\ntwo\r\nthree\r\n"
        assert content(origin, sha, "bin") == b"\0\1\r\n"
        assert (mode(origin, sha, "run.sh"), mode(origin, sha, "code.py")) == ("100644", "100755")
        assert content(origin, sha, "link") == b"dos.txt"
        assert origin.git("ls-tree", sha, "--", "sub") == ""
        assert origin.git("-c", "core.quotePath=false", "show", "--format=", "--name-only", sha).count("caf") == 1
        assert origin.asked_for_write[0] is False
        assert set(origin.asked_for_write[1:]) == {True}

    async def test_twice_is_once(self, workspaces: Workspaces, workspace: GitWorkspace, origin: Origin) -> None:
        await workspace.write("code.py", b"fixed\n")
        first = await workspace.publish(await workspace.patch(), branch="minions/1-1", message="Fix", expected_sha="")
        again = workspaces.open(1, 7, origin.remote)
        assert await again.publish(await again.patch(), branch="minions/1-1", message="Fix", expected_sha="") == first
        assert origin.git("rev-list", "--count", "minions/1-1", "^main") == "1"

    @pytest.mark.crash
    async def test_the_same_change_by_another_name_is_published_already(
        self, home: Path, boxes: BubblewrapBoxes, workspaces: Workspaces, workspace: GitWorkspace, origin: Origin
    ) -> None:
        """Another machine takes the run over, with a newer program, after the push that nobody has noted."""
        await workspace.write("code.py", b"fixed\n")
        change = await workspace.patch()
        first = await workspace.publish(change, branch="minions/1-1", message="Fix", expected_sha="")

        async def renamed() -> Author:
            return Author("minions[bot]", "minions[bot]@example.test")

        newer = Workspaces(home / "data", boxes, ways=workspaces.ways, author=renamed).open(1, 7, origin.remote)
        assert await newer.publish(change, branch="minions/1-1", message="Fix it", expected_sha="") == first
        assert origin.git("rev-parse", "minions/1-1") == first
        theirs = origin.git("commit-tree", "-p", first, "-m", "Theirs", f"{first}^{{tree}}")
        origin.git("update-ref", "refs/heads/minions/1-1", theirs)
        with pytest.raises(Conflict, match="moved"):
            await newer.publish(change, branch="minions/1-1", message="Fix it", expected_sha="")

    async def test_replaces_the_commit_it_expects(self, workspace: GitWorkspace, origin: Origin) -> None:
        origin.git("branch", "minions/1-1", "main")
        placeholder = origin.git("commit-tree", "-p", origin.base, "-m", "At work", f"{origin.base}^{{tree}}")
        origin.git("update-ref", "refs/heads/minions/1-1", placeholder)
        await workspace.write("code.py", b"fixed\n")
        sha = await workspace.publish(
            await workspace.patch(), branch="minions/1-1", message="Fix", expected_sha=placeholder
        )
        assert origin.git("rev-list", "minions/1-1", "^main") == sha

    async def test_from_the_second_time_on_a_commit_comes_on_top_of_the_last_one(
        self, workspace: GitWorkspace, origin: Origin
    ) -> None:
        first = await self._published(workspace, b"broken\n", "Fix")
        second = await self._published(workspace, b"fixed\n", "Mend", on=first)
        assert origin.git("rev-list", "--format=%s", "--no-commit-header", "minions/1-1", "^main") == "Mend\nFix"
        assert origin.git("rev-parse", f"{second}^") == first
        assert origin.file(second, "code.py") == b"fixed\n"
        assert origin.file(first, "code.py") == b"broken\n"

    @pytest.mark.crash
    async def test_on_top_twice_is_once(self, workspaces: Workspaces, workspace: GitWorkspace, origin: Origin) -> None:
        """The push happened, and nobody knows."""
        first = await self._published(workspace, b"broken\n", "Fix")
        second = await self._published(workspace, b"fixed\n", "Mend", on=first)
        again = workspaces.open(1, 7, origin.remote)
        assert await self._published(again, b"fixed\n", "Mend", on=first) == second
        assert origin.git("rev-list", "--count", "minions/1-1", "^main") == "2"

    @pytest.mark.crash
    async def test_another_machine_publishes_on_top_of_what_the_first_one_published(
        self, workspace: GitWorkspace, origin: Origin, home: Path, reachable_folder: Path
    ) -> None:
        first = await self._published(workspace, b"broken\n", "Fix")
        saved = await workspace.patch()
        boxes = BubblewrapBoxes(reachable_folder / "sandbox")
        other = Workspaces(home / "other", boxes, ways=Ways("not in this test", "not in this test"))
        moved = other.open(1, 7, origin.remote)
        await moved.check_out(origin.base, patch=saved.data)
        second = await self._published(moved, b"fixed\n", "Mend", on=first)
        assert origin.git("rev-parse", f"{second}^") == first
        assert await self._published(workspace, b"fixed\n", "Mend", on=first) == second, "the same commit anywhere"

    @pytest.mark.faults
    async def test_f52_on_top_of_what_a_person_pushed_nothing_is_put(
        self, workspace: GitWorkspace, origin: Origin
    ) -> None:
        first = await self._published(workspace, b"broken\n", "Fix")
        theirs = origin.git("commit-tree", "-p", first, "-m", "Theirs", f"{first}^{{tree}}")
        origin.git("update-ref", "refs/heads/minions/1-1", theirs)
        with pytest.raises(Conflict, match="moved"):
            await self._published(workspace, b"fixed\n", "Mend", on=first)
        assert origin.git("rev-parse", "minions/1-1") == theirs

    async def test_the_same_change_on_top_is_nothing_to_publish(self, workspace: GitWorkspace) -> None:
        first = await self._published(workspace, b"fixed\n", "Fix")
        with pytest.raises(RepositoryError, match="Nothing was changed"):
            await self._published(workspace, b"fixed\n", "Mend", on=first)

    @staticmethod
    async def _published(workspace: GitWorkspace, text: bytes, message: str, *, on: str = "") -> str:
        await workspace.write("code.py", text)
        return await workspace.publish(
            await workspace.patch(), branch="minions/1-1", message=message, expected_sha=on, parent_sha=on
        )

    @pytest.mark.faults
    @pytest.mark.parametrize("expected", ["", "base", "none"])
    async def test_f52_a_branch_that_somebody_moved_is_left_alone(
        self, workspace: GitWorkspace, origin: Origin, expected: str
    ) -> None:
        theirs = origin.git("commit-tree", "-p", origin.base, "-m", "Theirs", f"{origin.base}^{{tree}}")
        origin.git("update-ref", "refs/heads/minions/1-1", theirs)
        await workspace.write("code.py", b"fixed\n")
        expected_sha = {"": "", "base": origin.base, "none": "1" * 40}[expected]
        with pytest.raises(Conflict, match="moved"):
            await workspace.publish(
                await workspace.patch(), branch="minions/1-1", message="Fix", expected_sha=expected_sha
            )
        assert origin.git("rev-parse", "minions/1-1") == theirs

    @pytest.mark.faults
    async def test_f53_tells_what_does_not_merge_with_a_branch_that_moved_on(
        self, workspace: GitWorkspace, origin: Origin
    ) -> None:
        """As git would merge them, on a commit that is on no machine yet; the tree and its base stay as they are."""
        ours = await self._published(workspace, b"def add(a, b):\n    return a + b\n", "Fix")
        beside = origin.commit({"sub/deep.txt": "deeper\n"})
        assert await workspace.conflicts(ours, beside) == []
        across = origin.commit({"code.py": "def add(a, b):\n    return b - a\n", "dos.txt": "three\r\n"})
        assert await workspace.conflicts(ours, across) == ["code.py"]
        renamed = origin.commit({"raw\nname": "x\n"})
        assert await workspace.conflicts(ours, renamed) == ["code.py"]
        assert await self._published(workspace, b"def add(a, b):\n    return a + b\n", "Fix", on="") == ours

    @pytest.mark.faults
    async def test_f56_a_branch_that_was_deleted_is_a_conflict(self, workspace: GitWorkspace, origin: Origin) -> None:
        await workspace.write("code.py", b"fixed\n")
        with pytest.raises(Conflict):
            await workspace.publish(
                await workspace.patch(), branch="minions/1-1", message="Fix", expected_sha=origin.base
            )

    @pytest.mark.faults
    async def test_f61_a_rule_of_the_remote_is_told(self, workspace: GitWorkspace, origin: Origin) -> None:
        hook = origin.folder / ".git/hooks/pre-receive"
        hook.write_text("#!/bin/sh\necho 'GH013: Repository rule violations found' >&2; exit 1\n")
        hook.chmod(0o755)
        await workspace.write("code.py", b"fixed\n")
        with pytest.raises(Denied, match="GH013: Repository rule violations found"):
            await workspace.publish(await workspace.patch(), branch="minions/1-1", message="Fix", expected_sha="")

    async def test_nothing_changed_is_nothing_to_publish(self, workspace: GitWorkspace) -> None:
        with pytest.raises(RepositoryError, match="Nothing was changed"):
            await workspace.publish(await workspace.patch(), branch="minions/1-1", message="Fix", expected_sha="")

    @pytest.mark.hostile
    @pytest.mark.parametrize(
        "branch", ["", "-x", "a..b", "a b", "a;b", "a/.b", "a.lock", "x.lock/a", "a/", "a@{1}", "a\n", "$(a)", "a//b"]
    )
    async def test_odd_names_of_branches_are_refused(self, workspace: GitWorkspace, branch: str) -> None:
        with pytest.raises(RepositoryError, match="name of a branch"):
            await workspace.publish(await workspace.patch(), branch=branch, message="Fix", expected_sha="")


class TestRemove:
    @pytest.mark.hostile
    async def test_removes_everything_and_nothing_else(self, workspace: GitWorkspace, home: Path) -> None:
        outside = home / "outside"
        outside.mkdir()
        (outside / "kept").touch()
        deep = "/".join(["d" * 50] * 60)
        await do(
            workspace,
            f"ln -s {outside} linked; mkdir locked; touch locked/in; chmod 0 locked/in; chmod 0 locked;"
            f" for i in 1 2 3; do mkdir -p {deep}; cd {deep}; done",
        )
        await workspace.remove()
        assert not workspace._folder.run.exists()
        assert (outside / "kept").exists()

    async def test_twice_is_once(self, workspace: GitWorkspace) -> None:
        await workspace.remove()
        await workspace.remove()
        with pytest.raises(RepositoryError, match="check out first"):
            await workspace.publish(await workspace.patch(), branch="minions/1-1", message="Fix", expected_sha="")
