# ruff: noqa: E501 - a case is a line
"""What a reviewer does not see: hidden text, blanks in many places, pointers, marks, and code that watches for tests."""

import pytest

from app.guards import answers, binaries, churn, generated, hidden
from tests.guards.changes import found, stops

pytestmark = [pytest.mark.gates, pytest.mark.hostile]

HIDDEN = {
    "turned round": ("a.py", "# \u202e } if admin \u2066"),
    "without width": ("a.py", "if name == 'b\u200b':"),
    "in a test": ("tests/test_a.py", "assert f('a\u2060') == 1"),
    "in settings": ("a.yaml", "name: a\u202eb"),
    "tags": ("README.md", "Do this.\U000e0049\U000e0067"),
    "Cyrillic": ("a.py", "def pr\u0456ce():"),
    "Cyrillic in Go": ("a.go", "func \u0410dmin2() {}"),
    "far to the right": ("a.py", "x = 1" + " " * 300 + "; import os; os.system('x')"),
    "far to the right, with tabs": ("a.js", "f();" + "\t" * 200 + "steal();"),
}  # fmt: skip
SEEN = {
    "a flag": ("README.md", "\U0001f3f4\U000e0067\U000e0062\U000e0073\U000e0063\U000e0074\U000e007f"),
    "a family": ("a.py", "x = '\U0001f468\u200d\U0001f469'"),
    "Persian": ("a.json", '"\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"'),
    "Hebrew": ("he.po", 'msgstr "\u05e9\u05dc\u05d5\u05dd\u200f!"'),
    "a mark at the beginning": ("a.cs", "\ufeffusing System;"),
    "Greek": ("a.py", "\u0394x = 1"),
    "Russian": ("a.py", "# \u043f\u0440\u0438\u0432\u0435\u0442 API"),
    "an escape": ("a.py", "x = '\\u202e'"),
    "a comment that is lined up": ("a.c", "int x;" + " " * 60 + "/* x */"),
    "a table": ("a.py", "| a" + " " * 200 + "| b |"),
}  # fmt: skip


@pytest.mark.parametrize("case", HIDDEN)
async def test_hidden_text_goes_back(case: str) -> None:
    path, line = HIDDEN[case]
    findings = await found({path: "one\n"}, {path: f"one\n{line}\n"}, guards=(hidden.GUARD,))
    assert [(each.weight.value, each.line) for each in findings] == [("mend", 2)]
    assert findings[0].sentence.isascii()
    assert await stops({path: "one\n"}, {path: f"one\n{line}\n"}, guards=(hidden.GUARD,), allow=["security"]) == []


@pytest.mark.parametrize("case", SEEN)
async def test_text_of_people_passes(case: str) -> None:
    path, line = SEEN[case]
    before = "" if line.startswith("\ufeff") else "one\n"
    assert await found({path: before} if before else {}, {path: f"{before}{line}\n"}, guards=(hidden.GUARD,)) == []


async def test_what_stands_beyond_what_guards_read_is_not_taken_for_a_line_that_was_there() -> None:
    findings = await found({"a.js": "f();\n"}, {"a.js": f"f();{' ' * 5_000}steal();\n"}, guards=(hidden.GUARD,))
    assert [each.weight.value for each in findings] == ["mend", "remark"]
    assert "far to the right" in findings[0].sentence


async def test_a_line_that_nobody_reads_is_told_to_the_reviewer() -> None:
    findings = await found({}, {"a.py": f"DATA = '{'x' * 5_000}'\n"}, guards=(hidden.GUARD,))
    assert [each.weight.value for each in findings] == ["remark"]
    assert await found({}, {"tests/a.py": f"DATA = '{'x' * 5_000}'\n"}, guards=(hidden.GUARD,)) == []


# -- Blanks ----------------------------------------------------------------------------------------------------------
CODE = "".join(f"def f{n}(a,b):\n    return a+b\n" for n in range(40))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (CODE, CODE.replace("a,b", "a, b").replace("a+b", "a + b").replace("a + b", "a - b", 1)),
        (CODE, CODE.replace("\n", " \n")),
        (CODE, CODE.replace("\n", "\r\n")),
        (CODE, CODE.replace("    ", "\t")),
    ],
)
async def test_blanks_in_many_places_are_told_to_the_reviewer(before: str, after: str) -> None:
    findings = await found({"a.py": before}, {"a.py": after}, guards=(churn.GUARD,))
    assert [(each.weight.value, each.path) for each in findings] == [("remark", "a.py")]
    assert "changed lines differ in blanks or line ends only" in findings[0].sentence


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (CODE, CODE.replace("a+b", "a-b")),
        (CODE, CODE.replace("a,b", "a, b", 15)),
        (CODE, CODE[len(CODE) // 2 :] + CODE[: len(CODE) // 2]),
        ("", CODE),
    ],
)
async def test_few_blanks_and_real_changes_are_not(before: str, after: str) -> None:
    assert await found({"a.py": before} if before else {}, {"a.py": after}, guards=(churn.GUARD,)) == []


