"""A patch is read by its own files where they are few; it comes to what it comes to in the whole commit."""

import subprocess
from collections.abc import Awaitable
from pathlib import Path

import pytest

from app.adapters.workspace.clean import NAMES_BYTES, Clean
from app.core.errors import RepositoryError
from app.core.patch import Patch

CAFE = 'caf\udce9 "x"\ty\n'
"""A name with raw bytes, quotes, a tab and the end of a line."""


class Repository:
    """A repository on the host: git in its folder, and what reads patches of its base."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "origin"
        self.folder.mkdir()
        self.git("init", "--quiet", "--initial-branch=main")
        (self.folder / "a/b").mkdir(parents=True)
        (self.folder / "a/b/deep.txt").write_text("deep\n")
        (self.folder / "a/other.txt").write_text("other\n")
        (self.folder / "file").write_text("one\ntwo\nthree\n")
        (self.folder / "link").symlink_to("a")
        (self.folder / "bytes").write_bytes(b"\0\1\2")
        Path(self.folder, CAFE).write_text("latin\n")
        self.git("add", "--all")
        self.git("update-index", "--add", "--cacheinfo", f"160000,{'1' * 40},sub")
        self.git("commit", "--quiet", "--message", "base")
        self.base = self.git("rev-parse", "HEAD").strip()
        self.clean = Clean(self.folder / ".git", folder / "clean", folder / "base-index")
        self.whole = folder / "base-index"

    def git(self, *arguments: str) -> str:
        identity = ("-c", "user.name=Person", "-c", "user.email=person@example.org")
        command = ["git", "-C", str(self.folder), *identity, *arguments]
        return subprocess.run(command, check=True, capture_output=True).stdout.decode(errors="surrogateescape")

    def change(self, script: str) -> bytes:
        """What git writes down after a script has changed the files."""
        subprocess.run(["bash", "-ec", script], check=True, cwd=self.folder, capture_output=True)
        self.git("add", "--all", "--", ":!sub")
        form = ("--cached", "--binary", "--full-index", "--no-renames")
        return self.git("diff-index", "-p", *form, self.base).encode(errors="surrogateescape")

    async def in_the_whole(self, patch: bytes) -> Patch:
        """What a patch comes to, without a short way."""
        return await self.clean.describe(self.base, await self.clean.apply(self.base, patch))


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


@pytest.mark.parametrize(
    "script",
    [
        "echo more >> file; echo more >> a/b/deep.txt",
        "rm file a/other.txt",
        "mkdir -p x/y; echo new > x/y/new.txt; echo new > 'odd \"name'",
        "rm file; mkdir file; echo below > file/below",
        "rm -r a; echo file > a",
        "rm link; mkdir link; echo x > link/x",
        "chmod +x file; ln -sf elsewhere link",
        "printf '\\0\\3' > bytes; printf '\\0' > more-bytes",
        "printf x > empty; : > empty; : > \"$(printf 'raw \\351')\"",
        "echo more >> caf*",
        "find . -maxdepth 1 -type f -delete",
    ],
)
async def test_what_git_wrote(repository: Repository, script: str) -> None:
    patch = repository.change(script)
    read = await repository.clean.read(repository.base, patch)
    assert not repository.whole.exists()
    assert read == await repository.in_the_whole(patch)
    assert read.data == patch


async def test_nothing_changes_nothing(repository: Repository) -> None:
    assert (await repository.clean.read(repository.base, b"")).is_empty


NEW = """diff --git a/{0} b/{0}
new file mode 100644
--- /dev/null
+++ b/{0}
@@ -0,0 +1 @@
+new
"""


@pytest.mark.hostile
@pytest.mark.parametrize(
    "patch",
    [
        *(NEW.format(path) for path in ("a", "file", "file/below", "link/x", "sub", "sub/x", ".git/config", "../up")),
        *(NEW.format(path) for path in ("a/.git/config", "a/b/new", "/etc/passwd", "a//b", "a/../c", "./x", "")),
        NEW.format("twice") * 2,
        NEW.format("x") + NEW.format("x/y"),
        NEW.format("x/y") + NEW.format("x"),
        "diff --git a/file b/moved\nsimilarity index 100%\nrename from file\nrename to moved\n",
        "diff --git a/file b/copy\nsimilarity index 100%\ncopy from file\ncopy to copy\n",
        "diff --git a/a/other.txt b/a\nsimilarity index 100%\nrename from a/other.txt\nrename to a\n",
        "diff --git a/nothing b/nothing\ndeleted file mode 100644\n--- a/nothing\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n",
        "diff --git a/file b/file\nold mode 100644\nnew mode 100755\n",
        "diff --git a/file b/file\nold mode 100644\nnew mode 120000\n",
        "--- a/file\n+++ b/file\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n",
        "--- a/file\n+++ b/file\n@@ -1,3 +1,3 @@\n 1\n-two\n+2\n three\n",
        "this is no patch\n",
        "\0",
    ],
)
async def test_what_git_would_not_write(repository: Repository, patch: str) -> None:
    data = patch.encode()
    assert await told(repository.clean.read(repository.base, data)) == await told(repository.in_the_whole(data))


async def told(reading: Awaitable[Patch]) -> Patch | str:
    """What a patch comes to, or why git does not take it."""
    try:
        return await reading
    except RepositoryError as error:
        return str(error)


async def test_names_that_no_argument_list_holds_take_the_long_way(repository: Repository) -> None:
    names = [f"{number}-{'d' * 200}" for number in range(NAMES_BYTES // 200)]
    read = await repository.clean.read(repository.base, "".join(map(NEW.format, names)).encode())
    assert repository.whole.exists()
    assert [file.path for file in read.files] == sorted(names)


@pytest.mark.hostile
@pytest.mark.parametrize("name", ["n" * 200_000, "/".join("n" * 2_000)])
async def test_a_name_that_no_system_takes_is_refused_or_described(repository: Repository, name: str) -> None:
    data = NEW.format(name).encode()
    assert await told(repository.clean.read(repository.base, data)) == await told(repository.in_the_whole(data))
