"""What is installed: only what the lock file names, by hash and not too young, and nothing that runs by itself."""

import os
import subprocess
import sys
import tomllib
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.house
ROOT = Path(__file__).parents[2]
LOCK: dict[str, Any] = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
FILES = [
    (package["name"], file)
    for package in LOCK["package"]
    for file in [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
]


def test_no_package_brings_a_file_that_runs_whenever_python_starts() -> None:
    """A `.pth` file does: in March 2026 one of a poisoned litellm stole keys. Our own says where the checkout is."""
    found = {
        f"{distribution.metadata['Name']}: {file}"
        for distribution in distributions()
        for file in distribution.files or ()
        if file.suffix == ".pth"
    }
    assert found == {"minions: _editable_impl_minions.pth"}


def test_nobody_put_such_a_file_there_beside_the_packages() -> None:
    folders = {Path(str(distribution.locate_file(""))) for distribution in distributions()}
    found = {file.name for folder in folders for file in folder.glob("*.pth")}
    assert found <= {"_editable_impl_minions.pth", "_virtualenv.pth"}


def test_every_file_is_named_with_its_hash() -> None:
    assert len(FILES) > 100
    assert [name for name, file in FILES if not str(file.get("hash", "")).startswith("sha256:")] == []


def test_nothing_is_younger_than_the_project_allows() -> None:
    """Poisoned releases are mostly found within days. Whoever moves this date looks at what is new."""
    newest = PROJECT["tool"]["uv"]["exclude-newer"]
    assert LOCK["options"]["exclude-newer"] == newest
    limit = datetime.fromisoformat(newest).astimezone(UTC)
    younger = [name for name, file in FILES if "upload-time" in file and _moment(file["upload-time"]) > limit]
    assert younger == []


def _moment(said: object) -> datetime:
    return said if isinstance(said, datetime) else datetime.fromisoformat(str(said))


def test_everything_comes_from_the_package_index() -> None:
    """Not from a repository's branch, nor from an address that somebody can change."""
    kinds = {next(iter(package["source"])) for package in LOCK["package"]}
    assert kinds == {"registry", "editable"}


WATCH = """
import asyncio, os, sys

class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "litellm":
            print(*(f"{key}={os.environ.get(key)}" for key in SWITCHES), sep="\\n")

from app.adapters.litellm_library import SWITCHES, warm_up
sys.meta_path.insert(0, Watch())
asyncio.run(warm_up())
print("base", os.environ.get("OPENAI_API_BASE"))
"""


def test_the_model_library_is_switched_before_it_is_imported(tmp_path: Path) -> None:
    """Or it would fetch lists from the network, and load a `.env` file from wherever the program was started."""
    (tmp_path / ".env").write_text("OPENAI_API_BASE=http://127.0.0.1:9/evil\n")
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    said = subprocess.run(
        [sys.executable, "-c", WATCH], check=True, capture_output=True, text=True, cwd=tmp_path, env=environment
    )
    lines = said.stdout.splitlines()
    assert "LITELLM_MODE=PRODUCTION" in lines
    assert "LITELLM_OFFLINE_MODE=true" in lines
    assert [line for line in lines if line.endswith("=None")] == []
    assert lines[-1] == "base None"


@pytest.mark.parametrize(
    "program",
    [
        ["-m", "app.cli", "--help"],
        ["-m", "app.cli", "settings"],
        ["-c", "import app.adapters.sandbox.bubblewrap.boxes, app.adapters.sandbox.containers.boxes"],
        ["-c", "import app.web.webhook, app.engine.dispatch, app.adapters.store"],
    ],
    ids=lambda program: program[-1][:30],
)
def test_who_needs_no_model_does_not_import_the_library(program: list[str]) -> None:
    """It takes seconds and 200 MB, and the box and the webhook meet strangers."""
    said = subprocess.run(
        [sys.executable, "-X", "importtime", *program], check=True, capture_output=True, text=True, cwd=ROOT
    )
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in said.stderr.splitlines()}
    assert "app" in imported
    assert not imported & {"litellm", "openai", "tiktoken", "boto3"}
