"""Nothing leaves for GitHub, and nothing goes into the log, with a secret of this process in it."""

import logging
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from app.core.forge import Check, FailedCheck, Forge, Head, Permission, Pull, PullRequest, Reaction, Remote, Verdict
from app.core.links import Said
from app.core.redaction import Redactor
from app.core.task import Place, Remark

_UNSEEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ud800-\udfff]"
)


class RedactedForge:
    """`Forge` that takes secrets out of every text on its way to another one."""

    def __init__(self, forge: Forge, redactor: Redactor) -> None:
        self._forge = forge
        self._clean = redactor.redact

    async def permission(self, login: str) -> Permission:
        """As `Forge` says."""
        return await self._forge.permission(login)

    async def default_head(self) -> Head:
        """As `Forge` says."""
        return await self._forge.default_head()

    async def issue_is_open(self, number: int) -> bool:
        """As `Forge` says."""
        return await self._forge.issue_is_open(number)

    async def remote(self, *, write: bool) -> Remote:
        """As `Forge` says."""
        return await self._forge.remote(write=write)

    async def react(self, number: int, place: Place | None, reaction: Reaction) -> None:
        """As `Forge` says."""
        await self._forge.react(number, place, reaction)

    async def find_or_create_branch(self, branch: str, *, base_sha: str, message: str) -> str:
        """As `Forge` says."""
        return await self._forge.find_or_create_branch(branch, base_sha=base_sha, message=self._clean(message))

    async def restart_branch(self, branch: str, *, base_sha: str, message: str) -> str:
        """As `Forge` says."""
        return await self._forge.restart_branch(branch, base_sha=base_sha, message=self._clean(message))

    async def branch_sha(self, branch: str) -> str:
        """As `Forge` says."""
        return await self._forge.branch_sha(branch)

    async def delete_branch(self, branch: str, *, expected_sha: str) -> bool:
        """As `Forge` says."""
        return await self._forge.delete_branch(branch, expected_sha=expected_sha)

    async def pull(self, number: int) -> Pull:
        """As `Forge` says."""
        return await self._forge.pull(number)

    async def close_pull(self, number: int) -> None:
        """As `Forge` says."""
        await self._forge.close_pull(number)

    async def remarks(self, number: int, *, since: datetime) -> Sequence[Remark]:
        """As `Forge` says."""
        return await self._forge.remarks(number, since=since)

    async def reply(self, place: Place, marker: str, text: str) -> None:
        """As `Forge` says."""
        await self._forge.reply(place, marker, self._clean(text))

    async def talk(self, number: int, place: Place | None) -> Said:
        """As `Forge` says."""
        found = await self._forge.talk(number, place)
        return found.model_copy(update={"title": self._clean(found.title), "body": self._clean(found.body)})

    async def file(self, path: str, ref: str) -> bytes:
        """As `Forge` says."""
        return await self._forge.file(path, ref)

    async def put_check(self, sha: str, check: Check, *, check_id: int | None) -> int:
        """As `Forge` says."""
        texts = {name: self._clean(getattr(check, name)) for name in ("title", "summary", "text")}
        noted = tuple(one.model_copy(update={"message": self._clean(one.message)}) for one in check.annotations)
        clean = check.model_copy(update=texts | {"annotations": noted})
        return await self._forge.put_check(sha, clean, check_id=check_id)

    async def put_comment(self, number: int, marker: str, text: str, *, comment_id: int | None) -> int:
        """As `Forge` says."""
        return await self._forge.put_comment(number, marker, self._clean(text), comment_id=comment_id)

    async def find_or_create_pull_request(
        self, *, branch: str, base: str, marker: str, title: str, body: str
    ) -> PullRequest:
        """As `Forge` says."""
        return await self._forge.find_or_create_pull_request(
            branch=branch, base=base, marker=marker, title=self._clean(title), body=self._clean(body)
        )

    async def verdict(self, sha: str) -> Verdict:
        """As `Forge` says."""
        return await self._forge.verdict(sha)

    async def failures(self, sha: str) -> Sequence[FailedCheck]:
        """As `Forge` says. They come from outside, but a model reads them, and quotes them to people."""
        return [
            one.model_copy(
                update={
                    "summary": self._clean(one.summary),
                    "annotations": tuple(map(self._clean, one.annotations)),
                    "log": self._clean(one.log),
                }
            )
            for one in await self._forge.failures(sha)
        ]


class RedactedLog(logging.Formatter):
    """Formats as usual, tracebacks included, then takes secrets out, and what a stranger's text could forge a log with.

    Each record begins at the margin and is all that does: its further lines are set in. Terminal codes and other
    characters that are not seen are written out.
    """

    def __init__(self, format_: str, redactor: Redactor) -> None:
        super().__init__(format_)
        self._clean = redactor.redact

    def format(self, record: logging.LogRecord) -> str:
        """The line as it is written."""
        text = self._clean(super().format(record))
        return _UNSEEN.sub(lambda match: ascii(match[0])[1:-1], text).replace("\n", "\n    ")
