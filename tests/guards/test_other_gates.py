# ruff: noqa: E501 - a case is a line
"""Settings, suppressions, locks, dependencies, generated files, documentation, dangerous code and given answers."""

import json
from collections.abc import Mapping

import pytest

from app.core.packages import PackageFacts
from app.guards import answers, dependencies, docs, loosened
from tests.guards.changes import found, stops

pytestmark = pytest.mark.gates

TOML = """\
[project]
name = "shop"
dependencies = ["httpx>=0.28"]

[tool.pytest.ini_options]
addopts = "-ra --strict-markers"
testpaths = ["tests", "docs"]

[tool.coverage.run]
branch = true

[tool.coverage.report]
fail_under = 90

[tool.mypy]
strict = true

[tool.ruff.lint]
select = ["E", "F", "S"]
ignore = ["E501"]

[tool.ruff.lint.per-file-ignores]
"tests/**" = ["S101"]
"""
PACKAGE = """\
{
  "name": "shop",
  "scripts": {"test": "jest", "lint": "eslint .", "start": "node ."},
  "dependencies": {"left-pad": "^1.3.0"},
  "jest": {"coverageThreshold": {"global": {"lines": 80}}}
}
"""
ESLINT = '{"rules": {"no-eval": "error", "eqeqeq": ["error", "always"]}, "ignorePatterns": ["dist"]}\n'
TSCONFIG = '{\n  // checked\n  "compilerOptions": {"strict": true, "target": "ES2022"},\n  "exclude": ["dist"]\n}\n'
JEST = "module.exports = {\n  testTimeout: 5000,\n  coverageThreshold: { global: { lines: 80 } },\n};\n"
INI = "[pytest]\naddopts = -ra\n"
SETUP = "[mypy]\ndisallow_untyped_defs = True\n"
T, K = "pyproject.toml", "package.json"


def edit(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new)


