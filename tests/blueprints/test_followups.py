"""The blueprints `ci` and `review`, which go on with a pull request that is there."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.core.budget import Usage
from app.core.forge import Verdict
from app.core.minion import GaveUp, Submission
from app.core.task import Person, Remark
from blueprints.ci.blueprint import BLUEPRINT as CI
from blueprints.review.answers import answers_in
from blueprints.review.blueprint import BLUEPRINT as REVIEW

BASE = {"greet.py": b"def greet(name):\n    return 'Hello, !'\n", ".github/minion.yml": b"test: check\n"}
FIXES = BASE | {".github/minion.yml": b"test: check\nautofix: fix\n"}
RED, GREEN = Verdict(state="red", red=("lint",), mark="1"), Verdict(state="green", mark="2")
PENDING = Verdict(state="pending", open=("slow",), mark="0")
AT = datetime(2026, 1, 1, tzinfo=UTC)


def fix(files: dict[str, bytes]) -> tuple[int, str]:
    files["greet.py"] = files["greet.py"].replace(b"Hello, !", b"Hello!")
    return 0, ""


COMMANDS = {"check": lambda _: (0, "OK"), "fix": fix}


def mends(files: dict[str, bytes]) -> Submission:
    files["greet.py"] = b"def greet(name):\n    return 'Hello'\n"
    return Submission(summary="1: It is shorter now.\n2) No: it is needed.", model="openai/x", usage=Usage(turns=1))


def says(_files: dict[str, bytes]) -> Submission:
    return Submission(summary="1: Yes, by its callers.\n2: As above.", model="openai/x")


def run_of(rig: Any, *acts: Any, base: dict[str, bytes] = BASE, remarks: tuple[Remark, ...] = ()) -> Any:
    run = rig(base, COMMANDS, *acts)
    run.task = run.task.model_copy(update={"is_pull_request": True, "number": 5, "remarks": remarks})
    return run


# -- ci ----------------------------------------------------------------------------------------------------------------
async def test_what_is_red_is_mended_and_looked_at_again(rig: Any) -> None:
    run = run_of(rig, mends)
    run.forge.ci.script = [[PENDING, RED], [GREEN]]
    visits, state = await run.walk(CI)
    assert visits == [
        *("read", "prepare", "autofix", "mend", "lint", "test", "guard", "prove", "review", "publish", "watch"),
    ]
    assert [wait.what for wait in run.waits] == ["the checks of bbbbbbb", f"the checks of {state.head_sha[:7]}"]
    assert "E501 too long" in run.minion.facts[0]["report"]
    assert run.workspace.branches["minions/12-3"][1].startswith("Mend what lint found (#5)")
    assert state.checks == "green"


async def test_the_repositorys_own_fixes_come_first_and_no_model_works(rig: Any) -> None:
    run = run_of(rig, base=FIXES)
    run.forge.ci.script = [[RED], [GREEN]]
    visits, _ = await run.walk(CI)
    assert visits[:4] == ["read", "prepare", "autofix", "lint"]
    assert "mend" not in visits


async def test_fixes_that_change_nothing_are_no_round(rig: Any) -> None:
    run = run_of(rig, mends, base=FIXES | {"greet.py": b"def greet(name):\n    return 'Hi'\n"})
    run.forge.ci.script = [[RED], [GREEN]]
    visits, _ = await run.walk(CI)
    assert visits[:4] == ["read", "prepare", "autofix", "mend"]


async def test_what_stays_red_is_handed_over_after_two_rounds(rig: Any) -> None:
    acts = [
        lambda files, n=n: files.update({"greet.py": f"# {n}\n".encode()}) or Submission(summary="So.")
        for n in range(3)
    ]
    run = run_of(rig, *acts)
    run.forge.ci.script = [[RED], [RED], [RED]]
    visits, state = await run.walk(CI)
    assert visits[-1] == "hand_over"
    assert visits.count("publish") == 2
    assert "after 2 tries" in state.explanation


async def test_a_minion_that_cannot_mend_it_hands_over_what_is_known(rig: Any) -> None:
    run = run_of(rig, lambda _: GaveUp(reason="env_broken", detail="The machine was away."))
    run.forge.ci.script = [[RED]]
    visits, state = await run.walk(CI)
    assert visits == ["read", "prepare", "autofix", "mend", "hand_over"]
    assert "At `bbbbbbb` these checks are red: `lint`" in state.explanation
    assert "The machine was away." in state.explanation


@pytest.mark.parametrize(
    ("script", "why", "checks"),
    [
        ([GREEN], "All checks of its newest commit are green", "green"),
        ([Verdict(state="never")], "Nobody checks commits in this repository", "none"),
        ([PENDING], "these checks have not ended in the time there is: `slow`", "late"),
        ([None], "accept the App's new permissions", "unreadable"),
    ],
)
async def test_where_nothing_is_red_nothing_is_done(rig: Any, script: list[Any], why: str, checks: str) -> None:
    run = run_of(rig)
    run.forge.ci.script = [script]
    visits, state = await run.walk(CI)
    assert visits == ["read"]
    assert why in state.explanation
    assert state.checks == checks


@pytest.mark.parametrize("blueprint", [CI, REVIEW])
async def test_on_an_issue_it_says_where_it_is_for(rig: Any, blueprint: Any) -> None:
    run = run_of(rig)
    run.task = run.task.model_copy(update={"is_pull_request": False})
    _, state = await run.walk(blueprint)
    assert "is for pull requests" in state.explanation


# -- review ------------------------------------------------------------------------------------------------------------
ANN = Person(id=5, login="ann")
LINE = Remark(author=ANN, body="Too long.", path="greet.py", line=2, hunk="@@ -1 +1,2 @@", comment_id=71, at=AT)
OTHER = Remark(author=ANN, body="Is `name` needed?", path="greet.py", line=1, comment_id=72, at=AT)
WHOLE = Remark(author=ANN, body="Nice, but @bob.", at=AT)


@pytest.mark.parametrize(
    ("summary", "answers"),
    [
        ("1: Done.\n2: No.", ("Done.", "No.", "")),
        ("All of it.\n\n- 2) No: it is needed.\n- 1. Yes.\n1: Again.", ("Yes.", "No: it is needed.", "")),
        ("Done in 3: one.", ("", "", "")),
        ("99: x\n3: y", ("", "", "y")),
        ("**1:** Yes.\n**2**: No.\n- Remark 3: Maybe.", ("Yes.", "No.", "Maybe.")),
    ],
)
def test_a_sentence_for_each_remark_is_read(summary: str, answers: tuple[str, ...]) -> None:
    assert answers_in(summary, 3) == answers


async def test_each_remark_is_answered_in_its_thread_with_the_commit(rig: Any) -> None:
    run = run_of(rig, mends, remarks=(LINE, OTHER, WHOLE))
    visits, state = await run.walk(REVIEW)
    assert visits == [
        *("listen", "prepare", "respond", "lint", "test", "guard", "prove", "review", "publish", "reply", "watch"),
    ]
    assert "1: ann, at greet.py, line 2:" in run.minion.facts[0]["remarks"]
    ((first,), (second,)) = run.forge.replies[71], run.forge.replies[72]
    assert first.startswith(f"It is shorter now.\n\nSee {state.head_sha} in #13.")
    assert second.startswith("No: it is needed.")
    (comment,) = run.forge.comments.values()
    assert "- To `ann`: It was looked at with the rest." in comment, "the answers to others are none to this one"
    assert "Too long." not in run.minion.facts[0]["issue"], "what was said stands there once"


async def test_a_question_is_answered_without_a_change(rig: Any) -> None:
    run = run_of(rig, says, remarks=(OTHER,))
    visits, state = await run.walk(REVIEW)
    assert visits == ["listen", "prepare", "respond", "reply"]
    assert run.forge.replies[72][0].startswith("Yes, by its callers.\n\nNothing was changed for it.")
    assert (state.explanation, run.workspace.pushes) == ("", 0)


async def test_where_nothing_was_said_it_says_so(rig: Any) -> None:
    visits, state = await (run := run_of(rig)).walk(REVIEW)
    assert visits == ["listen"]
    assert "nothing to answer" in state.explanation
    assert run.forge.replies == {}


@pytest.mark.parametrize("lost", range(11))
async def test_every_node_may_run_twice(rig: Any, lost: int) -> None:
    run = run_of(rig, mends, remarks=(LINE, OTHER, WHOLE))
    await run.walk(REVIEW, lost=frozenset({lost}))
    assert [len(said) for said in run.forge.replies.values()] == [1, 1]
    assert (run.workspace.pushes, len(run.forge.comments)) == (1, 1)
