"""Which run it is that something is logged for: set where a worker takes a run up, read by who writes the log."""

from contextvars import ContextVar
from typing import Final

RUN: Final[ContextVar[int | None]] = ContextVar("run", default=None)
"""None outside of any run. Tasks and threads that are started for a run inherit it."""
