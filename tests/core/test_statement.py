import json
from datetime import UTC, datetime
from typing import Any

import pytest

from app.core.evidence import Evidence, Reviews, Where
from app.core.guards import Finding
from app.core.reviewer import Review, ReviewFinding
from app.core.run import Run, Status
from app.core.statement import (
    PREDICATE_TYPE,
    STATEMENT_TYPE,
    Published,
    Unreadable,
    Worked,
    base_of,
    digest_of,
    encoded,
    envelope,
    read,
    statement,
)
from app.core.task import Person, Repository, Task

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
RUN = Run(
    id=3,
    key="secret-key-of-the-page",
    task=Task(
        repository=Repository(id=1, full_name="octo/cat", installation_id=1),
        number=12,
        title="Greeting forgets the name",
        body="…",
        requester=Person(id=5, login="ann"),
        asked_at=NOW,
    ),
    blueprint="fix",
    blueprint_version=1,
    status=Status.RUNNING,
    at="publish",
    state={},
    asked_at=NOW,
)
FINDING = ReviewFinding(path="a.py", line=1, severity="minor", claim="c", evidence="e")
PUBLISHED = Published(
    head_sha="a" * 40,
    base_sha="b" * 40,
    branch="minions/12-3",
    base_branch="main",
    patch_sha256="c" * 64,
    files=1,
    added=2,
    deleted=1,
    commands=(Evidence(command="pytest", exit_code=0, seconds=1.23456, where=Where.AFTER),),
    guards=("secrets",),
    figures={"number of tests": "2 before, 3 now"},
    remarks=(Finding(guard="documentation", sentence="Nobody is told.", path="a.py", line=1),),
    done="The name is back.",
    not_done="None.",
    rules=("AGENTS.md",),
    models=(
        Worked(role="change", model="openai/x", usd=0.1, turns=3, tokens=9),
        Worked(role="review", model="openai/y", usd=0.02, turns=1, tokens=2),
    ),
    repairs=1,
    reviews=Reviews(newest=Review(findings=(FINDING,), summary="s", model="openai/y")),
)


def made(**more: Any) -> bytes:
    published = PUBLISHED.model_copy(update=more)
    return statement(RUN, published, builder="https://minions.example", version="0.1.0", at=NOW)


def test_it_names_its_subjects_and_what_they_were_made_from() -> None:
    said = read(made())
    assert said["_type"] == "https://in-toto.io/Statement/v1"
    assert said["subject"] == [
        {"name": "octo/cat@minions/12-3", "digest": {"gitCommit": "a" * 40}},
        {"name": "patch", "digest": {"sha256": "c" * 64}},
    ]
    assert (digest_of(said, "gitCommit"), digest_of(said, "sha256"), base_of(said)) == ("a" * 40, "c" * 64, "b" * 40)


def test_it_says_what_was_run_looked_at_and_used() -> None:
    predicate = read(made())["predicate"]
    assert predicate["buildDefinition"]["buildType"] == "urn:x-minions:blueprint:fix:1"
    assert predicate["buildDefinition"]["externalParameters"]["requester"] == "ann"
    assert predicate["runDetails"]["metadata"]["invocationId"] == "urn:x-minions:run:3"
    assert predicate["commands"] == [
        {"when": "after the change", "command": "pytest", "exitCode": 0, "timedOut": False, "seconds": 1.235}
    ]
    assert predicate["guards"] == ["secrets"]
    assert predicate["figures"] == {"number of tests": "2 before, 3 now"}
    assert predicate["remarks"] == [
        {"guard": "documentation", "path": "a.py", "line": 1, "sentence": "Nobody is told."}
    ]
    assert (predicate["done"], predicate["notDone"]) == ("The name is back.", "None.")
    assert [(one["role"], one["model"]) for one in predicate["models"]] == [
        ("change", "openai/x"),
        ("review", "openai/y"),
    ]
    assert predicate["cost"] == {"usd": 0.12}
    assert predicate["review"]["findings"][0]["claim"] == "c"


def test_the_address_of_the_page_is_not_in_it() -> None:
    assert b"secret-key-of-the-page" not in made()


def test_the_same_facts_are_the_same_bytes() -> None:
    assert made() == made()
    assert made() != made(head_sha="d" * 40)


def test_what_is_signed_is_encoded_as_dsse_says() -> None:
    """The example of the specification."""
    assert encoded("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


@pytest.mark.parametrize(
    "text",
    [b"", b"[]", b"{}", b"not json", b'{"payloadType": "x", "payload": "eA=="}', b"x" * 5_000_000],
    ids=["empty", "list", "object", "text", "unsigned", "huge"],
)
def test_what_is_no_envelope_is_told(text: bytes) -> None:
    with pytest.raises(Unreadable):
        envelope(text)


@pytest.mark.parametrize(
    "said",
    [
        b"\xff",
        b"[]",
        json.dumps({"_type": "x"}).encode(),
        json.dumps({"_type": STATEMENT_TYPE, "predicateType": "https://slsa.dev/provenance/v1"}).encode(),
    ],
)
def test_what_is_no_statement_of_ours_is_told(said: bytes) -> None:
    with pytest.raises(Unreadable):
        read(said)


@pytest.mark.parametrize(
    "subject",
    [None, [], ["x"], [{"digest": None}], [{"digest": {"gitCommit": 1}}], [{"digest": {"gitCommit": "a"}}] * 2],
)
def test_a_subject_that_is_missing_or_twice_is_told(subject: Any) -> None:
    said = {"_type": STATEMENT_TYPE, "predicateType": PREDICATE_TYPE, "subject": subject}
    with pytest.raises(Unreadable):
        digest_of(said, "gitCommit")
    with pytest.raises(Unreadable):
        base_of(said)
