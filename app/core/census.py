"""How many of what there is in the store: what a monitoring system asks for every few seconds."""

from datetime import datetime

from pydantic import BaseModel

from app.core.vitals import Vitals


class Standing(BaseModel, frozen=True):
    """Runs of one blueprint that stand at one status."""

    blueprint: str
    status: str
    runs: int


class Spending(BaseModel, frozen=True):
    """What one model answered, and what it took."""

    model: str
    calls: int
    input_tokens: int
    """With those that were read from a cache."""
    output_tokens: int
    cached_tokens: int
    usd: float


class Census(BaseModel, frozen=True):
    """What there is at one moment."""

    at: datetime
    """When it was taken, by the clock of the database."""
    standings: tuple[Standing, ...]
    waiting: int
    """Runs that were asked for and have not begun."""
    workers: int
    """Workers that were heard of within the last half minute."""
    spendings: tuple[Spending, ...]
    """Since the moment that was asked for."""
    vitals: Vitals
