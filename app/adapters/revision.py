"""Whether a database is as this program needs it, asked without what would change it: to import that takes 0.7 s."""

import re
from pathlib import Path
from typing import Final

import psycopg

OLDEST: Final = 150000
"""PostgreSQL 15: what Debian 12 has, and what the tests run on besides the embedded one."""
_TIMEOUT_S: Final = 3
"""Who needs longer is asked again, with more patience."""
_OPERATORS: Final = re.compile(r"^postgres(?:ql)?(?:\+psycopg)?://")
"""What operators write and what SQLAlchemy reads; psycopg knows the plain form alone."""
_VERSIONS: Final = Path(__file__).parent / "store" / "migrations" / "versions"
_QUESTION: Final = """
    SELECT version_num, current_setting('server_version_num')::int, current_setting('transaction_read_only')
    FROM alembic_version
"""


def is_current(url: str) -> bool:
    """Whether the database at `url`, as operators write it, can be used and has exactly our tables. Blocks.

    False says nothing about why: whoever brings it up to date finds out.
    """
    try:
        with psycopg.connect(_OPERATORS.sub("postgresql://", url), connect_timeout=_TIMEOUT_S) as connection:
            found = connection.execute(_QUESTION).fetchall()
    except (psycopg.Error, ValueError):
        return False
    return [name for name, version, read_only in found if version >= OLDEST and read_only == "off"] == [newest()]


def newest() -> str:
    """Of our tables: versions are numbered, and a file of that name makes each."""
    return max(file.name.partition("_")[0] for file in _VERSIONS.glob("[0-9]*_*.py"))
