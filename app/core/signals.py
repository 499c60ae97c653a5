"""What people want of a minion while it is at work. The engine writes it, the loop looks at it at every turn."""

from dataclasses import dataclass


@dataclass
class Signals:
    """For one visit of one node."""

    wrap_up: bool = False
    """Somebody wants an end with what there is."""
    raised_usd: float = 0.0
    """US dollars that were added to the node's budget."""
