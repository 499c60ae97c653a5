"""The guards, in the order in which people read their findings."""

from typing import Final

from app.guards import binaries, empty, links, names, outside, protected, secrets, size
from app.guards.guard import Guard

ALL: Final[tuple[Guard, ...]] = (
    empty.GUARD,
    protected.GUARD,
    outside.GUARD,
    secrets.GUARD,
    links.GUARD,
    names.GUARD,
    binaries.GUARD,
    size.GUARD,
)
