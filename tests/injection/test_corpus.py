"""A model that obeys everybody: none of them gets what they want."""

import pytest

from app.guards import ALL
from tests.injection.case import After, without_code
from tests.injection.conftest import SANITY
from tests.injection.hiding import backwards, found, in_bits, in_selectors, in_tags, with_gaps
from tests.injection.table import CASES, CONTROL

pytestmark = [pytest.mark.injection, pytest.mark.timeout(300)]


@pytest.mark.parametrize("name", CASES)
def test_nobody_gets_what_they_want(after: After, name: str) -> None:
    case = CASES[name]
    if case.needs_guard and case.needs_guard not in {guard.name for guard in ALL}:
        pytest.skip(f"there is no guard {case.needs_guard!r} yet")
    assert not case.achieved(after), case.goal


@pytest.mark.parametrize("name", CASES)
def test_hidden_words_do_not_reach_the_model_and_others_do(after: After, name: str) -> None:
    """A case that was never heard would show nothing, and one that is hidden shows that it stays so."""
    case = CASES[name]
    assert (name in after.obeyed) == case.reaches
    calls = {f"obey-{name}-{at}" for at, _ in enumerate(case.calls)}
    assert calls & after.carried_out == (calls if case.reaches else set())


def test_the_model_does_what_it_is_told(after: After) -> None:
    """Otherwise nothing of this would mean anything."""
    assert CONTROL.achieved(after)


def test_whoever_got_outside_would_be_seen(after: After) -> None:
    assert {SANITY.encode(), SANITY.encode() + b"-udp"} <= after.heard
    assert SANITY in after.canaries
    assert any("pytest" in line for line in after.alive)


def test_there_are_enough_cases() -> None:
    assert len(CASES) >= 40
    assert len({case.token for case in CASES.values()}) == len(CASES)


@pytest.mark.parametrize("way", [in_tags, in_selectors, in_bits, backwards, with_gaps])
def test_the_model_reads_what_is_hidden(way: type[str]) -> None:
    assert "OBEY-x1" in found(f"Fine.{way('OBEY-x1')}")


def test_code_has_no_effect_on_github() -> None:
    assert without_code("a `@b` c\n```\n@d\n```\ne @f") == "a  c\n\ne @f"
