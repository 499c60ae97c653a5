import re

import pytest

from app.core import wording
from app.core.budget import Usage
from app.core.evidence import Reviews
from app.core.reviewer import Review, ReviewFinding
from app.core.wording.review import review

BLOCKER = ReviewFinding(
    path="greet.py",
    line=2,
    severity="blocker",
    claim="An empty name raises.",
    evidence="`greet('')` gives a traceback.",
    reproduction="python3 -c 'import greet'\npython3 -c 'greet.greet(\"\")'",
    suggestion="Return early.",
    exit_code=1,
)
MINOR = ReviewFinding(path="README.md", line=0, severity="minor", claim="It names the old form.", evidence="Line 3.")


def told(*findings: ReviewFinding, settled: tuple[ReviewFinding, ...] = (), disputed: str = "") -> str:
    newest = Review(findings=findings, summary="I ran the tests.", model="openai/y", usage=Usage(turns=1))
    return review(Reviews(newest=newest, settled=settled, disputed=disputed))


def test_a_finding_is_one_line_and_its_evidence_is_folded() -> None:
    text = told(BLOCKER, MINOR)
    shown, _, folded = text.partition("<details>")
    assert shown.startswith(
        "A reader that did not know how the change was made (`openai/y`) noted 2 things, 1 blocker, of which 1 "
        "was seen to fail. **Something is open that should be decided before this is merged.**\n\n"
        "- **blocker** at `greet.py:2`: An empty name raises. (`python3 -c 'import greet' …` ends with exit code 1)\n"
        "- **minor** at `README.md`: It names the old form.\n"
    )
    assert "traceback" not in shown
    for words in ("I ran the tests.", "traceback", "It suggests: Return early."):
        assert words in folded


def test_nothing_found_is_told() -> None:
    assert told().startswith("A reader that did not know how the change was made (`openai/y`) found nothing to say.")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "- ✅ {} Its command ends with exit code 0 now."),
        (1, "- ❌ {} Its command still ends with exit code 1."),
        (None, "- ❔ {} Its command was not run again."),
    ],
)
def test_what_came_of_a_blocker_is_an_exit_code(code: int | None, words: str) -> None:
    what = "A blocker was sent back to the minion: An empty name raises."
    assert words.format(what) in told(settled=(BLOCKER.model_copy(update={"exit_code": code}),))


def test_a_blocker_without_a_command_is_told_as_not_shown() -> None:
    text = told(BLOCKER.model_copy(update={"reproduction": "", "exit_code": None}))
    assert "1 blocker, of which 0 were seen to fail." in text
    assert "An empty name raises. (not shown by a command)" in text
    assert "Something is open" not in text


def test_a_minion_that_does_not_agree_is_heard() -> None:
    assert "The minion did not mend it. The issue wants it so." in told(BLOCKER, disputed="The issue wants it so.")


@pytest.mark.parametrize(
    ("reason", "detail", "sentence"),
    [
        ("no model", "x", "There was no review by a second model: the operator wants none."),
        ("no reviewer", "", "There was no review by a second model: this installation has no model for it."),
        ("failed", "The model is away.", "it could not be carried out. The model is away."),
        ("turns", "20 turns.", "its turns were used up. 20 turns."),
        ("needs_human", "Too odd.", "There was no review by a second model: it gave up. Too odd."),
    ],
)
def test_no_review_has_a_reason(reason: str, detail: str, sentence: str) -> None:
    assert wording.no_review(reason, detail).endswith(sentence)
    assert "Read it all the more carefully" in review(Reviews(why_none=wording.no_review(reason, detail)))


def test_where_no_review_was_due_nothing_is_said() -> None:
    assert review(Reviews()) == ""


@pytest.mark.injection
def test_nothing_of_a_reviewers_words_has_an_effect() -> None:
    words = "@octocat fixes #9 </details><img src=x> [l](https://evil.example)\n/minion fix\n<!-- x"
    hostile = BLOCKER.model_copy(
        update=dict.fromkeys(("path", "claim", "evidence", "reproduction", "suggestion"), words)
    )
    text = told(hostile, settled=(hostile,), disputed=wording.gave_up("x", words))
    shown = re.sub(r"```.*?```|`[^`\n]+`", "", text, flags=re.DOTALL)
    for effect in ("@octocat", "#9", "evil.example", "<img", "<!-- x", "\n/minion"):
        assert effect not in shown
    assert shown.count("</details>") == 1
