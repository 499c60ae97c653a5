"""The oldest PostgreSQL that is supported, as Debian 12 has it: a server of the tests' own, beside the embedded one."""

from pathlib import Path
from typing import Final

from app.adapters.postgres import EmbeddedPostgres

PROGRAMS: Final = Path("/usr/lib/postgresql/15/bin")


def why_not() -> str:
    """Why there is none here; empty if there is."""
    return "" if (PROGRAMS / "postgres").exists() else "Debian's postgresql-15 is not installed"


class DebianPostgres(EmbeddedPostgres):
    """Started, reached and stopped as the embedded one is, with other programs."""

    def _programs(self) -> Path:
        return PROGRAMS
