"""What registries publish of a package: which version is the newest, and what changed on the way to one."""

from typing import Protocol


class Releases(Protocol):
    """Registries of packages, asked about their releases. Nothing here raises: what cannot be told is empty."""

    async def newest(self, ecosystem: str, name: str) -> str:
        """The newest version that its authors recommend; empty if that cannot be told now.

        `ecosystem` is `pypi`, `npm`, `go` or `crates`.
        """
        ...

    async def changelog(self, ecosystem: str, name: str, version: str) -> str:
        """The whole change log as it lies in the archive of this version; empty if there is none. Others wrote it."""
        ...


class NoReleases:
    """Where no registry may be asked."""

    async def newest(self, ecosystem: str, name: str) -> str:  # noqa: ARG002 - the Protocol
        """Nothing is known."""
        return ""

    async def changelog(self, ecosystem: str, name: str, version: str) -> str:  # noqa: ARG002 - the Protocol
        """There is none."""
        return ""
