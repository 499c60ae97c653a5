"""Issues of repositories without a GitHub: they are kept here, and people have the rights that they are given."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from app.core.errors import ForgeError, NotFound
from app.core.requests import Asker
from app.core.task import Person, Repository


@dataclass
class MemoryTracker:
    """`Tracker` of one repository."""

    writers: dict[str, int]
    issues: list[tuple[str, str, str]] = field(default_factory=list)
    """Marker, title, body."""
    labels: list[str] = field(default_factory=list)
    """Of the issues that were opened."""
    trouble: list[ForgeError] = field(default_factory=list)
    """Raised by the next calls that open an issue, after it was opened."""

    async def asker(self, login: str) -> Asker | None:
        if login == "mallory":
            return Asker(person=Person(id=99, login="mallory"), may_ask=False)
        number = self.writers.get(login)
        return Asker(person=Person(id=number, login=login), may_ask=True) if number else None

    async def find_or_create_issue(
        self,
        *,
        marker: str,
        title: str,
        body: str,
        since: datetime,  # noqa: ARG002
        labels: Sequence[str] = (),
    ) -> int:
        self.labels += labels
        known = [number for number, issue in enumerate(self.issues, 1) if issue[0] == marker]
        if not known:
            self.issues.append((marker, title, body))
            known = [len(self.issues)]
        if self.trouble:
            raise self.trouble.pop()
        return known[0]


@dataclass
class MemoryTrackers:
    """`Trackers` of the repositories that are named."""

    of: dict[str, MemoryTracker]

    async def find(self, full_name: str) -> Repository:
        if full_name not in self.of:
            raise NotFound(f"The App is not installed on {full_name}, or there is no such repository.")
        return Repository(id=5 + list(self.of).index(full_name), full_name=full_name, installation_id=3)

    def tracker(self, repository: Repository) -> MemoryTracker:
        return self.of[repository.full_name]
