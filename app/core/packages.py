"""What registries know of a package."""

from typing import Protocol

from pydantic import BaseModel


class PackageFacts(BaseModel, frozen=True):
    """What a registry says about a package that a change wants."""

    exists: bool
    licence: str = ""
    """As the registry has it: an SPDX expression at best; empty if it does not say."""
    age_days: float | None = None
    """Since the version that is wanted was published, else the first one there was; None if that is not told."""
    has_version: bool = True
    """Whether there is a version like the one that is wanted."""
    is_yanked: bool = False
    """Whether who made that version took it back."""


class PackageIndex(Protocol):
    """Registries of packages, asked about single packages."""

    async def look_up(self, ecosystem: str, name: str, version: str) -> PackageFacts | None:
        """What is known of a package of `pypi`, `npm`, `crates`, `go` or `rubygems`; `version` is exact, or empty.

        None if it cannot be told now.
        """
        ...
