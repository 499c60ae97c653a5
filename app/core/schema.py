"""Whether settings are as their schema says."""

from collections.abc import Sequence
from typing import Any, Protocol

from pydantic import BaseModel


class Mismatch(BaseModel, frozen=True):
    """A place in settings that their schema does not allow."""

    at: str
    """`a.b[0]`; empty for the whole."""
    message: str


class SchemaReader(Protocol):
    """Holds values against JSON Schemas, both of which strangers wrote."""

    def known(self, path: str) -> tuple[str, Any] | None:
        """The name and the schema of a file that everybody knows by its path, as of a tool; None if there is none."""
        ...

    async def mismatches(self, schema: Any, value: Any) -> Sequence[Mismatch] | None:
        """What the schema does not allow in `value`; None if the schema cannot be used: it is none, or needs others."""
        ...