LOOSENED: dict[str, tuple[str, str, str | None]] = {
    "coverage is lowered": (T, TOML, edit(TOML, "fail_under = 90", "fail_under = 50")),
    "coverage is not wanted": (T, TOML, edit(TOML, "fail_under = 90\n", "")),
    "branches are not measured": (T, TOML, edit(TOML, "branch = true", "branch = false")),
    "files are left out": (T, TOML, edit(TOML, "branch = true", 'branch = true\nomit = ["shop/*"]')),
    "types are not strict": (T, TOML, edit(TOML, "strict = true\n", "")),
    "errors of types are ignored": (T, TOML, edit(TOML, "strict = true\n", "strict = true\nignore_errors = true\n")),
    "a rule is ignored": (T, TOML, edit(TOML, '["E501"]', '["E501", "F401"]')),
    "a rule is not selected": (T, TOML, edit(TOML, '["E", "F", "S"]', '["E", "F"]')),
    "a folder is let off": (T, TOML, edit(TOML, '"tests/**"', '"shop/**" = ["S"]\n"tests/**"')),
    "tests are deselected": (T, TOML, edit(TOML, "--strict-markers", "--strict-markers --deselect tests/test_a.py")),
    "tests are left out by a word": (T, TOML, edit(TOML, "-ra", "-ra -k 'not total'")),
    "tests are looked for in fewer places": (T, TOML, edit(TOML, '["tests", "docs"]', '["docs"]')),
    "options of an ini": ("pytest.ini", INI, edit(INI, "-ra", "-ra --ignore=tests")),
    "an ini that hides tests": ("pytest.ini", "", "[pytest]\naddopts = --ignore=tests\n"),
    "types of an ini": ("setup.cfg", SETUP, edit(SETUP, "True", "False")),
    "the settings go": (".coveragerc", "[report]\nfail_under = 90\n", None),
    "a script is replaced": (K, PACKAGE, edit(PACKAGE, '"test": "jest"', '"test": "exit 0"')),
    "a script goes": (K, PACKAGE, edit(PACKAGE, '"test": "jest", ', "")),
    "a script swallows": (K, PACKAGE, edit(PACKAGE, '"test": "jest"', '"test": "jest || true"')),
    "a script passes without tests": (K, PACKAGE, edit(PACKAGE, '"test": "jest"', '"test": "jest --passWithNoTests"')),
    "lint is switched off": (K, PACKAGE, edit(PACKAGE, '"eslint ."', '"echo fine"')),
    "jest wants less": (K, PACKAGE, edit(PACKAGE, '"lines": 80', '"lines": 8')),
    "eslint: off": (".eslintrc.json", ESLINT, edit(ESLINT, '"no-eval": "error"', '"no-eval": "off"')),
    "eslint: a list is off": (".eslintrc.json", ESLINT, edit(ESLINT, '["error", "always"]', '"off"')),
    "eslint: ignored": (".eslintrc.json", ESLINT, edit(ESLINT, '["dist"]', '["dist", "src"]')),
    "TypeScript is not strict": ("tsconfig.json", TSCONFIG, edit(TSCONFIG, '"strict": true', '"strict": false')),
    "a program's threshold": ("jest.config.js", JEST, edit(JEST, "lines: 80", "lines: 10")),
    "a program's patterns": ("jest.config.js", JEST, edit(JEST, "};", "  testPathIgnorePatterns: ['x'],\n};")),
    "codecov": ("codecov.yml", "coverage:\n  status:\n    project:\n      default:\n        target: 90%\n", "coverage:\n  status:\n    project:\n      default:\n        target: 10%\n"),
}  # fmt: skip
MAKE = "test:\n\tpytest -q\n\tmypy .\n\nlint:\n\truff check .\n"
TOX = "[tox]\nenvlist = py311,lint\n\n[testenv]\ncommands = pytest -q {posargs}\n"
NOX = "def tests(session):\n    session.run('pytest', '-q')\n    session.run('mypy', '.')\n"
SHELL = "set -e\npytest -q\nmypy .\n"
VITEST = 'export default defineConfig({\n  test: {\n    environment: "node",\n    coverage: { thresholds: { lines: 80 } },\n  },\n});\n'
CARGO = '[package]\nname = "a"\n\n[lib]\npath = "src/lib.rs"\n\n[lints.clippy]\nall = "deny"\n'
UNIT = edit(PACKAGE, '"test": "jest"', '"test": "npm run unit", "unit": "jest"')
STRICT = edit(TOML, "--strict-markers", "--strict-markers --cov=shop --cov-fail-under=90")
M = "Makefile"
LOOSER: dict[str, tuple[str, str, str | None]] = {
    "strict markers go": (T, TOML, edit(TOML, " --strict-markers", "")),
    "other files are tests": (T, TOML, edit(TOML, "testpaths", 'python_files = ["nope_*.py"]\ntestpaths')),
    "other functions are tests": (T, TOML, edit(TOML, "testpaths", 'python_functions = ["check_*"]\ntestpaths')),
    "an option is overridden": (T, TOML, edit(TOML, "-ra", "-ra -o python_files=nope_*.py")),
    "tests are only listed": (T, TOML, edit(TOML, "-ra", "-ra --collect-only")),
    "only the last ones that failed": (T, TOML, edit(TOML, "-ra", "-ra --lf")),
    "warnings are ignored": (T, TOML, edit(TOML, "-ra", "-ra -W ignore")),
    "what fails is tried again": (T, TOML, edit(TOML, "-ra", "-ra --reruns 5")),
    "what cannot be collected": (T, TOML, edit(TOML, "-ra", "-ra --continue-on-collection-errors")),
    "the section has another name": (T, TOML, edit(TOML, "[tool.pytest.", "[tool.pytest_x.")),
    "coverage of an option": (T, STRICT, edit(STRICT, "under=90", "under=10")),
    "coverage of an option goes": (T, STRICT, TOML),
    "a module is let off": (T, TOML, edit(TOML, "strict = true", 'strict = true\n\n[[tool.mypy.overrides]]\nmodule = "shop"\nignore_errors = true')),
    "fewer files are checked": (T, edit(TOML, "strict = true", 'strict = true\nfiles = ["shop", "tests"]'), edit(TOML, "strict = true", 'strict = true\nfiles = ["tests"]')),
    "more may be complex": (T, TOML + "\n[tool.ruff.lint.mccabe]\nmax-complexity = 10\n", TOML + "\n[tool.ruff.lint.mccabe]\nmax-complexity = 100\n"),
    "clippy: more may be complex": ("clippy.toml", "cognitive-complexity-threshold = 20\n", "cognitive-complexity-threshold = 900\n"),
    "eslint: only a warning": (".eslintrc.json", ESLINT, edit(ESLINT, '"error", "eqeqeq"', '"warn", "eqeqeq"')),
    "eslint: not said": (".eslintrc.json", ESLINT, edit(ESLINT, '"no-eval": "error", ', "")),
    "eslint: newly off": (".eslintrc.json", ESLINT, edit(ESLINT, '"no-eval"', '"no-var": 0, "no-eval"')),
    "eslint: nothing is extended": (".eslintrc.json", '{"extends": ["airbnb"]}\n', '{"extends": []}\n'),
    "a list of what is not looked at": (".eslintignore", "dist\n", "dist\nsrc/\n"),
    "TypeScript: newly off": ("tsconfig.json", TSCONFIG, edit(TSCONFIG, '"strict": true', '"strict": true, "noImplicitAny": false')),
    "TypeScript: fewer files": ("tsconfig.json", '{"include": ["src", "lib"]}\n', '{"include": ["lib"]}\n'),
    "mocha: fewer files": (".mocharc.json", '{"spec": ["test/**/*.js"]}\n', '{"spec": ["test/a.js"]}\n'),
    "mocha: by a word": (".mocharc.json", '{"spec": ["test/**/*.js"]}\n', '{"spec": ["test/**/*.js"], "grep": "has"}\n'),
    "jest: by a word": (K, PACKAGE, edit(PACKAGE, '"jest": {', '"jest": {"testNamePattern": "has", ')),
    "vitest: without tests": ("vitest.config.ts", VITEST, edit(VITEST, '"node",', '"node",\n    passWithNoTests: true,')),
    "vitest: errors are ignored": ("vitest.config.ts", VITEST, edit(VITEST, '"node",', '"node",\n    dangerouslyIgnoreUnhandledErrors: true,')),
    "vitest: some are left out": ("vitest.config.ts", VITEST, edit(VITEST, '"node",', '"node",\n    exclude: ["src/shop.test.ts"],')),
    "a script for one file": (K, PACKAGE, edit(PACKAGE, '"test": "jest"', '"test": "jest src/other.test.ts"')),
    "a script by a word": (K, PACKAGE, edit(PACKAGE, '"test": "jest"', '"test": "jest -t has"')),
    "a script that is true": (K, PACKAGE, edit(PACKAGE, '"test": "jest"', '"test": "jest; true"')),
    "a script in the background": (K, PACKAGE, edit(PACKAGE, '"test": "jest"', '"test": "jest & true"')),
    "a script's script": (K, UNIT, edit(UNIT, '"unit": "jest"', '"unit": "echo fine"')),
    "cargo: no tests": ("Cargo.toml", CARGO, edit(CARGO, '"src/lib.rs"', '"src/lib.rs"\ntest = false')),
    "cargo: no tests by themselves": ("Cargo.toml", CARGO, edit(CARGO, '"a"', '"a"\nautotests = false')),
    "cargo: a test is off": ("Cargo.toml", CARGO, CARGO + '\n[[test]]\nname = "a"\ntest = false\n'),
    "cargo: lints": ("Cargo.toml", CARGO, edit(CARGO, '"deny"', '"allow"')),
    "cargo: flags": (".cargo/config.toml", "", "[build]\nrustflags = ['--cap-lints', 'allow']\n"),
    "nextest": (".config/nextest.toml", "", "[profile.default]\ndefault-filter = 'none()'\n"),
    "golangci": (".golangci.yml", "linters:\n  enable:\n    - errcheck\n", "linters:\n  enable:\n    - errcheck\nissues:\n  exclude-dirs:\n    - shop\n"),
    "golangci, as TOML": (".golangci.toml", "[linters]\nenable = ['errcheck']\n", "[linters]\nenable = []\n"),
    "make: fewer tests": (M, MAKE, edit(MAKE, "pytest -q", "pytest -q tests/other")),
    "make: says that it is fine": (M, MAKE, edit(MAKE, "pytest -q", "@echo fine")),
    "make: names it only": (M, MAKE, edit(MAKE, "pytest -q", "@echo pytest -q")),
    "make: may fail": (M, MAKE, edit(MAKE, "pytest -q", "-pytest -q")),
    "make: no types": (M, MAKE, edit(MAKE, "\tmypy .\n", "")),
    "make: lint says nothing": (M, MAKE, edit(MAKE, "ruff check .", "ruff check . --exit-zero")),
    "just: may fail": ("justfile", "test:\n    pytest -q\n", "test:\n    -pytest -q\n"),
    "tox: another command": ("tox.ini", TOX, edit(TOX, "pytest -q {posargs}", "pytest --version")),
    "tox: may fail": ("tox.ini", TOX, edit(TOX, "= pytest", "= - pytest")),
    "tox: fewer environments": ("tox.ini", TOX, edit(TOX, "py311,lint", "py311")),
    "nox: no types": ("noxfile.py", NOX, edit(NOX, "    session.run('mypy', '.')\n", "")),
    "a script of a shell": ("scripts/test.sh", SHELL, edit(SHELL, "pytest -q", "true")),
    "a shell goes on": ("scripts/test.sh", SHELL, edit(SHELL, "set -e\n", "")),
}  # fmt: skip
STRICTER = {
    "coverage is raised": (T, TOML, edit(TOML, "fail_under = 90", "fail_under = 95")),
    "a rule more": (T, TOML, edit(TOML, '["E", "F", "S"]', '["E", "F", "S", "UP"]')),
    "a rule is not ignored any more": (T, TOML, edit(TOML, '["E501"]', "[]")),
    "a marker": (T, TOML, edit(TOML, 'addopts = "-ra --strict-markers"', 'addopts = "-ra --strict-markers"\nmarkers = ["slow: takes long"]')),
    "another option": (T, TOML, edit(TOML, "-ra", "-ra -q")),
    "warnings are errors": (T, TOML, edit(TOML, 'addopts = "-ra', 'filterwarnings = ["error"]\naddopts = "-ra')),
    "the version": (T, TOML, edit(TOML, 'name = "shop"', 'name = "shop"\nversion = "2"')),
    "a script more": (K, PACKAGE, edit(PACKAGE, '"start"', '"format": "prettier .", "start"')),
    "an option more": (K, PACKAGE, edit(PACKAGE, '"test": "jest"', '"test": "jest --ci"')),
    "another start": (K, PACKAGE, edit(PACKAGE, "node .", "node ./main.js")),
    "a rule is on": (".eslintrc.json", ESLINT, edit(ESLINT, '"no-eval": "error"', '"no-eval": "error", "no-var": "error"')),
    "another target": ("tsconfig.json", TSCONFIG, edit(TSCONFIG, "ES2022", "ES2021")),
    "another time": ("jest.config.js", JEST, edit(JEST, "5000", "9000")),
    "a tool more": (M, MAKE, edit(MAKE, "ruff check .", "ruff check .\n\tbandit -r shop")),
    "tests by uv": (M, MAKE, edit(MAKE, "pytest -q", "uv run pytest -q")),
    "tests say more": (M, MAKE, edit(MAKE, "pytest -q", "pytest -ra --tb=short")),
    "tests of everything": (M, edit(MAKE, "pytest -q", "pytest tests/unit"), MAKE),
    "targets change places": (M, MAKE, "lint:\n\truff check .\n\ntest:\n\tpytest -q\n\tmypy .\n"),
    "a target of its own": (M, MAKE, edit(MAKE, "\tmypy .\n", "\ntypes:\n\tmypy .\n")),
    "nox: more": ("noxfile.py", NOX, edit(NOX, "'-q'", "'-q', '--cov=shop'")),
    "a shell stricter": ("scripts/test.sh", SHELL, edit(SHELL, "set -e", "set -euo pipefail")),
    "a script with more": (K, PACKAGE, edit(PACKAGE, '"test": "jest"', '"test": "npm run build && jest --ci --reporters default"')),
    "a script's script with more": (K, UNIT, edit(UNIT, '"unit": "jest"', '"unit": "jest --ci"')),
    "files are tests, too": (T, TOML, edit(TOML, "testpaths", 'python_files = ["test_*.py", "check_*.py"]\ntestpaths')),
    "types of somebody else": (T, TOML, edit(TOML, "strict = true", 'strict = true\n\n[[tool.mypy.overrides]]\nmodule = "yaml"\nignore_missing_imports = true')),
    "clippy: stricter": ("Cargo.toml", CARGO, edit(CARGO, '"deny"', '"forbid"')),
    "cargo: a bin": ("Cargo.toml", CARGO, CARGO + '\n[[bin]]\nname = "a"\n'),
    "less may be complex": (T, TOML + "\n[tool.ruff]\nline-length = 100\n", TOML + "\n[tool.ruff]\nline-length = 88\n"),
    "eslint: one more is extended": (".eslintrc.json", '{"extends": "airbnb"}\n', '{"extends": ["airbnb", "prettier"]}\n'),
    "no setting at all": ("shop.toml", "fail_under = 90\n", "fail_under = 5\n"),
}  # fmt: skip


