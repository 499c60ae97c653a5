"""Files that programs write, and files of others: a change in them is lost, or parts from where they come from."""

import re
from collections.abc import Iterator
from typing import Final

from app.core.generated import is_mark, is_marked
from app.core.globs import matches
from app.core.guards import Finding, Weight
from app.core.patch import Change, Patch
from app.guards.guard import Guard, Subject
from app.guards.locks import is_lock

NAME: Final = "generated files"
_ALLOW: Final = "a person can allow it by `allow: generated`"
_ATTRIBUTES: Final = ".gitattributes"
_VENDORED: Final = (
    *(
        "/vendor/**",
        "**/third_party/**",
        "**/third-party/**",
        "**/thirdparty/**",
        "**/node_modules/**",
        "**/bower_components/**",
    ),
    *("/Godeps/**", "**/Pods/**", "**/_vendor/**", "**/vendored/**", "**/extern/**", "/external/**"),
)
_MADE: Final = (
    "*.min.js",
    "*.min.css",
    "*_pb2.py",
    "*_pb2_grpc.py",
    "*_pb2.pyi",
    "*.pb.go",
    "*.pb.cc",
    "*.pb.h",
    "*.js.map",
    "*.css.map",
)
_SOURCES: Final = re.compile(r"(?:_pb2(?:_grpc)?\.pyi?|\.pb\.(?:go|cc|h)|\.min\.(?:js|css)|\.(?:js|css)\.map)$")


def look(subject: Subject) -> Iterator[Finding]:
    """A finding for each such file that is changed; for generated ones only if what they are made from is not."""
    attributes = _attributes(subject.before(_ATTRIBUTES))
    for file in subject.patch.files:
        path = file.path
        if (
            file.submodule or is_lock(path) or "160000" in {file.old_mode, file.new_mode}
        ):  # submodules: others look at them
            continue
        said = _said(path, attributes)
        if said["vendored"] if said["vendored"] is not None else matches(path, _VENDORED):
            yield _finding(
                path, "This is a copy of somebody else's file. Leave it as it is and make the change elsewhere"
            )
        elif (
            said["generated"]
            if said["generated"] is not None
            else matches(path, _MADE) or (file.change is not Change.ADDED and is_marked(subject.before(path)))
        ) and not _source_changed(subject, path):
            sentence = "A program writes this file. Give it its old contents, and change what it is made from"
            yield _finding(path, sentence)
        elif file.change is Change.MODIFIED and (line := _marks_itself(subject, path)):
            sentence = (
                "By this line a program writes the file, so nobody is shown what changed in it. Take the line out"
            )
            yield _finding(path, sentence).model_copy(update={"line": line})


def _finding(path: str, sentence: str) -> Finding:
    shown = path.encode("utf-8", "backslashreplace").decode()
    return Finding(guard=NAME, sentence=f"{sentence}; {_ALLOW}.", path=shown, weight=Weight.MEND)


def _marks_itself(subject: Subject, path: str) -> int:
    """The line by which a file of people says that it is generated; 0 if there is none."""
    if is_marked(subject.before(path)):
        return 0
    return next((line.number for line in subject.added(path) if is_mark(line.number, line.text)), 0)


def _source_changed(subject: Subject, path: str) -> bool:
    """Whether a file of the same name but another end is changed, too: it was made anew from it."""
    stem = _SOURCES.sub("", path.rpartition("/")[2]).partition(".")[0]
    others = (file.path.rpartition("/")[2] for file in subject.patch.files if file.path != path)
    return any(_SOURCES.sub("", other).partition(".")[0] == stem and not matches(other, _MADE) for other in others)


Attributes = list[tuple[str, str, bool]]


def _attributes(text: str) -> Attributes:
    """(glob, `generated` or `vendored`, whether it is so), in the order of the file: the last that matches counts.

    https://github.com/github-linguist/linguist/blob/main/docs/overrides.md
    """
    found: Attributes = []
    for line in text.splitlines():
        glob, *words = line.split() if not line.lstrip().startswith("#") else [""]
        for word in words:
            name, _, value = word.partition("=")
            bare = name.lstrip("-!")
            if bare in {"linguist-generated", "linguist-vendored"}:
                found.append((glob, bare.removeprefix("linguist-"), bare == name and value != "false"))
    return found


def _said(path: str, attributes: Attributes) -> dict[str, bool | None]:
    said: dict[str, bool | None] = {"generated": None, "vendored": None}
    return said | {what: is_so for glob, what, is_so in attributes if glob and matches(path, [glob])}


def _wants(_patch: Patch) -> Iterator[str]:
    yield _ATTRIBUTES


GUARD: Final = Guard(NAME, look, allowance="generated", wants=_wants)
