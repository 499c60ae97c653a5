"""Files that nobody can review: binary ones, and those that only say which file of Git LFS they stand for."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

from app.core.guards import Finding, Weight
from app.core.patch import Change
from app.guards.guard import Guard, Subject

NAME: Final = "binaries"
MOST_BYTES: Final = 100_000
"""A test picture is smaller; archives and models are larger."""

_RUN_OR_MADE: Final = frozenset(
    [
        ".pyc",
        ".pyo",
        ".so",
        ".dylib",
        ".dll",
        ".exe",
        ".o",
        ".a",
        ".lib",
        ".class",
        ".jar",
        ".war",
        ".whl",
        ".egg",
        ".wasm",
        ".bin",
        ".msi",
        ".deb",
        ".rpm",
        ".apk",
        ".dmg",
        ".zip",
        ".tar",
        ".gz",
        ".tgz",
        ".bz2",
        ".xz",
        ".zst",
        ".7z",
        ".rar",
        ".node",
    ]
)


_POINTER: Final = re.compile(r"version https://(?:git-lfs\.github\.com|hawser\.github\.com)/spec/")


def look(subject: Subject) -> Iterator[Finding]:
    """A finding for each binary file that is large, that runs, or that is made of others, and each pointer of LFS."""
    for file in subject.patch.files:
        if not file.binary and any(line.number == 1 and _POINTER.match(line.text) for line in subject.added(file.path)):
            sentence = (
                "This only points at a file in Git LFS, which nobody has pushed. Give it back its contents; a person "
                "has to put the file there."
            )
            yield Finding(guard=NAME, sentence=sentence, path=file.path, line=1, weight=Weight.MEND)
        if not file.binary or file.change is Change.DELETED:
            continue
        if PurePosixPath(file.path).suffix.lower() in _RUN_OR_MADE:
            sentence = "This is made by a program and cannot be reviewed. Take it out, and ignore it in `.gitignore`."
            yield Finding(guard=NAME, sentence=sentence, path=file.path, weight=Weight.MEND)
        elif file.size > MOST_BYTES:
            sentence = f"This binary file has {file.size:,} bytes; at most {MOST_BYTES:,} are let pass. Take it out."
            yield Finding(guard=NAME, sentence=sentence, path=file.path, weight=Weight.MEND)


GUARD: Final = Guard(NAME, look)
