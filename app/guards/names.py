"""Names that lead out of the tree, into git's own folder, or that cannot be read."""

import re
from collections.abc import Iterator
from typing import Final

from app.core.guards import Finding, Weight
from app.core.patch import Change
from app.core.visible import visible
from app.guards.guard import Guard, Subject

NAME: Final = "names"

# On file systems that fold case, drop trailing dots and spaces or make short names, these are git's folder, too.
_GITS_OWN: Final = re.compile(r"\.git[ .]*|git~[0-9]", re.IGNORECASE)

_TRICKY: Final = re.compile(r"[\\\x00-\x1f\x7f]")


def look(subject: Subject) -> Iterator[Finding]:
    """A finding for each bad name; a file that was there before may keep an unreadable one."""
    for file in subject.patch.files:
        parts = file.path.split("/")
        if ".." in parts or "" in parts or "." in parts:
            yield _finding(file.path, "This path leads out of the repository. Use one inside.")
        elif any(_GITS_OWN.fullmatch(visible(part)) for part in parts):
            yield _finding(file.path, "This lies in git's own folder. Put it elsewhere.")
        elif file.change is Change.ADDED and (_TRICKY.search(file.path) or any(part[0] == "-" for part in parts)):
            yield _finding(
                file.path,
                "This name means something to shells or to Windows: a backslash, a control character or a "
                "dash at its beginning. Rename it.",
            )
        elif file.change is Change.ADDED and visible(file.path) != file.path:
            yield _finding(file.path, "This name has characters that cannot be seen or are no UTF-8. Rename it.")


def _finding(path: str, sentence: str) -> Finding:
    return Finding(
        guard=NAME,
        sentence=sentence,
        path=path.encode("utf-8", "backslashreplace").decode(),
        weight=Weight.MEND,
    )


GUARD: Final = Guard(NAME, look)
