import pytest

from blueprints.tests.mistakes import Mistake, mistakes, named, only_tests_changed, spread, targets

FILES = ["src/shop/prices.py", "src/shop/__init__.py", "lib/fares.mjs", "tests/test_prices.py", "README.md", "main.go"]


@pytest.mark.parametrize(
    ("said", "tests", "found"),
    [
        ("Test `src/shop/prices.py`", "", ["src/shop/prices.py"]),
        ("The bounds in prices.py", "import main", ["src/shop/prices.py"]),
        ("Our s.py and xprices.py", "", []),
        ("More tests", "from shop.prices import net", ["src/shop/prices.py"]),
        ("More tests", "import { fare } from '../lib/fares.mjs'", []),
        ("More tests", "import { fare } from './fares'", ["lib/fares.mjs"]),
        ("More tests", "import shop", ["src/shop/__init__.py"]),
    ],
)
def test_code_that_the_issue_names_or_the_tests_import(said: str, tests: str, found: list[str]) -> None:
    assert targets(said, tests, FILES) == found


PYTHON = "def low(a):\n    return a < 3\n\n\ndef high(a):\n    return a\n"


def changes(path: str, text: str, said: str = "") -> list[tuple[int, str]]:
    return [(one.line, one.after) for one in mistakes(path, text, said)]


def test_mistakes_in_python() -> None:
    assert changes("a.py", PYTHON) == [
        (2, "return a <= 3"),
        (2, "return a < 4"),
        (2, "return None"),
        (6, "return None"),
    ]


def test_only_in_functions_that_the_issue_names() -> None:
    assert changes("a.py", PYTHON, "Test `high`") == [(6, "return None")]
    assert len(changes("a.py", PYTHON, "Test `other`")) == 4


def test_mistakes_in_other_languages() -> None:
    text = (
        "// a < b\nimport 'x1';\nexport const f = (a, b) => {\n  if (a <= b && a !== 10) return 'a + b';\n"
        "  const c: Map<string, number> = -a + 1;\n  return true;\n};\n"
    )
    assert changes("a.ts", text) == [
        (4, "if (a < b && a !== 10) return 'a + b';"),
        (4, "if (a <= b || a !== 10) return 'a + b';"),
        (4, "if (a <= b && a === 10) return 'a + b';"),
        (4, "if (a <= b && a !== 11) return 'a + b';"),
        (5, "const c: Map<string, number> = -a - 1;"),
        (5, "const c: Map<string, number> = -a + 2;"),
        (6, "return false;"),
    ]


def test_tests_in_a_file_of_rust_are_left_alone() -> None:
    code = "fn f(a: u8) -> bool { a < 3 }\n"
    text = f"{code}#[cfg(test)]\nmod tests {{ fn g() {{ assert!(f(2)); }} }}\n"
    assert [one.line for one in mistakes("a.rs", text, "")] == [1, 1]
    assert only_tests_changed("a.rs", text, text.replace("f(2)", "!f(3)"))
    assert not only_tests_changed("a.rs", text, text.replace("a < 3", "a < 4"))
    assert not only_tests_changed("a.py", "", "x")


@pytest.mark.parametrize("text", ["def f(:\n", "-" * 100_000 + "1", "x = '\0'"])
def test_what_cannot_be_parsed_has_none(text: str) -> None:
    assert mistakes("a.py", text, "") == []


def test_some_of_many_are_spread_evenly_and_told() -> None:
    many = [Mistake("a.py", number, "a", "b", "") for number in range(1, 101)]
    assert [one.line for one in spread(many, 4)] == [1, 26, 51, 76]
    assert spread(many[:3], 4) == many[:3]
    assert named(many[:1]) == "`a.py:1` `a` → `b`"
    assert named(many).endswith("; and 90 more")