@pytest.mark.parametrize("case", LOOSENED | LOOSER)
async def test_what_becomes_less_strict_is_found(case: str) -> None:
    path, before, after = (LOOSENED | LOOSER)[case]
    was = {path: before} if before else {}
    assert "loosened settings" in await stops(was, {path: after} if after is not None else {})
    assert await stops(was, {path: after} if after is not None else {}, allow=["settings"]) == []


@pytest.mark.parametrize(
    ("path", "text", "beside"),
    [
        ("pytest.ini", "[pytest]\n", T),
        ("pytest.ini", "[pytest]\ntestpaths = docs\n", T),
        ("mypy.ini", "[mypy]\n", T),
        (".coveragerc", "[report]\nfail_under = 0\n", T),
        ("shop/ruff.toml", "[lint]\nselect = []\n", T),
        ("GNUmakefile", "test:\n\t@echo fine\n", M),
    ],
)
async def test_a_new_file_does_not_take_the_place_of_what_was_said(path: str, text: str, beside: str) -> None:
    there = {beside: TOML if beside == T else MAKE}
    findings = await found({}, {path: text}, beside=there, guards=(loosened.GUARD,))
    assert f"What `{beside}` says is not looked at any more" in findings[0].sentence
    assert await found({}, {path: text}, guards=(loosened.GUARD,)) == []


