"""What the settings know of themselves."""

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
