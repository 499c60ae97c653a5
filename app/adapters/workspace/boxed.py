"""The git commands that touch the tree. They run in the box, like everything else that does.

The git folder they use, `/git`, is bound into the box for these commands only: what the minion runs never sees it. It
has the mirror's objects at `/objects`, read-only. The minion gets a small repository of its own in `/repo/.git`: one
commit, no history, no remote.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from app.adapters.sandbox.box import Mounts
from app.adapters.sandbox.bubblewrap.boxes import BubblewrapBoxes
from app.adapters.sandbox.ended import Ended
from app.adapters.sandbox.root import HOME, REPO, SYSTEM_PATH
from app.adapters.workspace import sparse
from app.core.errors import RepositoryError
from app.core.layout import Layout

GIT: Final = "/git"
OBJECTS: Final = "/objects"

CHECK_OUT: Final = """
set -e
git read-tree "$1"
skip
held | git checkout-index -z --stdin --force --quiet
made=$(git show --no-patch --format=%ct "$1"); recent=$(($(date +%s) - 60))
held | (cd /repo && xargs -0 -r touch --no-dereference --date=@$((made < recent ? made : recent)))
git update-index -q --refresh
base=$(git commit-tree -m base "$1^{tree}")
env -u GIT_WORK_TREE GIT_DIR=/repo/.git git init --quiet --template= --initial-branch=main
git --git-dir=/repo/.git config user.name minion
git --git-dir=/repo/.git config user.email minion@localhost
echo "$base" | GIT_ALTERNATE_OBJECT_DIRECTORIES=/git/objects \\
  git --git-dir=/repo/.git pack-objects --quiet --revs --window=0 /repo/.git/objects/pack/pack > /dev/null
git --git-dir=/repo/.git update-ref refs/heads/main "$base"
cp /git/index /repo/.git/index
tell
git ls-files -z --stage | { LC_ALL=C grep -az '^160000' || true; } | LC_ALL=C cut -z -f2- \\
  | git update-index -z --skip-worktree --stdin
cp --preserve=timestamps /git/index /git/base-index
"""
"""Files come from objects that were fetched, the minion's repository from the same objects: nothing is hashed again.

They are as old as the commit. Git reads again each file that is as young as its index, at every look at the tree; and a
change within the second in which the file was made would otherwise not be seen.

Git asks a repository in the tree that its index knows what changed in it, by a `git status` there, which runs the
programs that this repository's configuration names. So submodules are passed over, and every look at the tree begins
with the index of the base, which knows no other. Its time is kept: by that git tells which files it must read again.
"""

APPLY: Final = """
set -e
cat > /tmp/patch
bring /tmp/patch
git apply -z --numstat /tmp/patch | LC_ALL=C cut -z -f3- | LC_ALL=C sort -zu \\
  | LC_ALL=C comm -z -23 - <(GIT_INDEX_FILE=/git/base-index git ls-files -z | LC_ALL=C sort -z) \\
  | (cd /repo && xargs -0 -r rm -rf --)
exec git apply --whitespace=nowarn /tmp/patch
"""
"""What set-up made where the patch has a new file gives way: the change was seen in a tree that was set up as well."""

RESTORE: Final = """
set -e
cp --preserve=timestamps /git/base-index /git/index
git ls-files -z --modified | git checkout-index -z --force --quiet --stdin
strays | (cd /repo && xargs -0 -r rm -f --)
"""
"""`--modified` names what was deleted, too."""

RESTORE_THESE: Final = """
set -e
LC_ALL=C sort -zu > /tmp/wanted
cp --preserve=timestamps /git/base-index /git/index
held | LC_ALL=C sort -z > /tmp/held
LC_ALL=C comm -z -23 /tmp/wanted /tmp/held | (cd /repo && xargs -0 -r rm -rf --)
LC_ALL=C comm -z -12 /tmp/wanted /tmp/held | git checkout-index -z --force --quiet --stdin
"""

DIFF: Final = """
exec 9> /git/lock; flock 9
if [ -e /git/index.lock ]; then rm -f /git/index.lock; fi
cp --preserve=timestamps /git/base-index /git/index
if [ -e /git/skipped ]; then strays | git update-index -z --no-skip-worktree --stdin; fi
git add --all > /tmp/said 2>&1 & adding=$!
{
  sleep 1
  odd=$(find /repo -name .git -prune -o -name '.git[aim]*' ! -type f ! -type l ! -type d -print -quit)
  if [ -n "$odd" ]; then echo "$odd is neither a file nor a folder" > /tmp/odd; kill -9 $adding; fi
} > /dev/null 2>&1 & looking=$!
wait $adding; added=$?
kill $looking 2> /dev/null
if [ -e /tmp/odd ]; then cat /tmp/odd; exit 1; fi
if [ $added != 0 ]; then cat /tmp/said; exit 1; fi
raw=$(git diff-index --cached --raw --no-renames --no-abbrev "$1")
if [ -z "$raw" ]; then exit 0; fi
sum=0
while read -r size; do if [[ $size =~ ^[0-9]{1,15}$ ]]; then sum=$((sum + size)); fi; done < <(
  while read -r _ _ _ new _; do echo "$new"; done <<< "$raw" | git cat-file --batch-check='%(objectsize)')
