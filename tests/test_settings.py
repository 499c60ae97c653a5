"""What the settings know of themselves."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from app.core.errors import SettingsError
from app.operator_rules import operators_rules
from app.settings import Settings


def test_every_secret_among_them_is_known_as_one() -> None:
    named = [name for name, field in Settings.model_fields.items() if field.annotation is SecretStr]
    values = {name: SecretStr(f"in {name}") for name in named}
    hooks = {"webhook_secrets": (SecretStr("first"), SecretStr("second"))}
    assert len(named) > 5
    assert set(Settings().model_copy(update=values | hooks).secrets) == {
        *(f"in {name}" for name in named),
        "first",
        "second",
    }


@pytest.mark.parametrize(("said", "whole"), [("data", Path.cwd() / "data"), ("~/data", Path.home() / "data")])
def test_the_data_folder_is_known_by_its_whole_path(said: str, whole: Path) -> None:
    assert Settings(home=Path(said)).home == whole


def test_the_operators_rules_are_read_or_what_is_wrong_is_told(tmp_path: Path) -> None:
    file = tmp_path / "rules.md"
    file.write_text("\nNever write to production.\n")
    assert operators_rules(file) == "Never write to production."
    for content in (b"", b" \n", b"a" * 8_001, b"\xff"):
        file.write_bytes(content)
        with pytest.raises(SettingsError, match="MINIONS_RULES_FILE"):
            operators_rules(file)
    with pytest.raises(SettingsError, match="cannot be read"):
        operators_rules(tmp_path / "none.md")
