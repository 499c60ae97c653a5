"""Reactions of people, read by two calls which cost nothing where nothing changed."""

from typing import Final

from pydantic import BaseModel, Field, ValidationError

from app.adapters.github.lookups import Json, Lookups
from app.core.errors import Unavailable
from app.core.opinions import Posts, Thumbs
from app.core.task import Repository

_DOING: Final = "look what people think"


class _Rollup(BaseModel):
    """How often there is each reaction: https://docs.github.com/en/rest/reactions"""

    up: int = Field(0, alias="+1")
    down: int = Field(0, alias="-1")


class _Reacted(BaseModel):
    reactions: _Rollup = _Rollup()


class GitHubReactions:
    """`Reactions` on GitHub."""

    def __init__(self, lookups: Lookups) -> None:
        self._lookups = lookups

    async def thumbs(self, posts: Posts) -> Thumbs:
        """On the pull request and the comment together; what was deleted has none."""
        here = await self._lookups.named(posts.repository, _DOING)
        # A pull request's own resource tells no reactions; it is an issue, too, and that does.
        found = await self._of(here, f"/issues/{posts.pull_request_number}")
        if posts.comment_id is None:
            return found
        return found + await self._of(here, f"/issues/comments/{posts.comment_id}")

    async def _of(self, here: Repository, path: str) -> Thumbs:
        thing: Json | None = await self._lookups.found(here, path, _DOING)
        if thing is None:
            return Thumbs()
        try:
            rollup = _Reacted.model_validate(thing).reactions
        except ValidationError:
            raise Unavailable("GitHub's answer cannot be read.", detail="not the JSON expected") from None
        return Thumbs(up=rollup.up, down=rollup.down)
