"""How long is waited for the checks of a commit."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Patience:
    """Seconds, each counted on the clock of this server: GitHub's own may differ."""

    wait_s: float = 3_600
    """From the push on, until all have ended."""
    start_s: float = 120
    """From the push on, until the first has started; there are none if nothing has by then."""
    settle_s: float = 15
    """Without news after the last one ended: another may be about to start."""
