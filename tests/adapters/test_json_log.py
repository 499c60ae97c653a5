"""The log for machines."""

import json
import logging
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pytest

from app.adapters.json_log import JsonLog
from app.core.logged import RUN
from app.core.redaction import Redactor

SECRET = "the-secret-of-this-server"


def line(message: str, *words: object, fails: bool = False) -> dict[str, Any]:
    info = (ValueError, ValueError(f"bad\nvalue {SECRET}"), None) if fails else None
    record = logging.LogRecord("minions", logging.WARNING, "x.py", 1, message, words, info)
    text = JsonLog(Redactor([SECRET])).format(record)
    assert text.isascii()
    assert text.splitlines() == [text]
    found: dict[str, Any] = json.loads(text)
    return found


def test_says_when_who_what_and_how_bad() -> None:
    said = line("it said %s", "no")
    assert (said["level"], said["logger"], said["message"]) == ("WARNING", "minions", "it said no")
    assert said["time"].endswith("+00:00")
    assert set(said) == {"time", "level", "logger", "message"}


@pytest.mark.house
def test_every_field_is_in_the_documentation() -> None:
    def of_run() -> set[str]:
        RUN.set(7)
        return set(line("it broke", fails=True))

    section = (Path(__file__).parents[2] / "docs/operating.md").read_text("utf-8").split("\n| Field |")[1]
    rows = section.split("\n\n")[0].splitlines()[2:]
    assert {row.split("|")[1].strip(" `") for row in rows} == copy_context().run(of_run)


def test_names_the_run_that_it_is_about() -> None:
    def of_run() -> dict[str, Any]:
        RUN.set(7)
        return line("it goes on")

    assert copy_context().run(of_run)["run"] == 7
    assert "run" not in line("it goes on")


def test_secrets_are_taken_out_of_messages_and_tracebacks() -> None:
    assert line("it said %s", SECRET)["message"] == "it said [redacted:secret]"
    assert "[redacted:secret]" in line("it broke", fails=True)["error"]


@pytest.mark.injection
@pytest.mark.parametrize("end", ["\n", "\r\n", "\u2028", "\x85", '", "level": "INFO', "\x1b[2J\udc80"])
def test_nobody_forges_a_line(end: str) -> None:
    assert line("refused: %s", f"no{end}yes")["level"] == "WARNING"
