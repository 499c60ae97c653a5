"""Symlinks, submodules and odd file modes: they make a reviewed file be another one."""

from collections.abc import Iterator
from typing import Final

from app.core.guards import Finding, Weight
from app.core.patch import Change
from app.guards.guard import Guard, Subject

NAME: Final = "links"

_SYMLINK: Final = "120000"
_SUBMODULE: Final = "160000"
_FILES: Final = {"100644", "100755"}


def look(subject: Subject) -> Iterator[Finding]:
    """A finding for each file of a submodule, and each that is no plain file afterwards.

    Deleting a link is all right.
    """
    for file in subject.patch.files:
        if file.submodule:
            sentence = "This file belongs to a submodule, which is another repository. Give it back its old contents."
            yield Finding(
                guard=NAME,
                sentence=sentence,
                path=file.path.encode("utf-8", "backslashreplace").decode(),
                weight=Weight.MEND,
            )
            continue
        if file.change is Change.DELETED or file.new_mode in _FILES:
            continue
        if file.new_mode == _SYMLINK:
            sentence = "This is a symbolic link. Put a file there instead."
        elif file.new_mode == _SUBMODULE:
            sentence = "This is a submodule, or a git repository of its own. Take it out."
        else:
            sentence = (
                f"This has the mode {file.new_mode}, which is none of an ordinary file. Make it 100644 or 100755."
            )
        yield Finding(guard=NAME, sentence=sentence, path=file.path, weight=Weight.MEND)


GUARD: Final = Guard(NAME, look)
