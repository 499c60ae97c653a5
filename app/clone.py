"""Copies of repositories that are made to be thrown away, and git in them: no setting of anybody else's counts."""

import os
import subprocess
from pathlib import Path
from typing import Final

from app.core.errors import RepositoryError
from app.core.forge import Remote

_TALK_S: Final = 900.0
"""A repository of some gigabytes takes minutes."""


def clone(remote: Remote, place: Path, *options: str) -> None:
    """Make `place` a clone with these options of `git clone`. Raises RepositoryError."""
    done = git(place.parent, "clone", "--quiet", *options, remote.url, str(place), **_secret(remote))
    if done.returncode:
        raise RepositoryError(f"{place.name} cannot be cloned: {done.stderr.decode(errors='replace').strip()[-500:]}")


def fetch(remote: Remote, place: Path, sha: str) -> bool:
    """Have a commit in the clone, whether or not a branch leads to it; answer whether it is there now."""
    if not is_commit(place, sha):
        git(place, "fetch", "--quiet", "--no-tags", remote.url, sha, **_secret(remote))
    return is_commit(place, sha)


def is_commit(place: Path, sha: str) -> bool:
    """Whether the clone has this commit."""
    return not git(place, "cat-file", "-e", f"{sha}^{{commit}}").returncode


def said(folder: Path, *words: str) -> str:
    """What a git command prints, without white space around it; empty if it fails."""
    done = git(folder, *words)
    return "" if done.returncode else done.stdout.decode(errors="replace").strip()


def git(folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess[bytes]:
    """Run git in a folder, with `more` in its environment. It never asks; what takes too long has failed."""
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ALLOW_PROTOCOL": "https:http:file",
        "LC_ALL": "C",
    }
    command = ["git", "-c", "core.fsmonitor=false", *words]
    try:
        return subprocess.run(
            command, cwd=folder, env=environment | more, check=False, capture_output=True, timeout=_TALK_S
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 124, b"", f"it took more than {_TALK_S:.0f} s".encode())


def _secret(remote: Remote) -> dict[str, str]:
    """By variables, which others on the machine cannot read, unlike the words of a command."""
    return {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "http.extraHeader", "GIT_CONFIG_VALUE_0": remote.header}
