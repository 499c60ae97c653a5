"""Of a long log what matters is left, and it is as long as it may be."""

import pytest

from app.core.job_log import MOST, trimmed

STAMP = "2026-01-02T03:04:05.1234567Z "


def stamped(*lines: str) -> str:
    return "".join(f"{STAMP}{line}\n" for line in lines)


@pytest.mark.parametrize(
    ("log", "left"),
    [
        (stamped("one", "", "two"), "one\n\ntwo"),
        ("\ufeff" + stamped("first"), "first"),
        (stamped("\x1b[31;1mred\x1b[0m"), "red"),
        (stamped("##[error]Process completed with exit code 2."), "Process completed with exit code 2."),
        (stamped("##[group]Run tests", "a", "##[endgroup]", "b"), "▸ Run tests\na\nb"),
        (stamped("##[group]Install", *"abcdef", "##[endgroup]", "b"), "▸ Install (6 lines)\nb"),
        (stamped("##[group]Install", *"abcd", "error: no", "##[endgroup]"), "▸ Install\na\nb\nc\nd\nerror: no"),
        (stamped("##[group]Never closed", *"abcdef"), "▸ Never closed (6 lines)"),
        (stamped("10%\r50%\r100%"), "10%\n50%\n100%"),
        ("no stamp at all", "no stamp at all"),
        ("", ""),
    ],
)
def test_what_the_runner_adds_is_taken_away(log: str, left: str) -> None:
    assert trimmed(log) == left


@pytest.mark.parametrize(
    "words",
    [
        "##[error]Process completed with exit code 1.",
        "E       AssertionError: assert 1 == 2",
        "FAILED tests/test_a.py::test_b - assert 1 == 2",
        "--- FAIL: TestGreet (0.00s)",
        "src/a.ts(3,5): error TS2322: no",
        "error[E0308]: mismatched types",
        "Traceback (most recent call last):",
        "ValueError: no",
        "  ✕ greets (3 ms)",
        "not ok 3 - greets",
        "thread 'main' panicked at src/main.rs:2:5",
    ],
)
def test_what_stands_around_an_error_is_kept_and_what_is_far_from_it_is_not(words: str) -> None:
    lines = [f"line {number}" for number in range(300)]
    lines[100] = words
    kept = trimmed(stamped(*lines)).split("\n")
    told = words.removeprefix("##[error]")
    at = kept.index(told.strip() if told.startswith("##") else told)
    assert kept[0] == "… 70 lines are left out here …"
    assert kept[at - 30 : at] == lines[70:100]
    assert kept[at + 1 : at + 9] == lines[101:109]
    assert kept[at + 9].startswith("… ")
    assert kept[-1] == "line 299"


def test_a_quiet_log_is_its_end() -> None:
    kept = trimmed(stamped(*(f"line {number}" for number in range(300)))).split("\n")
    assert (kept[0], kept[1], kept[-1], len(kept)) == ("… 275 lines are left out here …", "line 275", "line 299", 26)


@pytest.mark.hostile
@pytest.mark.parametrize(
    "log",
    [
        "error: " * 500_000,
        stamped(*("error: x",) * 50_000),
        stamped(*("##[group]x",) * 50_000),
        "E  " + " " * 1_000_000,
        ("a" * 10_000 + ":") * 100,
        "\x00\ud800" * 100_000,
    ],
    ids=["one line", "all errors", "all groups", "blanks", "colons", "no text"],
)
def test_no_log_is_too_much(log: str) -> None:
    assert len(trimmed(log)) <= MOST