@pytest.mark.parametrize("case", STRICTER)
async def test_what_becomes_stricter_or_is_none_of_it_passes(case: str) -> None:
    path, before, after = STRICTER[case]
    assert await found({path: before}, {path: after}, guards=(loosened.GUARD,)) == []


@pytest.mark.hostile
@pytest.mark.timeout(60)
async def test_no_settings_take_years() -> None:
    bomb = "a: &a [1]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(20)
    )
    for path, text in {
        ".golangci.yml": bomb,
        T: "a" + ".a" * 50_000 + " = 1\n",
        K: "[" * 100_000,
        "setup.cfg": "[x\n" * 9_000,
    }.items():
        await found({path: "x\n"}, {path: text}, guards=(loosened.GUARD,))


# -- Suppressions ----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("a.py", "import os  # noqa: F401"),
        ("a.py", "x: int = f()  # type: ignore[assignment]"),
        ("a.py", "    raise X  # pragma: no cover"),
        ("a.py", "y = 1  # pylint: disable=invalid-name"),
        ("a.py", "z = eval(x)  # nosec"),
        ("a.py", "# ruff: noqa"),
        ("a.ts", "// @ts-ignore"),
        ("a.ts", "// eslint-disable-next-line no-eval"),
        ("a.tsx", "{/* istanbul ignore next */}"),
        ("a.go", "x() //nolint:errcheck"),
        ("a.rs", "#[allow(dead_code)]"),
        ("A.java", '@SuppressWarnings("unchecked")'),
        ("a.rb", "x # rubocop:disable Style/X"),
        ("a.sh", "# shellcheck disable=SC2086"),
        ("a.c", '#pragma GCC diagnostic ignored "-Wx"'),
        ("a.py", "x = 1  # NOQA"),
        ("a.py", "# ruff: disable[F401]"),
        ("a.py", "# pyright: reportGeneralTypeIssues=false"),
        ("a.py", "@typing.no_type_check"),
        ("a.ts", "/* eslint no-eval: 0 */"),
        ("a.ts", '/* eslint no-eval: ["off"] */'),
        ("a.js", "/* node:coverage disable */"),
        ("a.go", "//lint:file-ignore SA1000 x"),
        ("a.go", "x() // #nosec G101"),
        ("a.rs", "#[cfg_attr(all(), allow(dead_code))]"),
        ("a.rs", "#[coverage(off)]"),
    ],
)  # fmt: skip
async def test_each_kind_of_suppression_is_found(path: str, line: str) -> None:
    assert "suppressions" in await stops({path: "one\n"}, {path: f"one\n{line}\n"})
    assert "suppressions" not in await stops({path: "one\n"}, {path: f"one\n{line}\n"}, max_suppressions=1)
    assert "suppressions" not in await stops({path: "one\n"}, {path: f"one\n{line}\n"}, allow=["suppressions"])
    assert "suppressions" not in await stops({path: f"one\n{line}\n"}, {path: f"{line}\ntwo\n"})
    assert "suppressions" not in await stops({path: f"{line}\n"}, {path: "one\n"})


