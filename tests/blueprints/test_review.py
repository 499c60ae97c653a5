"""What a reviewer can do to a run, and what it cannot."""

from collections.abc import Callable
from typing import Any, Literal

import pytest

from app.core.budget import Usage
from app.core.minion import GaveUp, Submission
from app.core.reviewer import Review, ReviewFinding
from blueprints.fix.blueprint import BLUEPRINT

BASE = {"greet.py": b"v0\n", ".github/minion.yml": b"lint: tidy\ntest: check\n"}
AT_ONCE = ["implement", "review", "publish"]
"""Of the nodes that matter here; the gates are passed in between."""
ANSWERED = ["answer", "review"]


def fails_until(text: bytes) -> Callable[[dict[str, bytes]], tuple[int, str]]:
    return lambda files: (0, "") if text in files["greet.py"] else (1, "Traceback")


COMMANDS = {"tidy": lambda _: (0, ""), "check": lambda _: (0, "OK"), "try it": fails_until(b"v2")}


def writes(text: bytes, summary: str = "Done.") -> Callable[[dict[str, bytes]], Submission]:
    def act(files: dict[str, bytes]) -> Submission:
        files["greet.py"] = text
        return Submission(summary=summary, model="openai/x", usage=Usage(turns=1, usd=0.1))

    return act


def finding(severity: Literal["blocker", "major", "minor"] = "blocker", command: str = "try it") -> ReviewFinding:
    return ReviewFinding(
        path="greet.py",
        line=1,
        severity=severity,
        claim="An empty name raises.",
        evidence="It ends in a traceback.",
        reproduction=command,
    )


def notes(*findings: ReviewFinding) -> Callable[[dict[str, bytes]], Review]:
    return lambda _: Review(findings=findings, summary="I read it.", model="openai/y", usage=Usage(turns=2, usd=0.02))


def asked(visits: list[str]) -> list[str]:
    """The visits of those nodes."""
    return [name for name in visits if name in {"implement", "repair", "review", "answer", "publish", "explain"}]


def reviewed(run: Any, *acts: Callable[[dict[str, bytes]], Review | GaveUp]) -> Any:
    run.reviewer.acts = list(acts)
    run.task = run.task.model_copy(update={"title": "Say it in colour", "body": "And loud."})
    return run


def body(run: Any) -> str:
    text: str = run.forge.pulls["minions/12-3"]["body"]
    return text


async def test_a_blocker_that_is_seen_to_fail_goes_back_and_is_mended(rig: Any) -> None:
    run = reviewed(
        rig(BASE, COMMANDS, writes(b"v1"), writes(b"v2", "Empty names are fine.")), notes(finding()), notes()
    )
    visits, state = await run.walk(BLUEPRINT)
    assert asked(visits) == ["implement", "review", *ANSWERED, "publish"]
    assert "An empty name raises." in run.minion.facts[1]["report"]
    assert "This command ends with exit code 1 and has to end with 0:\ntry it" in run.minion.facts[1]["report"]
    assert run.minion.facts[1]["attempt"] == "1 of 2"
    assert [(one.reproduction, one.exit_code) for one in state.reviews.settled] == [("try it", 0)]
    assert "✅ A blocker was sent back to the minion: An empty name raises. Its command ends with exit code 0" in body(
        run
    )
    assert "After review: Empty names are fine." in body(run)
    assert "$0.24, of which review $0.04" in body(run)


@pytest.mark.parametrize("lost", range(2, 13))
async def test_every_node_of_a_review_may_run_twice(rig: Any, lost: int) -> None:
    """Not the first piece of work: there the minion of this test would say what it says to the review."""

    def mends(files: dict[str, bytes]) -> Review:
        return notes()(files) if b"v2" in files["greet.py"] else notes(finding())(files)

    whole, cut = (reviewed(rig(BASE, COMMANDS, writes(b"v1"), writes(b"v2")), mends) for _ in range(2))
    expected_visits, expected = await whole.walk(BLUEPRINT)
    visits, state = await cut.walk(BLUEPRINT, lost=frozenset({lost}))
    assert visits == expected_visits
    assert asked(visits) == ["implement", "review", *ANSWERED, "publish"]
    assert state.head_sha == expected.head_sha
    assert cut.workspace.pushes == 1


