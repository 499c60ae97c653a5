# ruff: noqa: E501 - a case is a line
"""How tests of JavaScript are listed. What runners print was taken from Jest 29, Mocha 10, Vitest 3 and Node 20."""

import json

import pytest

from app.core.node_tests import npm_listing

SCRIPTS = {
    "test": "jest --coverage test",
    "unit": "mocha -R dot 'src/**/*.spec.js'",
    "vite": "vitest run --coverage",
    "plain": "node --test --test-reporter=spec test/",
    "env": "cross-env NODE_ENV=test jest",
    "both": "jest && mocha",
    "chained": "npm run build && npm run plain",
    "build": "tsc -p .",
    "prehooked": "eslint .",
    "hooked": "node --test",
    "round": "npm run round",
    "swallowed": "jest || true",
    "other": "ava",
}
PACKAGE = json.dumps({"scripts": SCRIPTS})
BIN = 'export PATH="$PWD/node_modules/.bin:$PATH"; '
JEST = """\
{"success":false,"testResults":[{"name":"/t/a.test.js","assertionResults":[
{"fullName":"s one","status":"pending"},{"fullName":"one","status":"pending"},{"fullName":"one","status":"pending"}]}]}
"""
MOCHA = '> x@1 unit\n> mocha\n\n{\n  "stats": {"tests": 2},\n  "tests": [{"fullTitle": "s one"}, {"fullTitle": "s three"}]\n}\n'
VITEST = "vt/a.test.mjs > s > one\nvt/a.test.mjs > top\n"
TAP = """\
TAP version 13
# Subtest: s
    # Subtest: one
    ok 1 - one
      ---
      duration_ms: 0.3
      ...
    # Subtest: two
    ok 2 - two # SKIP
    1..2
ok 1 - s
# Subtest: three
    # Subtest: inside
    ok 1 - inside
    1..1
ok 2 - three
# Subtest: one
not ok 3 - one
# Subtest: /t/b.test.js
ok 4 - /t/b.test.js
1..4
# tests 5
"""


@pytest.mark.parametrize(
    ("command", "lists", "output", "names"),
    [
        ("npm test", "jest test --json --testNamePattern='(?!)'", JEST, {"s one", "one", "one (2)"}),
        ("npm t", "jest test --json --testNamePattern='(?!)'", JEST, {"s one", "one", "one (2)"}),
        ("npm run --silent unit", "mocha 'src/**/*.spec.js' --dry-run --reporter json", MOCHA, {"s one", "s three"}),
        ("yarn vite", "vitest list", VITEST, {"vt/a.test.mjs > s > one", "vt/a.test.mjs > top"}),
        ("pnpm run plain", "node --test-reporter=tap --test test/", TAP, {"one", "inside", "one (2)"}),
        ("npm run env", "cross-env NODE_ENV=test jest --json --testNamePattern='(?!)'", "", set()),
        ("npx jest", "npx jest --json --testNamePattern='(?!)'", "{\n", set()),
        ("node --test", "node --test-reporter=tap --test", "bad option", set()),
        ("npm run chained", "{ tsc -p .; } >/dev/null 2>&1 && node --test-reporter=tap --test test/", TAP, {"one", "inside", "one (2)"}),
        ("npm run hooked", "{ eslint .; } >/dev/null 2>&1 && node --test-reporter=tap --test", "", set()),
    ],
)  # fmt: skip
def test_runners_are_found_behind_scripts_and_asked_for_their_tests(
    command: str, lists: str, output: str, names: set[str]
) -> None:
    how = npm_listing(command, PACKAGE)
    assert how is not None
    assert how.command == f"{BIN}{lists} 2>/dev/null"
    assert how.read(output) == names


@pytest.mark.parametrize(
    "command",
    ["npm run both", "npm run round", "npm run swallowed", "npm run other", "npm run none", "npm test; true", "make test", "npm ci"],
)  # fmt: skip
def test_of_others_it_is_not_known(command: str) -> None:
    assert npm_listing(command, PACKAGE) is None


@pytest.mark.parametrize("package", ["", "{", "[]", '{"scripts": 1}', '{"scripts": {"test": 1}}', "[" * 100_000])
def test_a_package_that_makes_no_sense_starts_nothing(package: str) -> None:
    assert npm_listing("npm test", package) is None


@pytest.mark.parametrize("output", ["{}\n", '{"testResults": 1}\n', '{"tests": [1]}\n', "{" * 100_000])
def test_what_makes_no_sense_names_no_tests(output: str) -> None:
    for command in ("npm test", "npm run unit"):
        how = npm_listing(command, PACKAGE)
        assert how is not None
        assert how.read(output) == frozenset()
