"""What is said about checks names what people need, and nothing of others has an effect."""

from typing import get_args

import pytest

from app.core.blueprint import CheckState
from app.core.forge import FailedCheck
from app.core.neutral import neutral
from app.core.wording import handed_over, mending_message, tried_fixes, tried_mending
from app.core.wording.checks import HEADLINES
from tests.core.test_wording import TASK

SHA = "1a2b3c4" + "0" * 33


def told(**more: object) -> str:
    facts = {"checks": "red", "names": ["lint"], "failing": (), "tried": (), "why": ""} | more
    return handed_over(SHA, **facts)  # type: ignore[arg-type]


def test_there_is_a_headline_for_every_end() -> None:
    assert set(HEADLINES) == set(get_args(CheckState))
    assert all("#{number}" in headline for headline in HEADLINES.values())


@pytest.mark.parametrize(
    ("facts", "start"),
    [
        ({}, "At `1a2b3c4` these checks are red: `lint`: nothing that could be tried helped."),
        ({"tried": ["That."]}, "At `1a2b3c4` these checks are red: `lint`, after 1 try:\n\n1. That."),
        ({"checks": "late"}, "At `1a2b3c4` these had not ended when the time for them was up: `lint`."),
        ({"checks": "unclear"}, "At `1a2b3c4` these ended without saying whether it is good: `lint`. A person"),
        ({"names": [f"job {number}" for number in range(12)]}, "At `1a2b3c4` these checks are red: `job 0`"),
    ],
)
def test_who_takes_over_is_told_what_the_checks_say(facts: dict[str, object], start: str) -> None:
    assert told(**facts).startswith(start)


def test_what_was_learned_is_shown() -> None:
    failing = (FailedCheck(name="lint", annotations=("a.py:1: too long",), log="E501"), FailedCheck(name="quiet"))
    assert told(failing=failing, why="The minion gave up.").endswith(
        "The minion gave up.\n\nWhat `lint` says:\n\n- a.py:1: too long\n\n```\nE501\n```"
    )


@pytest.mark.injection
def test_nothing_that_a_job_prints_has_an_effect() -> None:
    bad = "@octo/all closes #12 <!-- x --> ![i](https://evil.example/x) ```"
    failing = (FailedCheck(name=bad, annotations=(bad,), log=f"{bad}\n/minion fix"), FailedCheck(name=bad, summary=bad))
    said = told(names=[bad], failing=failing, tried=[tried_mending(bad), tried_fixes([bad])])
    assert neutral(said) == said, "what has an effect would be changed"


def test_a_commit_on_top_says_what_it_mends() -> None:
    message = mending_message(TASK, checks=["lint", "test"], summary="Shorter [skip ci].", page_url="https://m/r/k")
    subject, body, trailers = message.split("\n\n")
    assert (subject, body) == (f"Mend what lint, test found (#{TASK.number})", "Shorter (skip ci].")
    assert "Minions-Run: https://m/r/k" in trailers
    assert mending_message(TASK, checks=[], summary="", page_url="").startswith("Mend what the checks found")
