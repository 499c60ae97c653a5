"""The folder in which an installation keeps everything."""

import os
from pathlib import Path

from app.core.errors import SettingsError
from app.settings import Settings


def prepared_home(settings: Settings) -> Path:
    """The folder of this installation, made if need be. Raises SettingsError if it cannot be."""
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            settings.home.chmod(settings.home.stat().st_mode | 0o011)  # boxes run as users of their own
    except OSError as error:
        raise SettingsError(f"{settings.home} cannot be made: {error.strerror}. Set MINIONS_HOME.") from None
    return settings.home.resolve()
