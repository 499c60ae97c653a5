"""Who signs what is known of a commit."""

from collections.abc import Mapping
from typing import Protocol


class Notary(Protocol):
    """Signs what is said about a commit that was published, and keeps it with the run."""

    async def attest(self, facts: Mapping[str, object]) -> None:
        """Sign `facts` (JSON, in the form of `core/statement.py`). Those about a later commit replace the earlier."""
        ...


class NoNotary:
    """Where nothing is signed."""

    async def attest(self, facts: Mapping[str, object]) -> None:
        """Nothing is kept."""
