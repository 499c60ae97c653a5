"""What somebody asked for, for tests that are about little more of it than its words."""

from datetime import UTC, datetime

from app.core.task import Person, Repository, Task

ANN, ROB = Person(id=5, login="ann"), Person(id=9, login="rob")


def task(title: str = "T", body: str = "", instructions: str = "", author: Person | None = ROB, **more: bool) -> Task:
    """Ann asks for what stands in an issue, which Rob wrote."""
    return Task(
        repository=Repository(id=1, full_name="octo/cat", installation_id=1),
        number=12,
        title=title,
        body=body,
        author=author,
        requester=ANN,
        instructions=instructions,
        asked_at=datetime(2026, 1, 2, tzinfo=UTC),
        is_pull_request=more.get("is_pull_request", False),
    )