async def test_a_blocker_goes_back_twice_at_most(rig: Any) -> None:
    run = reviewed(rig(BASE, COMMANDS, writes(b"v1"), writes(b"v1b"), writes(b"v1c")), notes(finding()))
    visits, state = await run.walk(BLUEPRINT)
    assert asked(visits) == ["implement", "review", *ANSWERED, *ANSWERED, "publish"]
    assert [facts["attempt"] for facts in run.minion.facts[1:]] == ["1 of 2", "2 of 2"]
    assert state.pull_request_number == 13
    assert "Something is open that should be decided before this is merged." in body(run)
    assert "- [ ] What the review left open was decided on" in body(run)
    assert "❌ A blocker was sent back to the minion" in body(run)


async def test_what_was_sent_back_once_goes_back_again_though_the_next_review_is_silent(rig: Any) -> None:
    """Its command is what counts, not whether somebody says it again."""
    run = reviewed(rig(BASE, COMMANDS, writes(b"v1"), writes(b"v1b"), writes(b"v2")), notes(finding()), notes())
    visits, _ = await run.walk(BLUEPRINT)
    assert asked(visits) == ["implement", "review", *ANSWERED, *ANSWERED, "publish"]
    assert "An empty name raises." in run.minion.facts[2]["report"]


@pytest.mark.parametrize(
    ("found", "commands"),
    [
        (finding("blocker", ""), COMMANDS),
        (finding("blocker", "no such program"), COMMANDS),
        (finding("blocker", "check"), COMMANDS),
        (finding("major"), COMMANDS),
        (finding("minor"), COMMANDS),
        (finding("blocker"), COMMANDS | {"try it": lambda _: (126, "not executable")}),
    ],
    ids=["no command", "no such program", "it succeeds", "major", "minor", "not executable"],
)
async def test_what_is_not_a_blocker_that_fails_is_only_told(rig: Any, found: ReviewFinding, commands: Any) -> None:
    run = reviewed(rig(BASE, commands, writes(b"v1")), notes(found))
    visits, _ = await run.walk(BLUEPRINT)
    assert asked(visits) == AT_ONCE
    assert f"- **{found.severity}** at `greet.py:1`: An empty name raises." in body(run)
    assert "Something is open" not in body(run)


@pytest.mark.parametrize("reason", ["no model", "no reviewer", "failed", "turns", "needs_human"])
async def test_without_a_review_the_run_goes_on_and_says_so(rig: Any, reason: str) -> None:
    run = reviewed(
        rig(BASE, COMMANDS, writes(b"v1")),
        lambda _: GaveUp(reason=reason, detail="It is away.", usage=Usage(turns=1, usd=0.05)),
    )
    visits, state = await run.walk(BLUEPRINT)
    assert asked(visits) == AT_ONCE
    assert "### Review by another model\n\nThere was no review by a second model: " in body(run)
    assert state.reviews.usage.usd == 0.05
    assert "cost $0.15" in body(run)


async def test_a_minion_may_stand_by_its_change(rig: Any) -> None:
    """People read both; the same change is not reviewed again."""
    run = reviewed(
        rig(BASE, COMMANDS, writes(b"v1"), lambda _: GaveUp(reason="spec_conflict", detail="It is wanted so.")),
        notes(finding()),
    )
    visits, state = await run.walk(BLUEPRINT)
    assert asked(visits) == ["implement", "review", *ANSWERED, "publish"]
    assert len(run.reviewer.facts) == 1
    assert state.explanation == ""
    assert "The minion did not mend it." in body(run)
    assert "It is wanted so." in body(run)
    assert "Something is open" in body(run)


async def test_what_a_minion_tried_that_stands_by_its_change_is_taken_away(rig: Any) -> None:
    """Or spent its budget on the answer: half of a change is none."""

    def tries(files: dict[str, bytes]) -> GaveUp:
        files.update({"greet.py": b"oops", "try.py": b"x"})
        return GaveUp(reason="too_big", detail="No turns are left.")

    commands = COMMANDS | {"check": lambda files: (1, "red") if files["greet.py"] == b"oops" else (0, "")}
    run = reviewed(rig(BASE, commands, writes(b"v1"), tries), notes(finding()))
    visits, _ = await run.walk(BLUEPRINT)
    assert asked(visits) == ["implement", "review", *ANSWERED, "publish"]
    assert run.workspace.tree["greet.py"] == b"v1"
    assert "try.py" not in run.workspace.tree
    assert len(run.reviewer.facts) == 1


