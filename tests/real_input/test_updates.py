"""Real packages updated over releases that break their users: from the label to a pull request, by uv and by npm."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
import uv

from app.demo.stage import Stage, Wish
from tests.real_input.test_packages import Person, repository

pytestmark = [pytest.mark.real_input, pytest.mark.story, pytest.mark.timeout(300)]

PYPROJECT = """\
[project]
name = "tokens"
version = "1.0"
requires-python = ">=3.11"
dependencies = ["itsdangerous>=2,<2.1"]
"""
TOKENS = '''\
"""Signed tokens that grow old."""

from itsdangerous import SignatureExpired, TimedJSONWebSignatureSerializer

LIFE_S = 60


def made(secret: str, user: str) -> str:
    """A token for a user."""
    return TimedJSONWebSignatureSerializer(secret, expires_in=LIFE_S).dumps({"user": user}).decode()


def read(secret: str, token: str) -> str:
    """Whose token it is; empty if it is too old."""
    try:
        return str(TimedJSONWebSignatureSerializer(secret).loads(token)["user"])
    except SignatureExpired:
        return ""
'''
TEST_TOKENS = """\
import unittest

from tokens import made, read


class Tokens(unittest.TestCase):
    def test_a_token_tells_its_user(self) -> None:
        self.assertEqual(read("secret", made("secret", "ann")), "ann")
"""
PACKAGE = {
    "name": "names",
    "version": "1.0.0",
    "private": True,
    "scripts": {"test": "node --test"},
    "dependencies": {"uuid": "^3.4.0"},
}
NAMES = "'use strict';\nconst v4 = require('uuid/v4');\n\nmodule.exports = { name: () => `n-${v4()}` };\n"
TEST_NAMES = """\
'use strict';
const assert = require('node:assert');
const { test } = require('node:test');
const { name } = require('../names.js');

test('names are long, and each is another', () => {
  assert.match(name(), /^n-[0-9a-f-]{36}$/);
  assert.notEqual(name(), name());
});
"""


def locked(folder: Path, command: list[str]) -> None:
    """What a person does once, outside of the box. The lock has to name the public registry, as everybody's does."""
    kept = {
        name: os.environ[name] for name in ("PATH", "HOME", "SSL_CERT_FILE", "UV_SYSTEM_CERTS") if name in os.environ
    }
    environment = kept | {"UV_SYSTEM_CERTS": "1", "UV_NO_CONFIG": "1"}
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, timeout=120)


async def updated(
    stage: Stage, name: str, folder: Path, title: str
) -> tuple[dict[str, Any], list[dict[str, Any]], str]:
    """The pull request that came of a label, its files, and the manifest's or lock's new text."""
    async with repository(stage, name, folder) as person:
        number = await _labelled(person, title)
        check, comment = await person.waits_for(number)
        assert check["conclusion"] == "success", comment
        (pull,) = await person.asked("/pulls")
        files = await person.asked(f"/pulls/{pull['number']}/files")
        return pull, files, check["output"]["summary"]


async def _labelled(person: Person, title: str) -> int:
    wish = Wish(title=title, body="It is old.")
    issue = await person.http.post("/issues", json={"title": wish.title, "body": wish.body})
    number: int = issue.raise_for_status().json()["number"]
    label = await person.http.post(f"/issues/{number}/labels", json={"labels": ["minion:dependency"]})
    label.raise_for_status()
    return number


async def test_a_package_of_pypi_is_updated_by_uv_over_a_release_that_breaks_its_user(
    stage: Stage,
    registry: None,  # noqa: ARG001 - asked for first
    tmp_path: Path,
) -> None:
    (tmp_path / "pyproject.toml").write_text(PYPROJECT)
    (tmp_path / "tokens.py").write_text(TOKENS)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_tokens.py").write_text(TEST_TOKENS)
    locked(tmp_path, [uv.find_uv_bin(), "lock", "--quiet", "--python", "/usr/bin/python3"])
    assert 'version = "2.0.1"' in (tmp_path / "uv.lock").read_text()
    pull, files, summary = await updated(stage, "tokens/tokens", tmp_path, "Bump itsdangerous from 2.0.1 to 2.1.2")
    patches = {file["filename"]: file["patch"] for file in files}
    assert patches.keys() == {"pyproject.toml", "uv.lock", "tokens.py"}
    assert '+    "itsdangerous>=2.1.2,<3",' in patches["pyproject.toml"]
    assert '+version = "2.1.2"' in patches["uv.lock"]
    assert "| Adapt the code | 🤖 agent |" in summary
    assert "`itsdangerous` was updated from `2.0.1` to `2.1.2` by uv." in pull["body"]
    assert "Change log of itsdangerous, from 2.0.1 to 2.1.2" in pull["body"]
    log = pull["body"].partition("Change log of")[2]
    assert ("Version 2.1.0" in log, "Version 2.0.1" in log) == (True, False)


async def test_a_package_of_npm_is_updated_by_npm_over_a_release_that_breaks_its_user(
    stage: Stage, tmp_path: Path
) -> None:
    npm = shutil.which("npm", path="/usr/local/bin:/usr/bin:/bin")
    if npm is None:
        pytest.skip("npm is not below /usr, so no box has it")
    try:
        async with httpx.AsyncClient(timeout=30) as http:
            (await http.get("https://registry.npmjs.org/uuid")).raise_for_status()
    except httpx.HTTPError as error:
        pytest.skip(f"the registry of Node packages cannot be reached: {error}")
    (tmp_path / "package.json").write_text(f"{json.dumps(PACKAGE, indent=2)}\n")
    (tmp_path / "names.js").write_text(NAMES)
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "names.test.js").write_text(TEST_NAMES)
    locked(tmp_path, [npm, "install", "--package-lock-only", "--no-audit", "--no-fund"])
    pull, files, summary = await updated(stage, "names/names", tmp_path, "Update dependency uuid to v9.0.1")
    patches = {file["filename"]: file["patch"] for file in files}
    assert patches.keys() == {"package.json", "package-lock.json", "names.js"}
    assert '+    "uuid": "^9.0.1"' in patches["package.json"]
    assert "| Adapt the code | 🤖 agent |" in summary
    assert "`uuid` was updated from `3.4.0` to `9.0.1` by npm." in pull["body"]
    assert "Change log of uuid, from 3.4.0 to 9.0.1" in pull["body"]
