"""How a repository comes to be: from nothing, from a folder, or from another repository."""

import sys
from datetime import datetime
from pathlib import Path

from app.demo.github import receive
from app.demo.github.plumbing import Git

SETTINGS = """
[receive]
	procReceiveRefs = refs/
	autogc = false
[http]
	receivepack = true
[uploadpack]
	allowAnySHA1InWant = true
	allowFilter = true
[gc]
	auto = 0
"""
"""Pushes go through the hook below, any commit may be fetched as on GitHub, and nothing is tidied up in between."""
AUTHOR = {"NAME": "Loopback", "EMAIL": "loopback@example.invalid"}


def start(path: Path, folder: Path | None, branch: str, when: datetime) -> None:
    """Make a bare repository; the files of `folder`, if given, become its first commit."""
    git = Git(path)
    git.call("init", "--quiet", "--bare", "--template=", f"--initial-branch={branch}", str(path))
    if folder is None:
        return
    who = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in AUTHOR.items()}
    env = {
        **who,
        "GIT_AUTHOR_DATE": when.isoformat(),
        "GIT_COMMITTER_DATE": when.isoformat(),
        "GIT_WORK_TREE": str(folder.resolve()),
        "GIT_INDEX_FILE": str(path / "seed-index"),
    }
    git.call("-c", "core.bare=false", "add", "--all", "--force", ".", env=env)
    tree = git.call("write-tree", env=env).decode().strip()
    commit = git.call("commit-tree", tree, stdin=b"First commit\n", env=env).decode().strip()
    git.call("update-ref", f"refs/heads/{branch}", commit)
    (path / "seed-index").unlink()


def clone(path: Path, source: Path, branch: str) -> None:
    """Copy a repository with its branches and tags. Raises ValueError if it has no such branch."""
    git = Git(path)
    git.call("clone", "--quiet", "--bare", "--no-local", "--template=", str(source.resolve()), str(path))
    git.call("remote", "remove", "origin")
    if f"refs/heads/{branch}" not in git.call("for-each-ref", "--format=%(refname)").decode().split():
        raise ValueError(f"{source} has no branch {branch!r}: give default_branch the name of one that it has")
    git.call("symbolic-ref", "HEAD", f"refs/heads/{branch}")


def hook(path: Path) -> None:
    """Let git ask us about every push to a branch or tag before it moves the ref."""
    script = path / "hooks" / "proc-receive"
    script.parent.mkdir(exist_ok=True)
    # A shell line rather than a `#!` of its own: an interpreter's path may be too long for one.
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -I -S "{Path(receive.__file__).resolve()}"\n')
    script.chmod(0o755)
    with (path / "config").open("a") as config:
        config.write(SETTINGS)
