"""What was settled about a run before its first node: what it may cost, who works on it, and why this blueprint."""

from collections.abc import Mapping

from pydantic import BaseModel

from app.core.purse import Estimate
from app.core.triage import Decided


class Arm(BaseModel, frozen=True):
    """Which model a run has in one role while a candidate is tried there."""

    model: str
    """The model that works, by its name in the models file."""
    stable: str
    """The model that the candidates are compared with."""
    round: int = 1
    """Counted up by the operator to try a candidate again."""

    @property
    def is_candidate(self) -> bool:
        """Whether it is the model that is tried."""
        return self.model != self.stable


class Terms(BaseModel, frozen=True):
    """Settled once for each run, and saved with it: a crash, or a later roll-back, changes nothing for this run."""

    is_open: bool = False
    """Whether nobody named a blueprint, as with the bare label: then triage may choose another one, or decline."""
    triage: Decided | None = None
    """What that came to; None as long as nobody looked."""
    is_settled: bool = False
    estimate: Estimate | None = None
    """None where too few runs came before it."""
    arms: Mapping[str, Arm] = {}
    """By role; only of roles in which a candidate is tried."""
