"""Real installs of real packages in a real box: in set-up through the proxy, and not at all in the work phase."""

import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from app.adapters.sandbox.box import Box
from app.adapters.sandbox.bubblewrap.boxes import BubblewrapBoxes
from app.adapters.sandbox.offline import SENTENCE
from app.core.evidence import Where, evidence
from tests.registries import reach_from_here

pytestmark = pytest.mark.real_input

REQUIREMENTS = """\
itsdangerous==2.2.0 \\
    --hash=sha256:c6242fc49e35958c8b15141343aa660db5fc54d4f13a1db01a3f5891b98700ef
six==1.17.0 \\
    --hash=sha256:4721f391ed90541fddacab5acf947aa0d3dc7d27b2e1e8eda2be8970586c3274
"""
PACKAGE = '{"name": "slow", "version": "1.0.0", "private": true, "dependencies": {"is-odd": "3.0.1"}}\n'
PIP = "python3 -m venv .venv && .venv/bin/pip install --quiet --require-hashes -r requirements.txt"
NPM = "npm ci --no-audit --no-fund"


@pytest.fixture
def tree(reachable_folder: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(dir=reachable_folder))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
async def box(registry: None, reachable_folder: Path, tree: Path) -> AsyncIterator[Box]:  # noqa: ARG001 - asked for first
    cache = Path(tempfile.mkdtemp(dir=reachable_folder))
    yield BubblewrapBoxes(reachable_folder / "installs", reach=reach_from_here()).open(tree, cache=cache)
    shutil.rmtree(cache)


@pytest.fixture
def node_project(tree: Path) -> None:
    """A package.json with its lock, which npm itself writes outside of the box."""
    npm = shutil.which("npm", path="/usr/local/bin:/usr/bin:/bin")
    if npm is None:
        pytest.skip("npm is not below /usr, so no box has it")
    try:
        httpx.get("https://registry.npmjs.org/is-odd", timeout=30).raise_for_status()
    except httpx.HTTPError as error:
        pytest.skip(f"the registry of Node packages cannot be reached: {error}")
    (tree / "package.json").write_text(PACKAGE)
    lock = [npm, "install", "--package-lock-only", "--no-audit", "--no-fund"]
    subprocess.run(lock, cwd=tree, capture_output=True, timeout=120, check=True)


def hosts(connections: tuple[str, ...]) -> set[str]:
    """Whom a command reached."""
    return {
        line.removeprefix("connected: ").partition(",")[0] for line in connections if line.startswith("connected: ")
    }


async def test_pip_installs_what_a_lock_names_and_only_in_set_up(box: Box, tree: Path) -> None:
    (tree / "requirements.txt").write_text(REQUIREMENTS)
    early = await box.run(PIP, timeout_s=120)
    assert (early.ok, early.timed_out) == (False, False)
    assert early.output.endswith(f"\n{SENTENCE}\n")
    [result] = await box.set_up([PIP])
    assert result.ok, result.output
    assert hosts(result.connections) == {"pypi.org:443", "files.pythonhosted.org:443"}
    assert evidence(result, Where.SET_UP).connections == result.connections
    after = await box.run(".venv/bin/python -c 'import six, itsdangerous; print(six.__version__)'")
    assert after.output == "1.17.0\n"


@pytest.mark.usefixtures("node_project")
async def test_npm_installs_what_a_lock_names_and_only_in_set_up(box: Box) -> None:
    early = await box.run(NPM, timeout_s=120)
    assert (early.ok, early.timed_out) == (False, False)
    assert early.output.endswith(f"\n{SENTENCE}\n")
    [result] = await box.set_up([NPM])
    assert result.ok, result.output
    assert hosts(result.connections) == {"registry.npmjs.org:443"}
    after = await box.run("node -p 'require(\"is-odd\")(3)'")
    assert after.output == "true\n"


async def test_a_host_that_is_no_registry_is_refused_and_told(box: Box) -> None:
    [result] = await box.set_up(["curl --silent --show-error https://example.org/install.sh"])
    assert not result.ok
    assert result.connections == ("refused: example.org:443 is not an allowed registry",)


async def test_a_registry_is_not_reached_under_the_name_of_another(box: Box) -> None:
    [result] = await box.set_up(["curl --silent --connect-to example.org:443:pypi.org:443 https://example.org/"])
    assert not result.ok
    assert "refused: pypi.org:443 asked for example.org" in result.connections
