"""What a guard is, and all of them together."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from app.core.patch import Patch
from app.core.repo_config import RepoConfig
from app.core.world import Finding

Look = Callable[[Patch, RepoConfig], Iterator[Finding]]


@dataclass(frozen=True)
class Guard:
    """One check. `look` is pure: the same patch and configuration always get the same findings."""

    name: str
    look: Look


class GuardSet:
    """Implements `Guards`: every guard looks, so that people read all findings at once."""

    def __init__(self, guards: Iterable[Guard]) -> None:
        self._guards = tuple(guards)

    @property
    def names(self) -> Sequence[str]:
        """Names of the guards."""
        return [guard.name for guard in self._guards]

    async def inspect(self, patch: Patch, config: RepoConfig) -> Sequence[Finding]:
        """All findings. In a thread: a large patch and twenty patterns take longer than an event loop should wait."""
        return await asyncio.to_thread(
            lambda: [finding for guard in self._guards for finding in guard.look(patch, config)]
        )
