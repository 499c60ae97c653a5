"""What every part of the hub stands on: the clock, the numbers, and the address."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path


def utc_now() -> datetime:
    """The time."""
    return datetime.now(UTC)


class Ground:
    """The folder of the repositories, the clock, the ids and the server's address."""

    def __init__(self, root: Path, now: Callable[[], datetime]) -> None:
        self.root = root
        self.clock = now
        self.url = ""
        """`http://127.0.0.1:PORT` while the server runs, else empty."""
        self.blob_url = ""
        """Where logs are downloaded from: another origin, as on GitHub."""
        self._last_id = 1_000

    def now(self) -> datetime:
        """The time in whole seconds: GitHub tells no fractions."""
        return self.clock().replace(microsecond=0)

    def new_id(self) -> int:
        """A number that nothing else has. GitHub numbers each kind by itself; mixing them up must not work by luck."""
        self._last_id += 1
        return self._last_id


def node_id(kind: str, number: int | str) -> str:
    """An opaque id as GraphQL has them."""
    return base64.b64encode(f"0:{kind}{number}".encode()).decode()


def stamp(moment: datetime) -> str:
    """A time as GitHub writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def stamp_or_none(moment: datetime | None) -> str | None:
    """A time that may be missing."""
    return stamp(moment) if moment else None
