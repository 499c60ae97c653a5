"""The models file: who works in which role, and what is refused with a sentence."""

from pathlib import Path

import pytest

from app.core.errors import SettingsError
from app.core.terms import Arm
from app.log import redactor_of
from app.models import chosen_models, roles_of
from app.settings import Settings

WELL = """
[models.opus]
name = "anthropic/claude-opus-4-8"
key = "KEY_OF_OPUS"

[models.gpt]
name = "openai/gpt-5.5"
price = [1.25, 10]

[models.small]
name = "hosted_vllm/small"
api_base = "http://127.0.0.1:9"
window = 32000
effort = "low"

[roles.implement]
model = "opus"
fallback = "gpt"
candidates = [{ model = "small", share = 0.1 }]

[roles.repair]
model = "gpt"
fallback = "opus"

[roles.review]
model = "none"
"""


def settings(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "models.toml"
    file.write_text(text)
    return Settings(models_file=file, _env_file=None)


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY_OF_OPUS", "a-very-secret-key")


def names(told: tuple[object, object] | None) -> tuple[str, str]:
    assert told
    return tuple(getattr(one, "name", "") for one in told)  # type: ignore[return-value]


def test_each_role_has_its_model_and_its_fallback(tmp_path: Path) -> None:
    models = chosen_models(settings(tmp_path, WELL))
    assert names(models.pair("implement", {})) == ("anthropic/claude-opus-4-8", "openai/gpt-5.5")
    assert names(models.pair("repair", {})) == ("openai/gpt-5.5", "anthropic/claude-opus-4-8")
    assert names(models.pair("whatever else", {})) == names(models.pair("implement", {}))
    assert models.pair("review", {}) is None
    assert models.pair("triage", {}) is None
    small = models.pinned["small"].profile
    assert (small.window, small.effort) == (32_000, "low")
    assert not chosen_models(settings(tmp_path, WELL)).pinned["gpt"].reserve_usd(0, 1_000_000) < 10


def test_a_run_has_the_arm_that_it_was_given(tmp_path: Path) -> None:
    """Also when the model is in the file no more: then the stable one works."""
    models = chosen_models(settings(tmp_path, WELL))
    small = {"implement": Arm(model="small", stable="opus")}
    assert names(models.pair("implement", small)) == ("hosted_vllm/small", "openai/gpt-5.5")
    assert names(models.pair("implement", {"implement": Arm(model="gone", stable="opus")}))[0].endswith("opus-4-8")


def test_a_role_of_its_own_is_no_change_that_was_needed(tmp_path: Path) -> None:
    """Who mended after the other one had implemented does not find the two in the other order."""
    models = chosen_models(settings(tmp_path, WELL))
    assert names(models.pair("repair", {}, former="anthropic/claude-opus-4-8"))[0] == "openai/gpt-5.5"
    alone = chosen_models(settings(tmp_path, WELL.replace('[roles.repair]\nmodel = "gpt"\nfallback = "opus"', "")))
    assert names(alone.pair("implement", {}, former="openai/gpt-5.5"))[0] == "openai/gpt-5.5"


def test_the_key_is_kept_out_of_the_log(tmp_path: Path) -> None:
    assert "very-secret" not in redactor_of(settings(tmp_path, WELL)).redact("it is a-very-secret-key")


def test_the_short_form_still_says_everything() -> None:
    short = Settings(
        model="openai/a", fallback_model="openai/b", review_model="openai/c", triage_model="openai/d", _env_file=None
    )
    models = chosen_models(short)
    assert names(models.pair("implement", {})) == ("openai/a", "openai/b")
    assert names(models.pair("repair", {}, former="openai/b")) == ("openai/b", "openai/a")
    assert names(models.pair("review", {})) == ("openai/c", "")
    assert names(models.pair("triage", {})) == ("openai/d", "")
    assert roles_of(short) == {}
    silent = chosen_models(Settings(model="openai/a", review_model="none", _env_file=None))
    assert (silent.pair("review", {}), silent.pair("triage", {})) == (None, None)
    alone = chosen_models(Settings(model="openai/a", _env_file=None))
    assert names(alone.pair("review", {})) == ("openai/a", "")


@pytest.mark.parametrize(
    ("was", "becomes", "sentence"),
    [
        ("[roles.implement]", "[roles.implemnt]", "nobody for the role implement"),
        ('fallback = "gpt"', 'fallback = "gtp"', "names 'gtp', and there is no"),
        ('fallback = "gpt"', 'fallback = "opus"', "same model twice"),
        ("share = 0.1", "share = 0.9", "less than or equal to 0.5"),
        ("share = 0.1", "shard = 0.1", "roles.implement.candidates.0.shar"),
        ('key = "KEY_OF_OPUS"', 'key = "sk-ant-api03-secret"', "must be the name of an environment variable"),
        ('key = "KEY_OF_OPUS"', 'key = "NOT_SET_ANYWHERE"', "wanted in the variable NOT_SET_ANYWHERE"),
        ("price = [1.25, 10]", "price = [1]", "The price of gpt in MINIONS_MODELS_FILE takes two or three"),
        ('[roles.repair]\nmodel = "gpt"', '[roles.repair]\nmodel = "none"', "somebody has to work as repair"),
        ("[roles.repair]", "[roles.repare]", "there is no role 'repare'"),
        ("[models.opus]", "[models.opus", "is no TOML"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, was: str, becomes: str, sentence: str) -> None:
    """With a sentence that says where, and never with what may be a key."""
    assert was in WELL
    with pytest.raises(SettingsError) as told:
        chosen_models(settings(tmp_path, WELL.replace(was, becomes)))
    assert sentence in str(told.value)
    assert "secret" not in str(told.value)
