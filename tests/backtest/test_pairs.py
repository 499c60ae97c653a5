"""What is read of files, clones and earlier backtests, and what is refused before anything is begun."""

from pathlib import Path
from typing import Any

import pytest

from app.backtest.backtest import Plan
from app.backtest.pair import Pair, Past, pairs_of_file
from app.backtest.record import Record
from app.backtest.weighing import Weighed
from app.core.errors import SettingsError
from app.core.forge import Remote
from app.evaluation.trial import HiddenFile, Trial, Verdict
from app.settings import Settings
from tests.backtest.merged import git


@pytest.fixture
def past(tmp_path: Path) -> Past:
    """A clone of a repository in which a branch was squashed, and a merge commit made."""
    there = tmp_path / "there"
    (there / "tests").mkdir(parents=True)
    git(there, "init", "--quiet", "--initial-branch", "main")
    for name in ("code.py", "tests/test_old.py", "tests/test_gone.py"):
        (there / name).write_text("1\n")
    _commit(there, "Begin")
    git(there, "checkout", "--quiet", "-b", "topic")
    (there / "code.py").write_text("2\n")
    (there / "tests/test_old.py").write_text("2\n")
    (there / "tests/test_gone.py").unlink()
    (there / "tests/check.sh").write_text("true\n")
    (there / "tests/check.sh").chmod(0o755)
    (there / "tests/test_link.py").symlink_to("/etc/passwd")
    _commit(there, "Work")
    git(there, "checkout", "--quiet", "main")
    (there / "other.txt").write_text("meanwhile\n")
    _commit(there, "Meanwhile")
    git(there, "merge", "--quiet", "--no-ff", "--message", "Merge", "topic")
    git(there, "branch", "minions/task-1")
    return Past.of(Remote(url=str(there)), tmp_path)


def _commit(folder: Path, message: str) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", message)


def test_a_merge_commit_leads_to_what_was_merged(past: Past) -> None:
    """Its first parent is the base, without what it says itself."""
    pair = past.settled(Pair(name="12", title="Do it", merged="main"))
    assert (pair.why_not, len(pair.base), len(pair.merged)) == ("", 40, 40)
    work = past.work(pair)
    assert work.others == ("code.py",)
    assert dict(work.tests) == {
        "tests/check.sh": HiddenFile(b"true\n", is_executable=True),
        "tests/test_gone.py": None,
        "tests/test_old.py": HiddenFile(b"2\n"),
    }, "a link may lead outside"


def test_the_change_begins_where_its_branch_did(past: Past) -> None:
    """And not where the other branch stood when it was merged."""
    pair = past.settled(Pair(name="12", title="Do it", base="main^1", merged="topic"))
    assert pair.base == git(past.clone, "rev-parse", "topic^1")
    assert past.settled(pair) == pair


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ({"merged": "0" * 40}, "has a commit that is not in the repository any more"),
        ({"merged": "--all"}, "has a commit that is not in the repository any more"),
        ({"merged": "topic", "base": "main"}, "has no change that begins at its base"),
    ],
)
def test_a_pair_that_cannot_be_used_says_why(past: Past, names: dict[str, str], told: str) -> None:
    assert past.settled(Pair(name="12", title="Do it", **names)).why_not == told


def test_branches_of_ours_are_out_of_the_way(past: Past) -> None:
    assert git(past.clone, "for-each-ref", "--format=%(refname:short)", "refs/heads").split() == ["main", "topic"]
    assert git(past.clone, "remote") == ""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- {name: a, title: A}", "merged"),
        ("- {name: a, title: A, merged: x, mergd: y}", "mergd"),
        ("- {name: a, title: A, merged: x}\n- {name: a, title: B, merged: y}", "Two pairs"),
        ("[", "cannot be used"),
        ("- name: a", "cannot be used: pair 1 `title`: Field required; pair 1 `merged`: Field required.$"),
    ],
)
def test_a_file_of_pairs_that_cannot_be_used_is_told(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "pairs.yaml").write_text(text)
    with pytest.raises(SettingsError, match=told):
        pairs_of_file(tmp_path / "pairs.yaml")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, "Say OWNER/NAME, or --repo with --pairs"),
        ({"repository": "a/b", "clone": Path("/")}, "Say OWNER/NAME, or --repo with --pairs"),
        ({"clone": Path("/")}, "Say OWNER/NAME, or --repo with --pairs"),
        ({"repository": "../b"}, "is no repository"),
        ({"repository": "a/b", "candidates": ()}, "Say which models"),
        ({"repository": "a/b", "candidates": ("x/y", "x/y")}, "named twice"),
        ({"repository": "a/b", "budget_usd": 0.0}, "more than 0"),
        ({"repository": "a/b", "output": Path("/nowhere/x.json")}, "there is no such folder"),
        ({"repository": "a/b", "blueprint": "fxi"}, "There is no blueprint 'fxi'"),
    ],
)
def test_what_cannot_be_tried_is_told_before_anything_is_begun(given: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        Plan(**({"candidates": ("openai/x",)} | given)).check(Settings(_env_file=None))


def test_a_backtest_goes_on_from_its_file(tmp_path: Path) -> None:
    """Trials without a verdict are made anew, and what they cost stays spent."""
    blank = {"kind": "", "language": "", "model": "m", "usd": 0.25}
    record = Record(repository="a/b", blueprint="fix", pairs=(Weighed(pair=Pair(name="#1", title="A", merged="x")),))
    for at, verdict in enumerate((Verdict.SOLVED, Verdict.BROKEN, Verdict.UNPAID, Verdict.STOPPED)):
        record = record.after(Trial(task=f"#{at}", verdict=verdict, **blank))
    record.write(tmp_path / "found.json")
    again = Record.read(tmp_path / "found.json", repository="a/b", blueprint="fix")
    assert ([one.task for one in again.trials], again.spent_usd) == (["#0", "#3"], 1.0)
    assert again.pairs == record.pairs
    with pytest.raises(SettingsError, match="holds a backtest of a/b with fix"):
        Record.read(tmp_path / "found.json", repository="a/c", blueprint="fix")
    (tmp_path / "found.json").write_text("{}")
    with pytest.raises(SettingsError, match="holds no backtest"):
        Record.read(tmp_path / "found.json", repository="a/b", blueprint="fix")
    assert Record.read(tmp_path / "none.json", repository="a/b", blueprint="fix").trials == ()
