"""PostgreSQL's own dump of a database, written and read back by the programs that come with the embedded one."""

import os
import subprocess
from pathlib import Path
from typing import Final

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from app.adapters.postgres import client_programs
from app.core.errors import SettingsError

_HANDED_ON: Final = ("HOME", "PGPASSFILE", "PGSSLMODE", "PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY")
"""What libpq is told by variables, besides the password."""


def dump(url: str, to: Path) -> None:
    """Write all that is in the database at one moment. `url` is as operators write it. Raises SettingsError."""
    _run("pg_dump", url, "--format=custom", f"--file={to}")


def load(source: Path, url: str) -> None:
    """Read a dump into an empty database: all of it or nothing. Raises SettingsError."""
    _run("pg_restore", url, "--no-owner", "--no-privileges", "--single-transaction", str(source))


def is_empty(url: str) -> bool:
    """Whether nobody has made our tables there. Raises SettingsError if it cannot be reached."""
    try:
        with psycopg.connect(url) as connection:
            found = connection.execute("SELECT to_regclass('runs'), to_regclass('alembic_version')").fetchone()
    except psycopg.Error as error:
        raise SettingsError("The database cannot be reached.", detail=str(error)) from None
    return found == (None, None)


def _run(program: str, url: str, *words: str) -> None:
    """Run one of the programs. It learns the password by its environment: everybody may read arguments."""
    parts = conninfo_to_dict(url)
    password = str(parts.pop("password", None) or "")
    address = f"--dbname={make_conninfo('', **parts)}"
    environment = {"PATH": os.defpath, "LC_ALL": "C"} | ({"PGPASSWORD": password} if password else {})
    environment |= {name: os.environ[name] for name in _HANDED_ON if name in os.environ}
    command = [str(client_programs() / program), address, *words]
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    if done.returncode:
        said = done.stderr.strip()[-2_000:]
        newer = "version mismatch" in said or "unsupported version" in said
        remedy = f" Use the {program} that came with your PostgreSQL." if newer else ""
        raise SettingsError(f"{program} failed.{remedy}", detail=said)
