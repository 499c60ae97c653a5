"""Text of which a reader sees something else than a program: turned round, invisible, alike, or far to the right.

The first three are "Trojan Source": https://trojansource.codes/
"""

import re
from collections.abc import Iterator
from typing import Final

from app.core.guards import Finding, Weight
from app.core.kinds import is_source, language
from app.core.patch import Change
from app.guards.guard import MOST_LINE, Guard, Subject

NAME: Final = "hidden text"
_ALLOW: Final = "if it has to be so, a person can allow it by `allow: security`"

_UNSEEN: Final = re.compile("[\u202a-\u202e\u2066-\u2069\u200b\u2060-\u2064\U000e0000-\U000e007f]|(?<=.)\ufeff")
"""What turns text round, and what has no width. Persian and emoji need the joiners; Hebrew and Arabic the marks."""
_FLAG: Final = re.compile("\U0001f3f4[\U000e0020-\U000e007f]+")
"""An emoji that is made of such characters: the flag of Scotland."""
_MIXED: Final = re.compile("(?=\\w*[A-Za-z])(?=\\w*[\u0400-\u04ff])[A-Za-z_\u0400-\u04ff][\\w]*")
"""A name of Latin and Cyrillic letters, of which some look the same; Greek ones are what formulas are written in."""
_FAR: Final = re.compile(r"\S[ \t]{120,}[^\s\\|+*/#-]")
_FAR_OFF: Final = 120
"""Blanks."""
_MOST_READ: Final = MOST_LINE


def look(subject: Subject) -> Iterator[Finding]:
    """Findings for added lines; of one kind in one file the first."""
    for file in subject.texts():
        if file.change is Change.DELETED:
            continue
        told = set[str]()
        for line in subject.added_anew(file.path):
            for sentence, weight in _hidden(file.path, line.text):
                if sentence not in told:
                    told.add(sentence)
                    yield Finding(guard=NAME, sentence=sentence, path=file.path, line=line.number, weight=weight)


def _hidden(path: str, text: str) -> Iterator[tuple[str, Weight]]:
    if found := _UNSEEN.search(_FLAG.sub("", text)):
        shown = f"U+{ord(found[0]):04X}"
        yield (
            f"A character here cannot be seen, or turns text round ({shown}). Write an escape instead; {_ALLOW}.",
            Weight.MEND,
        )
    if not language(path):
        return
    if found := _MIXED.search(text):
        shown = found[0].encode("ascii", "backslashreplace").decode()[:60]
        yield f"`{shown}` has Latin and Cyrillic letters, which look alike. Write one kind; {_ALLOW}.", Weight.MEND
    is_cut = len(text) >= _MOST_READ
    if _FAR.search(text) or (is_cut and text[-_FAR_OFF:].isspace()):
        yield (
            f"Code stands far to the right here, where nobody looks. Put it on a line of its own; {_ALLOW}.",
            Weight.MEND,
        )
    if is_cut and is_source(path):
        yield "This line is longer than anybody reads, and than guards look at. See what is in it.", Weight.REMARK


GUARD: Final = Guard(NAME, look, allowance="security")
