"""What the check run of a stopped run says about the places that gates stopped its change for."""

from app.core.guards import Finding
from app.core.redaction import Redactor
from app.core.wording import stopped_here
from app.guards import secrets
from tests.guards.changes import patch_of

BEFORE = {"greet.py": "def greet(name):\n    return 'Hello, !'\n"}
AFTER = {"greet.py": "def greet(name):  # noqa\n    return f'Hello, {name}!'\n"}
FOUND = Finding(guard="suppressions", sentence="Mend it.", path="greet.py", line=1)


def test_a_place_is_shown_as_the_change_has_it() -> None:
    assert stopped_here(patch_of(BEFORE, AFTER), [FOUND]) == (
        "Nothing of this was pushed. The places that gates stopped it for, as the change has them:\n\n"
        "**suppressions** · `greet.py:1`: Mend it.\n\n"
        "```diff\n"
        "-def greet(name):\n"
        "-    return 'Hello, !'\n"
        "+def greet(name):  # noqa\n"
        "+    return f'Hello, {name}!'\n"
        "```"
    )


def test_a_line_that_went_is_shown_as_it_was() -> None:
    patch = patch_of({"a": "1\n2\n3\n"}, {"a": "1\n3\n"})
    gone = FOUND.model_copy(update={"path": "a", "line": 2, "is_before": True})
    assert "```diff\n 1\n-2\n 3\n```" in stopped_here(patch, [gone])


def test_what_has_no_line_is_told_in_words() -> None:
    assert stopped_here(patch_of(BEFORE, AFTER), [FOUND.model_copy(update={"line": 0})]).endswith(
        "**suppressions** · `greet.py`: Mend it."
    )


def test_a_fence_in_the_change_does_not_end_ours() -> None:
    found = FOUND.model_copy(update={"path": "a.md"})
    told = stopped_here(patch_of({}, {"a.md": "```\n@octocat\n"}), [found])
    assert "````diff\n+```\n+@octocat\n````" in told


def test_of_a_file_with_a_secret_no_line_is_shown() -> None:
    """A key has many lines, and a few of them look like nothing that a pattern knows."""
    key = ["-----BEGIN RSA PRIVATE KEY-----", *["MIIEow1BAAkCAQEAq7BFUpkGp3+LQmlQ"] * 9]
    patch = patch_of({}, {"greet.py": "\n".join([*key, "x = 1  # noqa\n"])})
    found = [FOUND.model_copy(update={"line": 11}), Finding(guard=secrets.NAME, sentence="No.", path="greet.py")]
    assert "MIIEow" in stopped_here(patch, found[:1])
    assert "MIIEow" not in Redactor().redact(stopped_here(patch, found))


def test_there_is_an_end_to_it() -> None:
    told = stopped_here(patch_of(BEFORE, AFTER), [FOUND] * 30)
    assert told.count("```diff") == 20
    assert told.endswith("… and 10 more")
