"""Issues that we open for what was asked elsewhere, each once."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from github.Repository import Repository as Remote
from pydantic import BaseModel, ValidationError

from app.adapters.github.app import App
from app.adapters.github.client import Client
from app.adapters.github.comments import marked
from app.adapters.github.errors import present
from app.core.errors import NotFound, Unavailable
from app.core.forge import Permission
from app.core.requests import Asker
from app.core.task import Person

LOGIN: Final = re.compile(r"[A-Za-z0-9_-]{1,100}(\[bot\])?", re.ASCII)
"""It becomes a part of an address."""
_SKEW: Final = timedelta(minutes=5)
"""Our clock may differ from GitHub's by so much."""


class _User(BaseModel):
    id: int
    login: str
    type: str = "User"


class _Told(BaseModel):
    permission: str
    user: _User


class GitHubTracker:
    """`Tracker` on GitHub."""

    def __init__(self, app: App, client: Client) -> None:
        self._app = app
        self._client = client

    async def asker(self, login: str) -> Asker | None:
        """The account and whether it may write; None if there is no such account."""
        if not LOGIN.fullmatch(login):
            return None
        await self._client.locate()  # apart: a repository that is gone says nothing about the person
        try:
            told = await self._client.read(f"read what {login} may do", lambda remote: _permission(remote, login))
        except NotFound:
            return None
        person = Person(id=told.user.id, login=told.user.login, is_bot=told.user.type != "User")
        known = Permission(told.permission) if told.permission in list(Permission) else Permission.NONE
        return Asker(person=person, may_ask=known.may_write)

    async def find_or_create_issue(
        self, *, marker: str, title: str, body: str, since: datetime, labels: Sequence[str] = ()
    ) -> int:
        """Open our issue that carries `marker`, or find it; answer with its number."""
        login = (await self._app.identity()).login
        doing = "open an issue"
        text = marked(body, marker)

        async def find() -> int | None:
            return await self._client.read(doing, lambda remote: _find(remote, login, marker, since))

        async def create() -> int:
            return await self._client.write(
                doing,
                lambda remote: present(remote.create_issue(title=title, body=text, labels=list(labels)).number, int),
                notifies=True,
            )

        return await self._client.find_or_create(find, create)


def _permission(remote: Remote, login: str) -> _Told:
    _, told = remote.requester.requestJsonAndCheck("GET", f"{remote.url}/collaborators/{login}/permission")
    said: Any = told
    try:
        return _Told.model_validate(said)
    except ValidationError:
        raise Unavailable("GitHub's answer cannot be read.", detail="not the JSON expected") from None


def _find(remote: Remote, login: str, marker: str, since: datetime) -> int | None:
    """Newest first. Whoever quotes an issue of ours quotes its marker, too, so the author counts as well."""
    oldest = since.astimezone(UTC) - _SKEW
    for issue in remote.get_issues(state="all", sort="created", direction="desc"):
        made_at = issue.created_at if issue.created_at.tzinfo else issue.created_at.replace(tzinfo=UTC)
        if made_at < oldest:
            return None
        if marker in (issue.body or "") and issue.user is not None and issue.user.login == login:
            return issue.number
    return None
