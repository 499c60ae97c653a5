"""What the settings know of themselves."""

from pathlib import Path

import pytest
from pydantic import SecretStr

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