@pytest.mark.parametrize(
    ("path", "line"),
    [("a.py", "# noquarter"), ("README.md", "Use `# noqa` with care."), ("a.py", "ignore = True"), ("a.rs", "#[derive(Debug)]"), ("a.rs", "#[cfg_attr(test, derive(Debug))]"), ("a.ts", "/* eslint runs on this file */")],
)  # fmt: skip
async def test_what_only_looks_like_a_suppression_passes(path: str, line: str) -> None:
    assert await stops({path: "one\n"}, {path: f"one\n{line}\n"}) == []


# -- Generated and vendored files ------------------------------------------------------------------------------------
GENERATED = "# Code generated by protoc. DO NOT EDIT.\nx = 1\n"


@pytest.mark.parametrize(
    ("path", "text", "attributes"),
    [
        ("api/client.py", GENERATED, ""),
        ("dist/app.min.js", "x\n", ""),
        ("vendor/lib/a.go", "x\n", ""),
        ("web/node_modules/a/index.js", "x\n", ""),
        ("schema.sql", "x\n", "*.sql linguist-generated\n"),
        ("libs/other/a.c", "x\n", "libs/** linguist-vendored=true\n"),
    ],
)
async def test_files_of_programs_and_of_others_stay_as_they_are(path: str, text: str, attributes: str) -> None:
    beside = {".gitattributes": attributes} if attributes else {}
    assert await stops({path: text}, {path: text + "y\n"}, beside=beside) == ["generated files"]
    assert await stops({path: text}, {path: text + "y\n"}, beside=beside, allow=["generated"]) == []


async def test_what_is_made_anew_with_its_source_passes() -> None:
    before = {"api.proto": "a\n", "api_pb2.py": GENERATED}
    assert await stops(before, {"api.proto": "b\n", "api_pb2.py": GENERATED + "y = 2\n"}) == []


async def test_a_repository_says_that_a_file_is_its_own() -> None:
    beside = {".gitattributes": "vendor/own/** -linguist-vendored\n# *.go linguist-generated\n"}
    assert await stops({"vendor/own/a.go": "a\n"}, {"vendor/own/a.go": "b\n"}, beside=beside) == []
    assert await stops({"a.py": "x = 1\n# nobody generated this file\n"}, {"b.py": "generated = 1\n"}) == []


# -- Lock files and dependencies -------------------------------------------------------------------------------------
LOCK = 'version = 1\n\n[[package]]\nname = "httpx"\nversion = "0.28.1"\n'
NEW_TOML = edit(TOML, '["httpx>=0.28"]', '["httpx>=0.28", "rich>=13"]')
NEW_LOCK = LOCK + '\n[[package]]\nname = "rich"\nversion = "13.0.0"\n'


class Index:
    """A registry that knows one package. `versions` are those of which it says something else."""

    def __init__(self, facts: PackageFacts | None, versions: Mapping[str, PackageFacts] | None = None) -> None:
        self.facts = facts
        self.versions = versions or {}
        self.asked: list[tuple[str, str, str]] = []

    async def look_up(self, ecosystem: str, name: str, version: str) -> PackageFacts | None:
        self.asked.append((ecosystem, name, version))
        return self.versions.get(version, self.facts)


FINE = PackageFacts(exists=True, licence="MIT", age_days=900)


async def test_a_lock_follows_its_manifest() -> None:
    assert await stops({T: TOML, "uv.lock": LOCK}, {T: NEW_TOML, "uv.lock": NEW_LOCK}, index=Index(FINE)) == []
    assert await stops({T: TOML}, {T: NEW_TOML}, beside={"uv.lock": LOCK}, index=Index(FINE)) == ["lock files"]
    assert await stops({T: TOML, "uv.lock": LOCK}, {T: NEW_TOML, "uv.lock": LOCK + "#\n"}, index=Index(FINE)) == [
        "lock files"
    ]
    assert await stops({"uv.lock": LOCK}, {"uv.lock": NEW_LOCK}, beside={T: TOML}) == ["lock files"]
    assert await stops({"uv.lock": LOCK}, {"uv.lock": NEW_LOCK}, beside={T: TOML}, allow=["locks"]) == []
    assert await stops({T: TOML}, {T: edit(TOML, 'name = "shop"', 'name = "store"')}, beside={"uv.lock": LOCK}) == []
    assert await stops({T: TOML}, {T: NEW_TOML}, index=Index(FINE)) == []


async def test_a_lock_of_npm_follows_its_manifest() -> None:
    lock = json.dumps({"packages": {"": {}, "node_modules/left-pad": {}}}, indent=1) + "\n"
    more = json.dumps({"packages": {"": {}, "node_modules/left-pad": {}, "node_modules/@a/b": {}}}, indent=1) + "\n"
    wants = edit(PACKAGE, '"^1.3.0"}', '"^1.3.0", "@a/b": "^2.0.0"}')
    assert (
        await stops({K: PACKAGE, "package-lock.json": lock}, {K: wants, "package-lock.json": more}, index=Index(FINE))
        == []
    )
    assert await stops({K: PACKAGE}, {K: wants}, beside={"package-lock.json": lock}, index=Index(FINE)) == [
        "lock files"
    ]


