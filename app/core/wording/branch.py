"""What a run writes into git: the name of its branch and the messages of its commits."""

import re
import textwrap
from collections.abc import Sequence
from typing import Final

from app.core.neutral import neutral_plain
from app.core.task import Task
from app.core.visible import visible

SUBJECT: Final = 72
"""Characters that git tools show of a subject without cutting it."""
_OURS: Final = re.compile(r"minions/(?:[0-9]{1,10}|task)-[0-9]{1,19}", re.ASCII)
_NOREPLY: Final = "users.noreply.github.com"
"""https://docs.github.com/en/account-and-profile/reference/email-addresses-reference#your-noreply-email-address"""


def branch_name(number: int, run_id: int) -> str:
    """Unique to the run, and without a word that anybody typed."""
    return f"minions/{number}-{run_id}" if number else f"minions/task-{run_id}"


def is_branch_name(name: str) -> bool:
    """Whether this is a name that `branch_name` gives."""
    return _OURS.fullmatch(name) is not None


def marker_commit_message(number: int) -> str:
    """Of the empty commit that the check run hangs on until there is a change."""
    what = f"#{number}" if number else "a task"
    return f"Minion at work on {what} [skip ci]"


def commit_message(task: Task, *, summary: str, page_url: str, noreply_host: str = _NOREPLY) -> str:
    """Subject from the issue's title, the summary as plain text, then who asked and where the run is recorded."""
    return _message(task, task.title, summary, page_url, noreply_host)


def mending_message(
    task: Task, *, checks: Sequence[str], summary: str, page_url: str, noreply_host: str = _NOREPLY
) -> str:
    """Of a commit on top of an earlier one; `checks` are those that found something there, by name."""
    return _message(task, f"Mend what {', '.join(checks) or 'the checks'} found", summary, page_url, noreply_host)


def _message(task: Task, title: str, summary: str, page_url: str, noreply_host: str) -> str:
    number = f" (#{task.number})" if task.number else ""
    # Wrapping can bring a word to the start of a line, where it means something, so neutral comes last.
    body = neutral_plain("\n\n".join(_wrapped(paragraph) for paragraph in summary.strip().split("\n\n")))
    person = task.requester
    trailers = [f"Minions-Run: {page_url}"] if page_url else []
    if person.id and not person.is_bot:
        login = neutral_plain(person.login).strip()
        trailers.append(f"Co-authored-by: {login} <{person.id}+{login}@{noreply_host}>")
    paragraphs = [_subject(title, SUBJECT - len(number)) + number, body[:4_000].rstrip(), "\n".join(trailers)]
    return "\n\n".join(paragraph for paragraph in paragraphs if paragraph) + "\n"


def _subject(title: str, room: int) -> str:
    words = " ".join(neutral_plain(title).split()) or "Change what was asked for"
    return textwrap.shorten(words, room, placeholder=" …") if " " in words[:room] else words[:room]


def _wrapped(paragraph: str) -> str:
    """At 72 columns, unless its line ends mean something, as in a list."""
    lines = visible(paragraph).split("\n")
    return "\n".join(part for line in lines for part in textwrap.wrap(line, SUBJECT, break_long_words=False) or [""])
