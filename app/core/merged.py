"""Pull requests that were merged and closed an issue: work that people did, to be compared with."""

import re
from typing import Final

from pydantic import BaseModel

from app.core.hidden import strip_hidden

_CLOSES: Final = re.compile(
    r"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+"
    r"(?:(?P<name>[\w.-]+/[\w.-]+)?#|https?://[^/\s]+/(?P<page>[\w.-]+/[\w.-]+)/issues/)(?P<number>\d{1,9})\b",
    re.IGNORECASE,
)
"""https://docs.github.com/en/issues/tracking-your-work-with-issues/using-issues/linking-a-pull-request-to-an-issue"""


class Merged(BaseModel, frozen=True):
    """One of them."""

    number: int
    issue: int
    """0 if it closed more than one."""
    title: str = ""
    """Of the issue, as it was when the pull request was opened."""
    body: str = ""
    """Of the issue, as it is now: GitHub does not tell what it was before."""
    base_sha: str
    """Where the branch that it went to stood; the commit that it began from is an ancestor of both."""
    head_sha: str
    why_not: str = ""
    """Why nothing can be compared with it; a sentence that goes on from its number."""


def closes(text: str, repository: str) -> tuple[int, ...]:
    """The issues of `repository` (`owner/name`) that a pull request with this title and text closes, each once."""
    found = []
    for one in _CLOSES.finditer(strip_hidden(text)):
        name = one["name"] or one["page"] or repository
        if name.casefold() == repository.casefold():
            found.append(int(one["number"]))
    return tuple(dict.fromkeys(found))