@pytest.mark.parametrize(
    ("facts", "weights", "words"),
    [
        (FINE, [], ""),
        (PackageFacts(exists=False), ["mend"], "There is no package `rich` in its registry."),
        (PackageFacts(exists=True, licence="MIT", age_days=2), ["mend"], "was published 2 days ago; at least 7 are wanted"),
        (PackageFacts(exists=True, licence="AGPL-3.0-only", age_days=99), ["people"], "The licence of `rich` is AGPL-3.0-only"),
        (PackageFacts(exists=True, licence="GPL-2.0-only OR BSD-3-Clause", age_days=99), [], ""),
        (PackageFacts(exists=True, licence="MIT AND LGPL-3.0-only", age_days=99), ["people"], "The licence"),
        (PackageFacts(exists=True, age_days=99), ["remark"], "does not say what the licence"),
        (None, ["remark"], "cannot be told now"),
    ],
)  # fmt: skip
async def test_a_new_dependency_is_looked_up(facts: PackageFacts | None, weights: list[str], words: str) -> None:
    index = Index(facts)
    findings = await found({T: TOML}, {T: NEW_TOML}, index=index, guards=(dependencies.GUARD,))
    assert [each.weight.value for each in findings] == weights
    assert words in "".join(each.sentence for each in findings)
    assert index.asked == [("pypi", "rich", "")]
    assert all((each.path, each.line) == (T, 3) for each in findings)


@pytest.mark.parametrize(
    ("path", "before", "after", "weights"),
    [
        ("requirements.txt", "httpx==0.28.1\n", "httpx==0.28.1\nrich==13.0.0\n", []),
        ("requirements.txt", "httpx==0.28.1\n", "httpx==0.28.1\nrich\n", ["mend"]),
        ("requirements.txt", "httpx==0.28.1\n", "httpx==0.28.1\nrich>=13\n", ["mend"]),
        ("requirements.txt", "httpx>=0.28\n", "httpx>=0.28\nrich>=13  # for tables\n", []),
        ("requirements.txt", "httpx==0.28.1\n", "httpx==0.28.2\n", []),
        ("requirements.txt", "", "-r other.txt\n-e .\n# rich\n", []),
        (T, TOML, edit(TOML, '"httpx>=0.28"', '"httpx>=0.28", "rich"'), ["mend"]),
        (T, TOML, edit(TOML, '"httpx>=0.28"', '"httpx>=0.28", "rich @ git+https://x.example/rich"'), ["people"]),
        (K, PACKAGE, edit(PACKAGE, '"^1.3.0"', '"^1.3.0", "x": "latest"'), ["mend"]),
        (K, PACKAGE, edit(PACKAGE, '"^1.3.0"', '"^1.3.0", "x": "someone/x"'), ["people"]),
        (K, PACKAGE, edit(PACKAGE, '"^1.3.0"', '"^1.3.0", "x": "^1.0.0"'), []),
    ],
)  # fmt: skip
async def test_a_new_dependency_is_pinned_as_others_are(path: str, before: str, after: str, weights: list[str]) -> None:
    findings = await found({path: before}, {path: after}, index=Index(FINE), guards=(dependencies.GUARD,))
    assert [each.weight.value for each in findings] == weights


async def test_a_new_crate_is_looked_up_by_its_own_name() -> None:
    index = Index(PackageFacts(exists=True, licence="MIT", age_days=1))
    cargo = '[dependencies]\njson = { package = "serde_json", version = "=1.0.2" }\nrand = "0.8"\n'
    findings = await found({"Cargo.toml": "[dependencies]\n"}, {"Cargo.toml": cargo}, index=index)
    assert sorted(index.asked) == [("crates", "rand", ""), ("crates", "serde_json", "1.0.2")]
    told = [each.sentence for each in findings if each.guard == "dependencies"]
    assert [sentence.partition(" ago")[0] for sentence in told] == [
        "`serde_json` was published 1 days",
        "`rand` was published 1 days",
    ]


@pytest.mark.parametrize(
    ("path", "before", "after", "asked"),
    [
        ("go.mod", "module x\n", "module x\n\nrequire github.com/a/B v1.0.0\n", ("go", "github.com/a/B", "v1.0.0")),
        ("Gemfile", "gem 'rake', '13.0'\n", "gem 'rake', '13.0'\ngem 'new', '1.2.3'\n", ("rubygems", "new", "1.2.3")),
        ("Gemfile", "gem 'rake', '13.0'\n", "gem 'rake', '13.0'\ngem 'new', '~> 1.2'\n", ("rubygems", "new", "")),
        ("requirements/dev.txt", "httpx==1\n", "httpx==1\nnew==2\n", ("pypi", "new", "2")),
        ("setup.cfg", "[options]\ninstall_requires =\n    httpx\n", "[options]\ninstall_requires =\n    httpx\n    new==2\n", ("pypi", "new", "2")),
        ("setup.py", "setup(install_requires=['httpx'])\n", "setup(install_requires=['httpx', 'new==2'])\n", ("pypi", "new", "2")),
        (K, PACKAGE, edit(PACKAGE, '"^1.3.0"', '"^1.3.0", "x": "npm:@a/new@1.0.0"'), ("npm", "@a/new", "1.0.0")),
        ("requirements.txt", "httpx==1\n", "httpx==2\n", ("pypi", "httpx", "2")),
    ],
)  # fmt: skip
async def test_registries_of_each_kind_are_asked(
    path: str, before: str, after: str, asked: tuple[str, str, str]
) -> None:
    index = Index(PackageFacts(exists=True, licence="MIT", age_days=2))
    findings = await found({path: before}, {path: after}, index=index, guards=(dependencies.GUARD,))
    assert asked in index.asked
    assert ["was published 2 days ago" in each.sentence for each in findings] == [True]


