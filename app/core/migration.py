"""What an issue says about the places of a migration: what has to be gone, where it may change something, where not.

    gone: `import requests`, `requests.get(`     texts that may stand nowhere afterwards
    within: src/billing, tests/billing           globs of what may be changed
    except: CHANGELOG.md                         globs of files in which the texts may stay

Each is a line of its own. Whoever wrote it can only make it harder for the change to pass, so it counts whoever did.
"""

import re
from collections.abc import Iterable
from typing import Final

from pydantic import BaseModel

from app.core.globs import matches
from app.core.task import Task

MOST_TEXTS: Final = 20
MOST_GLOBS: Final = 50
_LONGEST: Final = 200
"""Characters of one text or glob."""
_LINE: Final = re.compile(r"(?im)^ {0,3}(?:[-*+] +)?(?:\*\*)?(gone|within|except):(?:\*\*)?[ \t]*(\S.*)$")
_SPAN: Final = re.compile(r"(`+)(.+?)(?<!`)\1(?!`)")


class Scope(BaseModel, frozen=True):
    """The places of a migration."""

    gone: tuple[str, ...] = ()
    within: tuple[str, ...] = ()
    """Nothing: everywhere."""
    exempt: tuple[str, ...] = ()

    def may_change(self, path: str) -> bool:
        """Whether the change of this file belongs to it."""
        return not self.within or bool(matches(path, self.within))

    def searched(self, paths: Iterable[str]) -> list[str]:
        """Those of the files in which nothing that has to be gone may stand."""
        return [path for path in paths if self.may_change(path) and not matches(path, self.exempt)]


def scope_of(task: Task) -> Scope:
    """What the task says, in its text and behind the command; all lines of one kind count together."""
    said: dict[str, list[str]] = {"gone": [], "within": [], "except": []}
    for word, rest in _LINE.findall(f"{task.body}\n{task.instructions}".replace("\r\n", "\n")):
        said[word.lower()] += _texts(rest) if word.lower() == "gone" else globs(rest)
    return Scope(
        gone=_some(said["gone"], MOST_TEXTS),
        within=_some(said["within"], MOST_GLOBS),
        exempt=_some(said["except"], MOST_GLOBS),
    )


def globs(said: str) -> list[str]:
    """Globs that stand in a row, between commas, spaces or backticks."""
    return [word for word in re.split(r"[\s,`]+", said) if word]


def _texts(said: str) -> list[str]:
    """Texts are code spans; without any, the whole line is one."""
    return [found[1].strip() for found in _SPAN.findall(said)] or [said.strip()]


def _some(said: Iterable[str], at_most: int) -> tuple[str, ...]:
    usable = (text for text in said if text and len(text) <= _LONGEST and "\0" not in text)
    return tuple(dict.fromkeys(usable))[:at_most]
