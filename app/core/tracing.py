"""Telling a tracing system what runs did, after it happened: from the record, so that a crash makes no gap in it."""

from collections.abc import Sequence
from typing import Protocol

from app.core.run import Run
from app.core.store import Recorded


class Tracer(Protocol):
    """Takes what happened and returns at once. What cannot be delivered is dropped: a run never waits for it."""

    def visited(self, run: Run, records: Sequence[Recorded]) -> None:
        """The last visit of the run is over; `records` are the journal of it."""
        ...

    def ended(self, run: Run) -> None:
        """The run has ended, and that was told."""
        ...
