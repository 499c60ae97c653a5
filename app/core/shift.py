"""The time in which a worker works, and how a run is left to another worker at its end."""

from dataclasses import dataclass

from app.core.errors import MinionsError


class HandedOver(MinionsError):
    """This worker does not go on with the run, and another may at once: nothing of it is under way any more."""


@dataclass
class Shift:
    """Looked at by what takes long, wherever it can stop without losing anything."""

    is_over: bool = False
    """This worker was told to stop: what is written down by now is gone on with elsewhere."""

    def end(self) -> None:
        """Tell everybody here to come to an end."""
        self.is_over = True

    def go_on(self) -> None:
        """Raise HandedOver if the shift is over."""
        if self.is_over:
            raise HandedOver("This worker was told to stop.")
