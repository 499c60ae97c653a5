"""Play a blueprint with a script for a model, for its test: real boxes, gates and git, no account and no key."""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from app.demo import models
from app.demo.script import Script, load

_GIT: Final = ("git", "-c", "user.name=Rehearsal", "-c", "user.email=rehearsal@localhost", "-c", "commit.gpgsign=false")


@dataclass(frozen=True)
class Rehearsal:
    """What came of it."""

    code: int
    """0 if there is a change on a branch."""
    said: str
    """Everything that `minions run` printed."""
    files: Mapping[str, str] = field(default_factory=dict)
    """What the change made of files, by path; empty if there is none."""


def rehearse(blueprint: str, *, folder: Path, script: Path, files: Mapping[str, str], task: str) -> Rehearsal:
    """Run `blueprint` of `folder` on a new repository that holds `files`, for `task`; the model plays `script`."""
    with tempfile.TemporaryDirectory(prefix="minions-rehearsal-") as place:
        repository = Path(place) / "repository"
        for name, text in files.items():
            path = repository / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        _git(repository, "init", "--quiet", "--initial-branch", "main")
        _git(repository, "add", "--all")
        _git(repository, "commit", "--quiet", "--message", "Begin")
        own = {
            "MINIONS_HOME": str(repository.parent / "home"),
            "MINIONS_BLUEPRINTS_FOLDER": str(folder.resolve()),
            "MINIONS_MODEL": f"openai/{script.stem}",
            "MINIONS_MODEL_API_KEY": "sk-of-the-script-1234567890",
            "MINIONS_MODEL_PRICE": "1,1,1",
            "MINIONS_REVIEW_MODEL": "none",
        }
        words = ("run", "--repo", str(repository), "--blueprint", blueprint, "--task", task)
        code, said = asyncio.run(_run(words, own, load(script.parent)))
        return Rehearsal(code, said, {} if code else _changed(repository))


async def _run(words: Sequence[str], own: Mapping[str, str], scripts: Mapping[str, Script]) -> tuple[int, str]:
    """Exit code and output of `minions` with these words and settings, and a model that plays one of the scripts."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("MINIONS_")}
    async with models.serve(scripts) as server:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app.cli", *words),
            env={**plain, **own, "MINIONS_MODEL_API_BASE": server.url},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        out, _ = await process.communicate()
        return process.returncode or 0, out.decode(errors="replace")


def _changed(repository: Path) -> dict[str, str]:
    names = _git(repository, "diff", "--name-only", "--diff-filter=d", "main", "minions/task-1").splitlines()
    return {name: _git(repository, "show", f"minions/task-1:{name}") for name in names}


def _git(repository: Path, *words: str) -> str:
    environment = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": os.devnull, "HOME": str(repository.parent)}
    done = subprocess.run([*_GIT, *words], cwd=repository, env=environment, check=True, capture_output=True, text=True)
    return done.stdout
