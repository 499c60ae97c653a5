"""Whoever wants to install something while there is no network is told when it is done instead."""

import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.adapters.sandbox.bubblewrap.boxes import BubblewrapBoxes
from app.adapters.sandbox.offline import SENTENCE, explained
from app.core.sandbox import Sandbox

LOCK = {
    "name": "a",
    "version": "1.0.0",
    "lockfileVersion": 3,
    "packages": {
        "": {"name": "a", "version": "1.0.0", "dependencies": {"left-pad": "1.3.0"}},
        "node_modules/left-pad": {
            "version": "1.3.0",
            "resolved": "https://registry.npmjs.org/left-pad/-/left-pad-1.3.0.tgz",
        },
    },
}
FILES = {
    "package.json": json.dumps({"name": "a", "version": "1.0.0", "dependencies": {"left-pad": "1.3.0"}}),
    "package-lock.json": json.dumps(LOCK),
    "pyproject.toml": '[project]\nname = "a"\nversion = "1"\nrequires-python = ">=3.9"\ndependencies = ["requests"]\n',
    "go.mod": "module a\n\nrequire rsc.io/quote v1.5.2\n",
    "main.go": 'package main\n\nimport "rsc.io/quote"\n\nfunc main() { println(quote.Hello()) }\n',
    "Cargo.toml": '[package]\nname = "a"\nversion = "1.0.0"\n\n[dependencies]\nrand = "0.8"\n',
    "src/main.rs": "fn main() {}\n",
}
COMMANDS = [
    "python3 -m venv .v && .v/bin/pip install requests",
    "uv venv .u && uv pip install --python .u requests",
    "uv sync",
    "npm install left-pad",
    "npm ci",
    "npx --yes cowsay",
    "yarn install",
    "pnpm install",
    "cargo build",
    "go build",
    "curl -sS https://example.org/",
    "wget https://example.org/",
    "git clone https://github.com/a/b",
    "apt-get install -y hello",
    """python3 -c 'import urllib.request as web; web.urlopen("https://example.org")'""",
    """node -e 'fetch("https://example.org").catch(e => { console.error(e); process.exit(1) })'""",
]


@pytest.fixture(scope="module")
def box(reachable_folder: Path) -> Iterator[Sandbox]:
    tree, cache = (Path(tempfile.mkdtemp(dir=reachable_folder)) for _ in range(2))
    for name, text in FILES.items():
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).write_text(text)
    yield BubblewrapBoxes(reachable_folder / "offline").open(tree, cache=cache)
    shutil.rmtree(tree)
    shutil.rmtree(cache)


@pytest.mark.parametrize("command", COMMANDS)
async def test_what_tools_print_without_a_network_is_known(box: Sandbox, command: str) -> None:
    [*_, tool] = re.findall(r"(?:^|&& )(?:\.v/bin/)?([a-z0-9-]+)", command)
    if "pip" not in tool and not (await box.run(f"command -v {tool}")).ok:
        pytest.skip(f"boxes of this machine have no {tool}")
    result = await box.run(command, timeout_s=60)
    assert (result.ok, result.timed_out) == (False, False), result.output
    assert result.output.endswith(f"\n{SENTENCE}\n"), result.output


QUIET = [
    (0, "curl: (6) Could not resolve host: example.org\n"),
    (1, "FAILED tests/test_slugs.py::test_accents - AssertionError\n"),
    (1, "Temporary failure in name resolution\n" + "x" * 20_000),
    (1, ""),
]


@pytest.mark.parametrize(("exit_code", "output"), QUIET)
def test_other_ends_are_left_as_they_are(exit_code: int, output: str) -> None:
    assert explained(exit_code, output) == output
