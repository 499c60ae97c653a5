"""The abuse table: what a command in a box tries, and what has to come of it."""

from typing import Final

from tests.hostile.table import files, kernel, machine, network, processes, resources
from tests.hostile.table.case import Case

CASES: Final[tuple[Case, ...]] = (
    *machine.CASES,
    *kernel.CASES,
    *network.CASES,
    *processes.CASES,
    *resources.CASES,
    *files.CASES,
)
