"""The App's credentials as `/setup` keeps them: one file in the data folder that nobody else can read."""

import json
import os
import secrets
from pathlib import Path
from typing import Final

from pydantic import SecretStr, ValidationError

from app.core.app_manifest import Created
from app.core.errors import SettingsError
from app.settings import Settings

FILE: Final = "github-app.json"


def keep(home: Path, app: Created) -> Path:
    """Write the file, readable by its owner alone, in one step; answer with where it is. Raises SettingsError."""
    said = {
        name: value.get_secret_value() if isinstance(value, SecretStr) else value
        for name, value in ((name, getattr(app, name)) for name in Created.model_fields)
    }
    path = home / FILE
    fresh = path.with_name(f".{FILE}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(said, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        raise SettingsError(f"The App's credentials cannot be written to {path}: {error.strerror}.") from None
    return path


def kept(home: Path) -> Created | None:
    """What was kept; None if nothing was. Raises SettingsError if it cannot be read."""
    path = home / FILE
    try:
        return Created.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        why = getattr(error, "strerror", None) or "it is not what /setup writes"
        raise SettingsError(
            f"The App's credentials cannot be read from {path}: {why}. Mend the file, or move it away and set "
            f"MINIONS_APP_ID, MINIONS_PRIVATE_KEY_FILE and MINIONS_WEBHOOK_SECRETS."
        ) from None


def completed(settings: Settings) -> Settings:
    """The settings with what `/setup` kept, where the environment says nothing of an App."""
    if not is_unset(settings) or (app := kept(settings.home)) is None:
        return settings
    known: dict[str, object] = {
        "app_id": str(app.id),
        "private_key": app.pem,
        "webhook_secrets": (app.webhook_secret,),
    }
    if not settings.is_on_loopback and not settings.signs_in:  # whoever sits at the machine need not sign in
        known |= {"client_id": app.client_id, "client_secret": app.client_secret}
    return settings.model_copy(update=known)


def is_unset(settings: Settings) -> bool:
    """Whether nobody has told anything of an App."""
    told = (settings.app_id, settings.private_key.get_secret_value(), settings.private_key_file)
    return not any((*told, *settings.webhook_secrets))
