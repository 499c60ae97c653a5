"""Which changed lines tests run."""

from collections.abc import Mapping
from typing import Protocol

from pydantic import BaseModel


class ChangedCoverage(BaseModel, frozen=True):
    """Which lines of a change tests run."""

    measured: int
    """Changed lines of which the report tells whether they were run; more than none."""
    missing: Mapping[str, tuple[int, ...]] = {}
    """Lines that were not, by path."""

    @property
    def per_cent(self) -> float:
        """How many of the measured lines were run."""
        return 100 * (1 - sum(map(len, self.missing.values())) / self.measured)


class CoverageReader(Protocol):
    """Reads the reports of coverage that test runners leave."""

    async def changed_lines(self, name: str, report: bytes, patch: bytes) -> ChangedCoverage | None:
        """What the report in file `name` (Cobertura, Clover, JaCoCo, lcov) says of the lines that `patch` adds.

        None if nothing of them is measured, or the report cannot be read.
        """
        ...
