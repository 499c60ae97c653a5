"""Which models the settings make, and which of them works on a run."""

from typing import Any

import pytest
from pydantic import ValidationError

from app.core.errors import SettingsError
from app.core.model import Profile
from app.main import chosen_model, fallback_model, in_turn, redactor_of
from app.settings import Settings


def settings(**more: Any) -> Settings:
    return Settings(model="anthropic/claude-opus-4-8", **more)


def test_without_a_second_model_there_is_none() -> None:
    first = chosen_model(settings())
    assert (first.name, fallback_model(settings())) == ("anthropic/claude-opus-4-8", None)
    assert in_turn(first, None, former="openai/gpt-5.5") == (first, None)


def test_a_run_stays_with_the_model_that_it_is_at() -> None:
    """The one that worked in its earlier nodes, if that is still in the settings; else the first."""
    both = settings(fallback_model="openai/gpt-5.5")
    first, second = chosen_model(both), fallback_model(both)
    assert second
    assert in_turn(first, second, former="") == (first, second)
    assert in_turn(first, second, former=first.name) == (first, second)
    assert in_turn(first, second, former="openai/gpt-5.5") == (second, first)
    assert in_turn(first, second, former="openai/gpt-4") == (first, second)


def test_each_has_its_own_profile() -> None:
    both = settings(fallback_model="openai/gpt-5.5", model_dialect="whole_file", model_window=50_000)
    second = fallback_model(both)
    assert second
    assert chosen_model(both).profile == Profile(dialect="whole_file", window=50_000)
    assert second.profile == Profile(dialect="apply_patch")


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"fallback_model": "anthropic/claude-opus-4-8"}, "MINIONS_FALLBACK_MODEL names the same model"),
        ({"fallback_model": "openai/gpt-5.5", "fallback_price": "1"}, "MINIONS_FALLBACK_PRICE takes two or three"),
    ],
)
def test_what_makes_no_sense_is_refused(said: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SettingsError, match=sentence):
        fallback_model(settings(**said))


def test_a_dialect_that_there_is_not() -> None:
    with pytest.raises(ValidationError):
        settings(model_dialect="morse")


def test_both_keys_are_kept_out_of_the_log() -> None:
    redactor = redactor_of(settings(model_api_key="first-secret-key", fallback_api_key="second-secret-key"))
    assert "secret-key" not in redactor.redact("first-secret-key second-secret-key")
