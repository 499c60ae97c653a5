from pathlib import Path

import pytest

from app.adapters.workspace.seen import MOST_BYTES, Seen
from app.core.patch import Patch

BASE, CHANGE = "b" * 40, Patch(data=b"a change")


@pytest.fixture
def stamp(tmp_path: Path) -> Path:
    (tmp_path / "1").mkdir()
    return tmp_path / "1" / "stamp"


@pytest.fixture
def seen(stamp: Path) -> Seen:
    """A tree that was looked at once."""
    one = Seen(stamp)
    one.keep(BASE, CHANGE, one.mark())
    return one


def test_what_was_seen_is_known_as_long_as_nothing_happens(seen: Seen) -> None:
    assert seen.recall(BASE) == CHANGE
    assert seen.recall("c" * 40) is None, "against another base it is another change"


def test_whoever_alters_the_tree_makes_it_unknown(seen: Seen, stamp: Path) -> None:
    with seen.altering():
        assert seen.recall(BASE) is None
    assert seen.recall(BASE) is None
    seen.keep(BASE, CHANGE, seen.mark())
    with Seen(stamp).altering():  # another process
        pass
    assert seen.recall(BASE) is None


def test_a_look_while_somebody_is_at_work_is_worth_nothing_later(seen: Seen) -> None:
    before = seen.mark()
    with seen.altering():
        seen.keep(BASE, CHANGE, before)
        assert seen.recall(BASE) is None
        during = seen.mark()
    seen.keep(BASE, CHANGE, during)
    assert seen.recall(BASE) is None


def test_a_look_that_somebody_altered_the_tree_meanwhile_is_worth_nothing(seen: Seen) -> None:
    before = seen.mark()
    with seen.altering():
        pass
    seen.keep(BASE, CHANGE, before)
    assert seen.recall(BASE) is None


def test_of_a_tree_that_is_made_anew_nothing_is_known(seen: Seen, stamp: Path) -> None:
    with seen.altering():
        stamp.unlink()
        stamp.parent.rmdir()
    assert (seen.recall(BASE), seen.mark()) == (None, b"")
    stamp.parent.mkdir()
    assert seen.recall(BASE) is None
    seen.keep(BASE, CHANGE, seen.mark())
    assert seen.recall(BASE) == CHANGE


def test_a_large_change_is_not_held_in_memory(seen: Seen) -> None:
    seen.keep(BASE, Patch(data=b"x" * (MOST_BYTES + 1)), seen.mark())
    assert seen.recall(BASE) is None


def test_a_tree_that_is_as_it_was_needs_no_look_though_somebody_was_there(seen: Seen) -> None:
    seen.keep(BASE, CHANGE, seen.mark(), b"state")
    with seen.altering():
        assert seen.unmoved(BASE, seen.mark(), b"state") is None, "somebody may be about to write"
    mark = seen.mark()
    assert seen.unmoved(BASE, mark, b"state") == CHANGE
    assert seen.unmoved(BASE, mark, b"other") is None
    assert seen.unmoved(BASE, mark, b"") is None, "nothing is known of its state"
    assert seen.unmoved("c" * 40, mark, b"state") is None


def test_what_a_patch_comes_to_is_known_for_that_patch_and_base_alone(seen: Seen) -> None:
    seen.read(BASE, b"diff", CHANGE)
    assert seen.alike(BASE, b"diff") == CHANGE
    assert seen.alike(BASE, b"diff of more") is None
    assert seen.alike("c" * 40, b"diff") is None
