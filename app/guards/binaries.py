"""Files that nobody can review."""

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


def look(subject: Subject) -> Iterator[Finding]:
    """A finding for each binary file that is large, that runs, or that is made of others."""
    for file in subject.patch.files:
        if not file.binary or file.change is Change.DELETED:
            continue
        if PurePosixPath(file.path).suffix.lower() in _RUN_OR_MADE:
            sentence = "This is made by a program and cannot be reviewed. Take it out, and ignore it in `.gitignore`."
            yield Finding(guard=NAME, sentence=sentence, path=file.path, weight=Weight.MEND)
        elif file.size > MOST_BYTES:
            sentence = f"This binary file has {file.size:,} bytes; at most {MOST_BYTES:,} are let pass. Take it out."
            yield Finding(guard=NAME, sentence=sentence, path=file.path, weight=Weight.MEND)


GUARD: Final = Guard(NAME, look)