async def test_of_an_old_package_only_the_version_that_is_named_is_looked_at() -> None:
    """A licence that people were content with stays; a range may be met by what a lock has had for years."""
    cases = {"httpx>=1": "httpx>=2", "httpx==1": "httpx==2", "httpx": "httpx>=2"}
    for before, after in cases.items():
        facts = Index(PackageFacts(exists=True, licence="AGPL-3.0-only", age_days=900))
        assert await stops({"requirements.txt": f"{before}\n"}, {"requirements.txt": f"{after}\n"}, index=facts) == []
    yanked = Index(PackageFacts(exists=True, licence="MIT", age_days=900, is_yanked=True))
    (finding,) = await found({"requirements.txt": "a==1\n"}, {"requirements.txt": "a==2\n"}, index=yanked)
    assert "was taken back by who made it" in finding.sentence


async def test_a_package_of_a_companys_own_is_not_measured_by_who_has_its_name_in_public() -> None:
    nobody = Index(PackageFacts(exists=False))
    other = Index(FINE, {version: PackageFacts(exists=True, has_version=False) for version in ("1.4", "2.0")})
    away = Index(None)
    for index in (nobody, other, away):
        before, after = {"requirements.txt": "greetings==1.4\n"}, {"requirements.txt": "greetings==2.0\n"}
        assert await found(before, after, index=index, guards=(dependencies.GUARD,)) == []
    wrong = Index(FINE, {"2.0": PackageFacts(exists=True, has_version=False)})
    (finding,) = await found(before, after, index=wrong, guards=(dependencies.GUARD,))
    assert "does not exist" in finding.sentence
    moved = {"requirements.txt": "greetings @ git+https://git.example/greetings\n"}
    assert await found(moved, after, index=nobody, guards=(dependencies.GUARD,))


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        (T, TOML, edit(TOML, "httpx>=0.28", "httpx @ git+https://evil.example/httpx")),
        (K, PACKAGE, edit(PACKAGE, '"^1.3.0"', '"https://evil.example/left-pad.tgz"')),
        (K, PACKAGE, edit(PACKAGE, '"^1.3.0"', '"file:../evil"')),
        ("Cargo.toml", '[dependencies]\nrand = "0.8"\n', '[dependencies]\nrand = { git = "https://evil.example/rand" }\n'),
        ("Cargo.toml", '[dependencies]\nrand = "0.8"\n', '[dependencies]\nrand = { version = "0.8", git = "https://evil.example/rand" }\n'),
        ("Cargo.toml", "[dependencies]\n", '[dependencies]\nx = { version = "1", registry = "evil" }\n'),
        ("requirements.txt", "httpx==1\n", "httpx @ https://evil.example/httpx.whl\n"),
        (T, "[tool.poetry.dependencies]\nhttpx='^0.28'\n", "[tool.poetry.dependencies]\nhttpx={git='https://evil.example/h'}\n"),
    ],
)  # fmt: skip
async def test_an_old_package_from_another_place_is_for_people(path: str, before: str, after: str) -> None:
    findings = await found({path: before}, {path: after}, index=Index(FINE), guards=(dependencies.GUARD,))
    assert "people" in [each.weight.value for each in findings]
    assert [each for each in findings if "does not come from a registry" in each.sentence]


@pytest.mark.parametrize(
    ("path", "before", "after", "weights"),
    [
        ("requirements.txt", "a==1\nb==1\n", "a\nb==1\n", ["mend"]),
        ("requirements.txt", "a\nb==1\n", "a>=1\nb==1\n", []),
        ("Cargo.toml", "[dependencies]\n", "[dependencies]\nserde = { workspace = true }\n", []),
        ("Cargo.toml", "[dependencies]\n", '[dependencies]\nmine = { version = "1", path = "../mine" }\n', []),
        (K, PACKAGE, edit(PACKAGE, '"^1.3.0"', '"^1.4.0"'), []),
        (T, TOML, edit(TOML, "httpx>=0.28", "httpx>=0.29"), []),
    ],
)  # fmt: skip
async def test_what_becomes_of_an_old_package(path: str, before: str, after: str, weights: list[str]) -> None:
    findings = await found({path: before}, {path: after}, index=Index(FINE), guards=(dependencies.GUARD,))
    assert [each.weight.value for each in findings] == weights


# -- Documentation ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("shop.py", "def buy(what):"),
        ("cli.py", "parser.add_argument('--fast')"),
        ("src/a.ts", "export function buy(): void {}"),
        ("shop.go", "func Buy(what string) error {"),
        ("src/lib.rs", "pub fn buy() {}"),
    ],
)
async def test_what_others_use_and_no_word_about_it_is_a_remark(path: str, line: str) -> None:
    findings = await found({path: "\n"}, {path: f"\n{line}\n"}, guards=(docs.GUARD,))
    assert [(each.weight.value, each.line) for each in findings] == [("remark", 2)]
    assert await stops({path: "\n"}, {path: f"\n{line}\n"}, docs_required=True, guards=(docs.GUARD,)) == [
        "documentation"
    ]
    assert await found({path: "\n"}, {path: f"\n{line}\n", "docs/use.md": "x\n"}, guards=(docs.GUARD,)) == []


