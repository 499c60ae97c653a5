import subprocess
from pathlib import Path

import pytest

from app.adapters.local import LocalForge
from app.core.errors import RepositoryError


def git(repository: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Person", "-c", "user.email=person@example.org")
    command = ["git", "-C", str(repository), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.hostile
async def test_looking_at_a_repository_runs_no_program_that_it_names(tmp_path: Path) -> None:
    repository, program = tmp_path / "repository", tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\nexit 1\n")
    program.chmod(0o755)
    repository.mkdir()
    git(repository, "init", "--quiet", "--initial-branch=main")
    git(repository, "commit", "--quiet", "--allow-empty", "--message", "base")
    sha = git(repository, "rev-parse", "HEAD")
    settings = {
        "core.repositoryFormatVersion": "1",
        "extensions.partialClone": "origin",
        "remote.origin.promisor": "true",
        "remote.origin.url": "ssh://nobody@nowhere.test/x",
        "protocol.ssh.allow": "always",
        "core.sshCommand": str(program),
        "core.fsmonitor": str(program),
    }
    for name, value in settings.items():
        git(repository, "config", name, value)
    (repository / ".git/objects" / sha[:2] / sha[2:]).unlink()
    with pytest.raises(RepositoryError):
        await LocalForge(repository, tmp_path / "report.md").default_head()
    assert not (tmp_path / "ran").exists()
