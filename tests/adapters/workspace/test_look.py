import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.adapters.workspace.look import look


def later() -> int:
    return time.time_ns() + 10**9


def told(upper: Path, *lower: str) -> bytes:
    return look(upper, lower, later)


@pytest.fixture
def upper(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "a.py").write_text("one")
    return folder


def rewrite(upper: Path) -> None:
    """As long as before, in the same file, and as old as before by what `ls` tells."""
    file = upper / "src" / "a.py"
    before = file.stat()
    file.write_text("two")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def link(upper: Path) -> None:
    (upper / "src" / "link").symlink_to("/etc/passwd")


def replace(upper: Path) -> None:
    (upper / "src" / "b.py").write_text("one")
    (upper / "src" / "b.py").rename(upper / "src" / "a.py")


TOUCHES: dict[str, Callable[[Path], None]] = {
    "new": lambda upper: (upper / "src" / "b.py").touch(),
    "gone": lambda upper: (upper / "src" / "a.py").unlink(),
    "mode": lambda upper: (upper / "src" / "a.py").chmod(0o755),
    "empty folder": lambda upper: (upper / "lib").mkdir(),
    "same length, same time": rewrite,
    "link": link,
    "replaced by one like it": replace,
    "a repository within": lambda upper: (upper / "src" / ".git").mkdir(),
}


@pytest.mark.parametrize("what", TOUCHES)
def test_whatever_is_done_to_a_tree_is_seen(upper: Path, what: str) -> None:
    before = told(upper)
    assert before
    # A change in the very tick of the one before is what `now_ns` guards against.
    tick = (upper / "src").stat().st_ctime_ns
    while _now(upper.parent) <= tick:
        pass
    TOUCHES[what](upper)
    assert told(upper) != before


def _now(folder: Path) -> int:
    """By the clock that files are dated by."""
    probe = folder / "probe"
    probe.write_text("x")
    return probe.stat().st_ctime_ns


def test_reading_leaves_no_trace(upper: Path) -> None:
    before = told(upper)
    (upper / "src" / "a.py").read_text()
    assert told(upper) == before


def test_the_minions_own_repository_is_no_part_of_it(upper: Path) -> None:
    (upper / ".git").mkdir()
    before = told(upper)
    (upper / ".git" / "index").write_text("refreshed")
    assert told(upper) == before


def test_other_layers_below_are_another_state(upper: Path) -> None:
    assert told(upper, "base") != told(upper, "set-up", "base")


def test_nothing_is_told_of_what_was_touched_just_now(upper: Path) -> None:
    touched = (upper / "src" / "a.py").stat().st_ctime_ns
    assert look(upper, (), lambda: touched + 1) == b""


def test_a_tree_that_nobody_wrote_in_has_a_state_too(tmp_path: Path) -> None:
    assert told(tmp_path / "none")


def test_a_tree_with_thousands_of_new_files_is_gits_affair(upper: Path) -> None:
    for number in range(3_001):
        (upper / f"{number}").touch()
    assert told(upper) == b""