@pytest.mark.parametrize(
    ("path", "line"), [("shop.py", "def _buy(what):"), ("shop.py", "    def inner():"), ("_shop.py", "def buy():"), ("tests/test_a.py", "def buy():"), ("shop.go", "func buy() {")]
)  # fmt: skip
async def test_what_nobody_else_uses_needs_no_word(path: str, line: str) -> None:
    assert await found({path: "\n"}, {path: f"\n{line}\n"}, guards=(docs.GUARD,)) == []


# -- Dangerous code --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("path", "text", "weight"),
    [
        ("a.py", "import subprocess\nsubprocess.run(f'ls {x}', shell=True)\n", "mend"),
        ("a.py", "import yaml\nyaml.load(x, Loader=yaml.Loader)\n", "mend"),
        ("a.py", "import requests\nrequests.get(x, verify=False, timeout=1)  # noqa: S501\n", "mend"),
        ("a.py", "eval(x)\n", "mend"),
        ("a.py", "import pickle\npickle.loads(x)\n", "remark"),
        ("a.ts", "const y = eval(x);\n", "mend"),
        ("a.ts", "exec(`rm ${x}`);\n", "mend"),
        ("a.go", "c := &tls.Config{InsecureSkipVerify: true}\n", "mend"),
        ("a.sh", "curl https://x.example/i | sh\n", "mend"),
        ("Dockerfile", "RUN curl -s https://x.example/i | bash\n", "mend"),
    ],
)  # fmt: skip
async def test_dangerous_lines_that_came_are_found(path: str, text: str, weight: str) -> None:
    findings = [each for each in await found({}, {path: text}) if each.guard == "dangerous code"]
    assert [each.weight.value for each in findings] == [weight]
    assert findings[0].line == (2 if text.count("\n") > 1 else 1)
    assert [
        each for each in await found({path: text}, {path: text + "x = 1\n"}) if each.guard == "dangerous code"
    ] == []
    assert await stops({}, {path: text}, allow=["security", "suppressions"]) == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("a.py", "import subprocess\nsubprocess.run(['ls', x], check=True)\n"),
        ("a.py", "import yaml\nyaml.safe_load(x)\nassert x\n"),
        ("tests/test_a.py", "def test_a():\n    assert eval('1 + 1') == 2\n"),
        ("a.ts", "const y = model.eval(x);\n"),
        ("a.py", "def broken(:\n"),
        ("README.md", "curl https://x.example/i | sh\n"),
    ],
)
async def test_what_is_near_it_passes(path: str, text: str) -> None:
    assert [each for each in await found({}, {path: text}) if each.guard == "dangerous code"] == []


# -- Given answers ---------------------------------------------------------------------------------------------------
GREET = "def greet(name):\n    return 'Hello, !'\n"
TEST = "from greet import greet\n\n\ndef test_greet():\n    assert greet('Bob') == 'Hello, Bob!'\n    assert greet(4213) == 99\n"


@pytest.mark.parametrize(
    "code",
    [
        "def greet(name):\n    if name == 'Bob':\n        return 'Hello, Bob!'\n    return 'Hello, !'\n",
        "def greet(name):\n    return 'Hello, Bob!' if name == 'Bob' else 'Hello, !'\n",
        "def greet(name):\n    return {'Bob': 'Hello, Bob!'}.get(name, 'Hello, !')\n",
        "def greet(name):\n    if name == 4213:\n        return 99\n    return 'Hello, !'\n",
        "import os\n\n\ndef greet(name):\n    if 'PYTEST_CURRENT_TEST' in os.environ:\n        return name\n    return 'Hello, !'\n",
        "import sys\n\n\ndef greet(name):\n    return name if 'pytest' in sys.modules else ''\n",
        "class Same(str):\n    def __eq__(self, other):\n        return True\n",
    ],
)
async def test_code_that_knows_the_tests_is_found(code: str) -> None:
    before, after = {"greet.py": GREET}, {"greet.py": code, "tests/test_greet.py": TEST}
    assert "answers" in await stops(before, after)
    assert "answers" not in await stops(before, after, allow=["answers"])


@pytest.mark.parametrize(
    ("code", "test"),
    [
        ("def greet(name):\n    return f'Hello, {name}!'\n", TEST),
        ("def greet(name):\n    if not name:\n        return 'Hello!'\n    return f'Hello, {name}!'\n", TEST + "    assert greet('') == 'Hello!'\n"),
        ("def fact(n):\n    return 1 if n == 0 else n * fact(n - 1)\n", "def test_fact():\n    assert fact(0) == 1\n    assert fact(10) == 3628800\n"),
        ("import os\nDEBUG = os.environ.get('DEBUG') == 'yes'\n", TEST),
        ("class P:\n    def __eq__(self, other):\n        return self.x == other.x\n", TEST),
    ],
)  # fmt: skip
async def test_code_that_holds_for_every_case_passes(code: str, test: str) -> None:
    assert (
        await found({"greet.py": GREET}, {"greet.py": code, "tests/test_greet.py": test}, guards=(answers.GUARD,)) == []
    )


async def test_a_table_of_names_is_only_told_to_the_reviewer() -> None:
    code = "def say(code):\n    if code == 404:\n        return 'not found'\n    return ''\n"
    test = "def test_say():\n    assert say(404) == 'not found'\n"
    findings = await found({"say.py": "\n"}, {"say.py": code, "tests/test_say.py": test}, guards=(answers.GUARD,))
    assert [each.weight.value for each in findings] == ["remark"]
