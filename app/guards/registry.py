"""The guards, in the order in which people read their findings."""

from typing import Final

from app.guards import (
    answers,
    asked,
    binaries,
    churn,
    dangerous,
    dependencies,
    docs,
    effect,
    empty,
    generated,
    hidden,
    links,
    locks,
    loosened,
    names,
    outside,
    protected,
    replaced,
    secrets,
    size,
    suppressions,
    weakened,
)
from app.guards.guard import Guard

ALL: Final[tuple[Guard, ...]] = (
    empty.GUARD,
    effect.GUARD,
    asked.GUARD,
    protected.GUARD,
    outside.GUARD,
    secrets.GUARD,
    links.GUARD,
    names.GUARD,
    hidden.GUARD,
    binaries.GUARD,
    size.GUARD,
    churn.GUARD,
    weakened.GUARD,
    replaced.GUARD,
    loosened.GUARD,
    suppressions.GUARD,
    answers.GUARD,
    generated.GUARD,
    locks.GUARD,
    dependencies.GUARD,
    dangerous.GUARD,
    docs.GUARD,
)
