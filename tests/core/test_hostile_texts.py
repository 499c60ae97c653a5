"""Texts of strangers that make a careless pattern take the square of their length, or worse: days for a megabyte."""

from collections.abc import Callable

import pytest

from app.core.command import parse
from app.core.detection import detect
from app.core.failures import failures
from app.core.fence import fenced
from app.core.hidden import strip_hidden
from app.core.neutral import code, neutral, neutral_line, neutral_plain
from app.core.redaction import Redactor
from app.core.secret_patterns import SECRET_PATTERNS

pytestmark = [pytest.mark.hostile, pytest.mark.timeout(30)]

LENGTH = 200_000

REPEATED = [
    *(
        "a",
        "\n",
        " \n",
        "\t\n",
        "\r",
        "\x1b[0",
        "\x1b]",
        "`|",
        "<!--",
        "-->",
        "@a",
        "a.",
        "SG.",
        "sk-",
        "a-",
        "Aa-bb\n",
        "[",
    ),
    *(
        "-----BEGIN PRIVATE KEY-----\n",
        "-----BEGIN RSA ",
        "eyJ",
        "-eyJ",
        "eyJaaaaaaaaaaaaaaa",
        "eyJaaaaaaaaaa.",
        "AccountKey=a",
    ),
    *("FAILED a::", "FAILED :", "\u2715 a ", "\u2715 (1", "not ok 1 - ", "ERROR: a (", "postgres://a:", "# a#a ", "1."),
    *("FAILED a::b", "--- FAIL: a (1", "test a ... ", "http:", "www.", "\\", "&", "~", "/minion\n", "> ", "- "),
]


def named(piece: str) -> str:
    """As it is counted, because not all of them can be read aloud."""
    return f"text {REPEATED.index(piece)}"


def long(piece: str) -> str:
    return (piece * (LENGTH // len(piece) + 1))[:LENGTH]


FUNCTIONS: list[Callable[[str], object]] = [
    *(neutral, neutral_line, neutral_plain, code, Redactor(["a-secret-value"]).redact, strip_hidden, failures, parse),
    lambda text: fenced(text, "a text"),
]


@pytest.mark.parametrize("piece", REPEATED, ids=named)
@pytest.mark.parametrize("read", FUNCTIONS)
def test_no_text_takes_longer_than_its_length_explains(read: Callable[[str], object], piece: str) -> None:
    read(long(piece))
    read(f"{long(piece)} x")


@pytest.mark.parametrize("piece", REPEATED, ids=named)
@pytest.mark.parametrize("file", ["test_a.py", "go.mod", "Makefile", "pyproject.toml", "package.json", "setup.cfg"])
def test_no_file_takes_longer_than_its_length_explains(file: str, piece: str) -> None:
    detect({file: long(piece).encode()}, [file, "tests/"])
    detect({file: f"[tool.{long(piece)}]".encode()}, [file, "tests/"])


@pytest.mark.parametrize("text", ["project = 1", "[project]\ndynamic = 1", "[project]\noptional-dependencies = 1"])
def test_a_project_file_of_the_wrong_shape_is_taken(text: str) -> None:
    assert detect({"pyproject.toml": text.encode()}, ["pyproject.toml", "test_a.py"]).test


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlMTIz", "Bearer [redacted:jwt]"),
        ("token_eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJlMTIz", "[redacted:jwt]"),
    ],
)
def test_tokens_are_still_seen(text: str, rest: str) -> None:
    assert Redactor().redact(text) == rest


def test_a_key_behind_half_of_another_is_still_seen() -> None:
    (key,) = [pattern for pattern in SECRET_PATTERNS if pattern.name == "private-key"]
    half, whole = (
        "-----BEGIN PRIVATE KEY-----\nabc def\n",
        "-----BEGIN PRIVATE KEY-----\na-b c\n-----END PRIVATE KEY-----",
    )
    assert key.regex.findall(half + whole)[-1] == whole
