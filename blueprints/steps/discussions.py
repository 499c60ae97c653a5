"""What reviewers said about files when they were changed before: what they would say again."""

import logging
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Final

from app.core.errors import ForgeError
from app.core.forge import Forge
from app.core.orientation import Discussed
from app.core.redaction import Redactor
from app.core.task import Task
from app.core.workspace import Touched

_MOST_PULLS: Final = 3
"""Pull requests whose reviews are read: each takes two or three requests."""
_MOST: Final = 6
_LONG_AGO: Final = datetime(2008, 1, 1, tzinfo=UTC)
"""Before GitHub."""

_log = logging.getLogger(__name__)


async def discussed(past: Sequence[Touched], paths: Collection[str], task: Task, forge: Forge) -> tuple[Discussed, ...]:
    """What people who may write here said about these files in the reviews of these changes, the newest first.

    Of one pull request after the other, until there is enough. What GitHub does not tell now is left out: a minion can
    do without.
    """
    found: list[Discussed] = []
    may: dict[str, bool] = {}
    numbers = dict.fromkeys(one.pull_request for one in past if one.pull_request)
    try:
        for number in list(numbers)[:_MOST_PULLS]:
            for remark in reversed(await forge.remarks(number, since=_LONG_AGO)):
                login = remark.author.login
                if remark.path not in paths or remark.author.is_bot or remark.at > task.asked_at:
                    continue
                if login not in may:
                    may[login] = (await forge.permission(login)).may_write
                if may[login]:
                    found.append(Discussed(number, remark.path, login, Redactor().redact(remark.body)))
                if len(found) >= _MOST:
                    return tuple(found)
    except ForgeError as error:
        _log.info("What was said in reviews of %s is not read: %s", task.repository.full_name, error)
    return tuple(found)
