"""A tree that holds a part of its commit: what git in the box is told about the rest.

Files that are left out have git's mark `skip-worktree` in each index of the tree, so they never count as deleted. Git
passes over a marked file even where somebody wrote one of that name; such a file is a change like any other here, for
guards to refuse: a minion has not seen what it would replace.

In the git folder lie `skipped`, the paths of the files that are left out, in order; `left-out`, the topmost folders
that are; and `patterns`, the same for the minion's own repository. None of them is there if nothing is left out.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from app.core.layout import Layout

FUNCTIONS: Final = """
skip() {  # mark what is left out
  if [ -e /git/skipped ]; then git update-index -z --skip-worktree --stdin < /git/skipped; fi
}
held() {  # name the files that are not left out, which is what git's letter H says
  git ls-files -z -t | { LC_ALL=C grep -az '^H ' || true; } | LC_ALL=C cut -z -c3-
}
strays() {  # name the files that are left out and yet in the tree
  if [ ! -e /git/skipped ]; then return; fi
  (cd /repo && xargs -0 -a /git/left-out bash -c '
    for f; do if [ -d "./$f" ] && [ ! -L "./$f" ]; then find "./$f" ! -type d -print0; fi; done' bash) \\
    | LC_ALL=C cut -z -c3- | LC_ALL=C sort -z | LC_ALL=C comm -z -12 - /git/skipped
}
bring() {  # lay out what this patch changes, though it be left out: the patch would not fit otherwise
  if [ ! -e /git/skipped ]; then return; fi
  git apply -z --numstat "$1" | LC_ALL=C cut -z -f3- | LC_ALL=C sort -z \\
    | LC_ALL=C comm -z -12 - /git/skipped > /tmp/touched
  git update-index -z --no-skip-worktree --stdin < /tmp/touched
  git checkout-index -z --force --quiet --stdin < /tmp/touched
}
tell() {  # tell the minion's own repository, so that `git status` says it, too
  if [ ! -e /git/skipped ]; then return; fi
  git --git-dir=/repo/.git config core.sparseCheckout true
  git --git-dir=/repo/.git config core.sparseCheckoutCone true
  mkdir -p /repo/.git/info
  cp /git/patterns /repo/.git/info/sparse-checkout
}
"""
"""For bash, in the box. Without these files they do nothing."""


def write(git: Path, layout: Layout, paths: Iterable[bytes]) -> None:
    """Write the three files into the git folder of an empty tree; `paths` are all of the commit. Blocks."""
    skipped, folders = layout.split(os.fsdecode(path) for path in paths)
    if skipped:
        (git / "skipped").write_bytes(b"".join(path + b"\0" for path in sorted(map(os.fsencode, skipped))))
        (git / "left-out").write_bytes(b"".join(os.fsencode(folder) + b"\0" for folder in folders))
        (git / "patterns").write_text(layout.patterns())
