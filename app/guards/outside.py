"""Files that the work tree left out: a minion that could not see them must not change them."""

from collections.abc import Iterator
from typing import Final

from app.core.guards import Finding, Weight
from app.core.repo_config import PATH
from app.guards.guard import Guard, Subject

NAME: Final = "outside"


def look(subject: Subject) -> Iterator[Finding]:
    """A finding for each file, new ones too, that lies in a folder that `sparse` leaves out."""
    for file in subject.patch.files:
        if folder := subject.config.layout.left_out(file.path):
            sentence = (
                f"The work tree does not hold the folder `{_shown(folder)}`, which `sparse` in `{PATH}` does not name. "
                f"Take this file away, and put what is needed in a folder that it names."
            )
            yield Finding(guard=NAME, sentence=sentence, path=_shown(file.path), weight=Weight.MEND)


def _shown(name: str) -> str:
    """Names need not be UTF-8, but what is stored must be."""
    return name.encode("utf-8", "backslashreplace").decode()


GUARD: Final = Guard(NAME, look)
