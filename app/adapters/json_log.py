"""The log as one JSON object a line, for who collects the logs of many machines."""

import json
import logging
from datetime import UTC, datetime

from app.core.logged import RUN
from app.core.redaction import Redactor


class JsonLog(logging.Formatter):
    """`{"time", "level", "logger", "run", "message", "error"}` in one line of ASCII, without secrets.

    `run` and `error` (a traceback) are there where there is one. All that could forge a line is escaped by JSON.
    """

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._clean = redactor.redact

    def format(self, record: logging.LogRecord) -> str:
        """The line as it is written."""
        said: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": self._clean(record.getMessage()),
        }
        if (run := RUN.get()) is not None:
            said["run"] = run
        if record.exc_info:
            said["error"] = self._clean(self.formatException(record.exc_info))
        return json.dumps(said)