# -- Pointers and marks ----------------------------------------------------------------------------------------------
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'a' * 64}\nsize 12345\n"


async def test_a_pointer_to_what_nobody_pushed_goes_back() -> None:
    assert await stops({"a.txt": "real\n"}, {"a.txt": POINTER}, guards=(binaries.GUARD,)) == ["binaries"]
    assert await stops({}, {"a.bin": POINTER}, guards=(binaries.GUARD,)) == ["binaries"]
    assert await stops({}, {"a.md": f"A pointer begins so:\n{POINTER}"}, guards=(binaries.GUARD,)) == []
    assert await stops({"a.bin": POINTER}, {"a.txt": "real\n"}, guards=(binaries.GUARD,)) == []


async def test_a_file_of_people_does_not_become_one_of_programs() -> None:
    spoof = {"a.go": "// Code generated by x. DO NOT EDIT.\npackage a\n\nvar x = 2\n"}
    findings = await found({"a.go": "package a\n\nvar x = 1\n"}, spoof, guards=(generated.GUARD,))
    assert [(each.weight.value, each.line) for each in findings] == [("mend", 1)]
    assert await stops({}, spoof, guards=(generated.GUARD,)) == []


# -- Code that watches for tests -------------------------------------------------------------------------------------
WATCHING = {
    "shop.py": [
        'if "pytest" in list(sys.modules): x = 1',
        "IN = any(m.startswith('pytest') for m in sys.modules)",
        "if 'unittest' in sys.modules.keys(): x = 1",
        "if getattr(sys, '_called_from_test', False): x = 1",
        "if os.environ.get('PYTEST_XDIST_WORKER'): x = 1",
        "if 'TOX_ENV_NAME' in os.environ: x = 1",
        "if 'pytest' in sys.argv[0]: x = 1",
        "if 'test' in ' '.join(sys.argv): x = 1",
        "if any('test' in f.filename for f in inspect.stack()): x = 1",
        "if any('test_' in f.name for f in traceback.extract_stack()): x = 1",
        "if sys._getframe(1).f_code.co_name.startswith('test_'): x = 1",
        "    import _pytest",
        "if 'pytest' in sys.modules['__main__'].__file__: x = 1",
    ],
    "shop.js": [
        "const x = process.env.JEST_WORKER_ID ? 3 : 0;",
        "if (process.env['NODE_ENV'] === 'test') { }",
        "if (process.env?.NODE_ENV == `test`) { }",
        "const { VITEST } = process.env;",
        "if (process.env.VITEST) { }",
        "if (globalThis.jest) { }",
        "if (process.argv.some((a) => a.includes('vitest'))) { }",
        "if (process.env.npm_lifecycle_event === 'test') { }",
        "if (new Error().stack.includes('test')) { }",
        "if (typeof afterEach === 'function') { }",
    ],
    "shop.go": [
        'var T = strings.HasSuffix(os.Args[0], ".test")',
        'var T = flag.Lookup("test.v") != nil',
        'if _, f, _, _ := runtime.Caller(1); strings.HasSuffix(f, "_test.go") {}',
    ],
    "shop.rs": ["#[cfg(not(test))]", "    if cfg!(not(test)) { 0 } else { 3 }"],
}  # fmt: skip
NOT_WATCHING = {
    "shop.py": [
        "import sys",
        "if name in sys.modules: reload(sys.modules[name])",
        "if sys.argv[1] == 'test': run()",
        "frame = inspect.stack()[1]",
        "parser.add_argument('--test')",
        "CI = os.environ.get('CI')",
    ],
    "shop.js": [
        "if (process.env.NODE_ENV === 'production') { }",
        "log(error.stack);",
        "const args = process.argv.slice(2);",
        "if (typeof document === 'undefined') { }",
        "if (import.meta.vitest) { }",
    ],
    "shop.go": ["name := os.Args[0]", 'if strings.HasSuffix(name, "_test.go") {', "_, file, _, _ := runtime.Caller(1)"],
    "shop.rs": ["#[cfg(test)]", "#[cfg(not(windows))]", "#![cfg_attr(not(test), no_std)]"],
}


@pytest.mark.parametrize(("path", "line"), [(path, line) for path, lines in WATCHING.items() for line in lines])
async def test_code_that_watches_for_tests_goes_back(path: str, line: str) -> None:
    assert await stops({path: "one\n"}, {path: f"one\n{line}\n"}, guards=(answers.GUARD,)) == ["answers"]


@pytest.mark.parametrize(("path", "line"), [(path, line) for path, lines in NOT_WATCHING.items() for line in lines])
async def test_code_that_looks_at_other_things_passes(path: str, line: str) -> None:
    assert await found({path: "one\n"}, {path: f"one\n{line}\n"}, guards=(answers.GUARD,)) == []