async def test_what_is_broken_in_the_answer_is_gated_like_everything_else(rig: Any) -> None:
    commands = COMMANDS | {"check": lambda files: (1, "red") if files["greet.py"] == b"oops" else (0, "")}
    run = reviewed(rig(BASE, commands, writes(b"v1"), writes(b"oops"), writes(b"v2")), notes(finding()), notes())
    visits, _ = await run.walk(BLUEPRINT)
    assert asked(visits) == ["implement", "review", "answer", "repair", "review", "publish"]


@pytest.mark.hostile
async def test_what_a_reviewer_does_to_its_copy_is_not_published(rig: Any) -> None:
    def vandal(files: dict[str, bytes]) -> Review:
        files["greet.py"] = b"mine"
        return Review(summary="x")

    run = reviewed(rig(BASE, COMMANDS, writes(b"v1")), vandal)
    await run.walk(BLUEPRINT)
    assert run.workspace.tree["greet.py"] == b"v1"


async def test_it_reads_the_task_the_change_and_exit_codes_and_nothing_that_the_author_said(rig: Any) -> None:
    run = reviewed(rig(BASE, COMMANDS, writes(b"v1", "Trust me.")), notes())
    await run.walk(BLUEPRINT)
    facts = run.reviewer.facts[0]
    assert "Say it in colour" in facts["issue"]
    assert "- after the change: `check`, exit code 0" in facts["commands"]
    assert "Trust me." not in repr(facts)


async def test_a_secret_in_a_reviewers_words_goes_nowhere(rig: Any) -> None:
    token = "ghp_" + "a8Kd03jfLw9qPz72mXcVb5Rt1YhN6GsEu4Qo"
    leaky = finding("minor").model_copy(update={"claim": f"See {token}", "evidence": token, "suggestion": token})
    run = reviewed(rig(BASE, COMMANDS, writes(b"v1")), notes(leaky))
    await run.walk(BLUEPRINT)
    assert token not in body(run)


async def test_a_secret_in_a_command_that_is_shown_goes_nowhere(rig: Any) -> None:
    """A command is run as it is, and told without it: in the pull request, and in what is signed."""
    token = "ghp_" + "a8Kd03jfLw9qPz72mXcVb5Rt1YhN6GsEu4Qo"
    leaky = finding().model_copy(update={"reproduction": f"grep {token} a"})
    run = reviewed(rig(BASE, COMMANDS, writes(b"v1")), notes(leaky), notes(leaky), notes(leaky))
    await run.walk(BLUEPRINT)
    assert token not in body(run)
    assert token not in repr(run.notary.attested)


async def test_a_run_that_is_begun_again_may_be_sent_back_again(rig: Any) -> None:
    run = reviewed(rig(BASE, COMMANDS, writes(b"v1"), writes(b"v1b"), writes(b"v1c")), notes(finding()))
    _, state = await run.walk(BLUEPRINT)
    assert state.reviews.sent_back == 2
    assert state.begun_again().reviews.sent_back == 0


async def test_what_is_signed_is_what_was_pushed(rig: Any) -> None:
    run = reviewed(rig(BASE, COMMANDS, writes(b"v1"), writes(b"v2")), notes(finding()), notes(finding("minor")))
    _, state = await run.walk(BLUEPRINT)
    (said,) = run.notary.attested
    assert (said["head_sha"], said["base_sha"], said["patch_sha256"]) == (state.head_sha, state.base_sha, state.pushed)
    assert [(one["role"], one["model"], one["usd"]) for one in said["models"]] == [
        ("change", "openai/x", 0.2),
        ("review", "openai/y", 0.04),
    ]
    assert [(one["command"], one["exit_code"]) for one in said["commands"]][-1] == ("check", 0)
    assert said["guards"][0] == "secrets"
    assert (said["done"], said["not_done"]) == (state.summary, state.risks)
    assert said["reviews"]["sent_back"] == 1
