"""The log, from which every secret of the settings is kept."""

import logging

from app.adapters.json_log import JsonLog
from app.adapters.redacted import RedactedLog
from app.core.redaction import Redactor
from app.models import secrets_of
from app.settings import Settings

_LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def redactor_of(settings: Settings) -> Redactor:
    """Knows every secret of the settings, and cleans the log from now on."""
    redactor = Redactor([*settings.secrets, *secrets_of(settings)])
    lines = JsonLog(redactor) if settings.log_format == "json" else RedactedLog(_LOG_FORMAT, redactor)
    for handler in logging.getLogger().handlers:
        handler.setFormatter(lines)
    return redactor