if [ $sum -gt $2 ]; then echo $sum; exit 27; fi
exec git diff-index --cached -p --binary --full-index --no-renames --no-ext-diff --no-textconv --no-color "$1"
"""
"""One at a time; a lock that git itself left behind is from a box that was killed. Git would wait for ever for somebody
to write in a pipe that has the name of one of its own files: one is looked for when a second has not been enough.

Files are added up before they are written as a patch, in which gigabytes of zeros are small.
"""
TOO_LARGE: Final = 27
"""Exit code of the script above; git has none like it."""

ENVIRONMENT: Final = {
    "PATH": SYSTEM_PATH,  # nothing of the tree
    "HOME": HOME,
    "LC_ALL": "C.UTF-8",
    "GIT_DIR": GIT,
    "GIT_WORK_TREE": REPO,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "minion",
    "GIT_AUTHOR_EMAIL": "minion@localhost",
    "GIT_COMMITTER_NAME": "minion",
    "GIT_COMMITTER_EMAIL": "minion@localhost",
}

LEFT_BY_TOOLS: Final = (
    *("__pycache__/", "*.py[cod]", "*.egg-info/", ".venv/", ".tox/", ".nox/", ".coverage", ".hypothesis/"),
    *(".pytest_cache/", ".mypy_cache/", ".ruff_cache/", "node_modules/", ".npm/", ".gradle/", ".DS_Store"),
)
"""Never part of a change, even where a repository forgot to ignore them. Files that it tracks are not affected."""

DIFF_BYTES: Final = 50 * 1024 * 1024
"""The largest change that is looked at, as a patch and as files; guards refuse much smaller ones, with better words."""


class BoxedGit:
    """Git for one tree. `folder` is its git folder, `objects` the mirror's objects."""

    def __init__(self, boxes: BubblewrapBoxes, tree: Path, folder: Path, objects: Path) -> None:
        self._boxes = boxes
        self._folder = folder
        self._mounts = Mounts({REPO: tree, GIT: folder}, {OBJECTS: objects})

    def prepare(self, layout: Layout, paths: Iterable[bytes]) -> None:
        """Write the git folder for a tree that holds this much of the commit, whose files are `paths`. Blocks."""
        for part in ("objects/info", "refs", "info"):
            (self._folder / part).mkdir(parents=True)
        (self._folder / "HEAD").write_text("ref: refs/heads/none\n")
        (self._folder / "config").write_text(
            "[core]\n\trepositoryformatversion = 0\n\tbare = false\n[gc]\n\tauto = 0\n"
        )
        (self._folder / "objects/info/alternates").write_text(f"{OBJECTS}\n")
        (self._folder / "info/exclude").write_text("\n".join(LEFT_BY_TOOLS) + "\n")
        sparse.write(self._folder, layout, paths)

    async def check_out(self, sha: str) -> None:
        """Fill the empty tree. Raises RepositoryError if the commit cannot be laid out."""
        ended = await self._run(CHECK_OUT, sha, timeout_s=600)
        if ended.exit_code:
            raise RepositoryError(f"The work tree of {sha} cannot be made: {ended.text[-1000:].strip()}")

    async def apply(self, patch: bytes) -> None:
        """Change the tree. Raises RepositoryError if the patch does not fit."""
        ended = await self._run(APPLY, stdin=patch, timeout_s=300)
        if ended.exit_code:
            raise RepositoryError(f"The saved change does not fit the work tree: {ended.text[-1000:].strip()}")

    async def restore(self, paths: Iterable[str] | None = None) -> None:
        """Give these files, or all of the repository's own, back as they were; raises RepositoryError if it cannot."""
        if paths is None:
            ended = await self._run(RESTORE, timeout_s=300)
        else:
            named = b"".join(os.fsencode(path) + b"\0" for path in paths)
            ended = await self._run(RESTORE_THESE, stdin=named, timeout_s=300)
        if ended.exit_code:
            raise RepositoryError(f"What was changed cannot be restored: {ended.text[-1000:].strip()}")

    async def diff(self, sha: str) -> bytes:
        """The change of the tree against `sha`. Data of a stranger: parse it with care.

        Raises RepositoryError if git cannot read the tree, or if there is too much.
        """
        ended = await self._run(DIFF, sha, str(DIFF_BYTES), keep=DIFF_BYTES, timeout_s=300)
        if ended.timed_out:
            raise RepositoryError("The change is too large to look at: git did not end within 300 seconds")
        if ended.exit_code == TOO_LARGE:
            raise _too_large(int(ended.text))
        if ended.exit_code:
            said = ended.text[:1000].strip() or f"it ended with exit code {ended.exit_code}"
            raise RepositoryError(f"Git cannot read the work tree: {said}")
        if ended.left_out_bytes:
            raise _too_large(DIFF_BYTES + ended.left_out_bytes)
        return ended.head + ended.tail

    async def _run(
        self, script: str, *words: str, timeout_s: float, stdin: bytes = b"", keep: int = 64 * 1024
    ) -> Ended:
        return await self._boxes.execute(
            ["/bin/bash", "-c", sparse.FUNCTIONS + script, "git", *words],
            self._mounts,
            environment=ENVIRONMENT,
            timeout_s=timeout_s,
            stdin=stdin,
            keep=keep,
        )


def _too_large(size: int) -> RepositoryError:
    return RepositoryError(
        f"The change is too large to look at: {size // 1_000_000} MB; ignore what tools have generated"
    )
