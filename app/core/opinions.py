"""What people think of what runs left for them: their 👍 and 👎 on a run's comment and on its pull request."""

from collections.abc import Sequence
from typing import Protocol

from pydantic import BaseModel

from app.core.task import Repository


class Posts(BaseModel, frozen=True):
    """What a run left where people can react to it."""

    run_id: int
    repository: Repository
    pull_request_number: int
    comment_id: int | None = None


class Thumbs(BaseModel, frozen=True):
    """How many there are."""

    up: int = 0
    down: int = 0

    def __add__(self, other: "Thumbs") -> "Thumbs":
        return Thumbs(up=self.up + other.up, down=self.down + other.down)


class Reactions(Protocol):
    """Reactions as they are now. May raise ForgeErrors."""

    async def thumbs(self, posts: Posts) -> Thumbs:
        """On the pull request and the comment together; what was deleted has none."""
        ...


class Opinions(Protocol):
    """What is known of them. May raise StoreDown."""

    async def due(self, at_most: int) -> Sequence[Posts]:
        """Of the pull requests that people still look at, those that were asked about the longest ago."""
        ...

    async def note(self, run_id: int, thumbs: Thumbs | None) -> None:
        """Write down what there is, and that it was asked for; None: nobody could say."""
        ...
