import logging

import pytest

from app.adapters.redacted import RedactedLog
from app.core.redaction import Redactor

SECRET = "the-secret-of-this-server"


def line(message: str, *words: object, fails: bool = False) -> str:
    info = (ValueError, ValueError(f"bad\nvalue {SECRET}"), None) if fails else None
    record = logging.LogRecord("minions", logging.WARNING, "x.py", 1, message, words, info)
    return RedactedLog("%(levelname)s %(message)s", Redactor([SECRET])).format(record)


def test_secrets_are_taken_out_of_messages_and_tracebacks() -> None:
    assert line("it said %s", SECRET) == "WARNING it said [redacted:secret]"
    assert SECRET not in line("it broke", fails=True)
    assert "[redacted:secret]" in line("it broke", fails=True)


@pytest.mark.injection
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\u2028", "\x0b", "\x85"])
def test_nobody_forges_a_record(end: str) -> None:
    text = line("refused: %s", f"no{end}WARNING everything is well")
    assert [part for part in text.splitlines() if part.startswith("WARNING")] == text.splitlines()[:1]
    assert text.splitlines()[0].startswith("WARNING refused: no")


@pytest.mark.injection
def test_terminals_are_told_nothing() -> None:
    assert line("%s", "\x1b[2J\x1b]0;title\x07 \u202e\udc80 é") == r"WARNING \x1b[2J\x1b]0;title\x07 \u202e\udc80 é"
