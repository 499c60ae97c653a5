"""The folder in which an installation keeps everything."""

import errno
import os
from pathlib import Path

from app.core.errors import SettingsError
from app.settings import Settings


def trouble(error: OSError) -> str:
    """What to do where a file or folder of the installation cannot be written; empty if it is something else."""
    said, where = str(error), f" ({error.filename2 or error.filename})" if error.filename else ""
    if error.errno in {errno.ENOSPC, errno.EDQUOT} or os.strerror(errno.ENOSPC) in said:  # `shutil.Error` has no number
        return f"The disk is full{where}. Make room there, or set MINIONS_HOME to a folder on a larger one."
    if error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}:
        return (
            f"{error.strerror}{where}. Give this user the right to write there, or set MINIONS_HOME to another folder."
        )
    return ""


def prepared_home(settings: Settings) -> Path:
    """The folder of this installation, made if need be. Raises SettingsError if it cannot be."""
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            settings.home.chmod(settings.home.stat().st_mode | 0o011)  # boxes run as users of their own
    except OSError as error:
        raise SettingsError(f"{settings.home} cannot be made: {error.strerror}. Set MINIONS_HOME.") from None
    return settings.home.resolve()
