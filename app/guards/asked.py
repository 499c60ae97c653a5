"""A change that has nothing of what the issue asks for, as far as the issue's own words tell it."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from app.core.comments import bare
from app.core.defects import is_about_a_defect
from app.core.guards import Finding, Weight
from app.core.kinds import is_document, is_test
from app.core.patch import Change, FileChange
from app.core.task import Task
from app.guards.guard import Guard, Subject
from app.guards.manifests import ecosystem
from app.guards.suites import NOTHING, check_in
from app.guards.unused import unused

NAME: Final = "what was asked"

_TESTS: Final = re.compile(
    r"^(?:please )?(?:add|write|extend|improve|create)\b(?:(?! to | so ).)*"
    r"\btests?\b(?:\s+(?:for|of|to|that|which|with)\b|\s*$)",
    re.IGNORECASE,
)
_DOCUMENTS: Final = re.compile(
    r"^(?:please )?(?:document|describe)\b"
    r"|^(?:please )?(?:add|bring|complete|correct|extend|fix|improve|mention|prepare|update|write)\b.*"
    r"\b(?:docs|documentation|readme|change-?log)(?:\.\w+)?(?:\s+(?:for|of|about|entry|entries|up to date)\b|\s*$)",
    re.IGNORECASE,
)
"""Titles that ask for tests or documentation as such: of "the changelog generator" a program is meant."""
_A_DOCUMENT: Final = re.compile(r"\b(?:readme|change-?log)\b|\.(?:md|rst|adoc|mdx)\b|\bdocs?/", re.IGNORECASE)
_DEPENDENCIES: Final = re.compile(r"\bdependenc(?:y|ies)\b|\bpackages?\b|^(?:upgrade|bump|pin)\b", re.IGNORECASE)
_MANIFEST: Final = re.compile(r"[\w./-]+\.(?:toml|txt|json|in|mod)\b|\bPipfile\b|\bGemfile\b")
_SPAN: Final = re.compile(r"`([^`\n]{2,200})`")
_WORD: Final = re.compile(r"[^\W\d]\w{2,}")
_ENOUGH: Final = 3
"""Names in an issue: of fewer, each may be there by the way."""
_MOST_TEXT: Final = 20_000
"""Characters of an issue that are read."""
_MOST_SHOWN: Final = 5


def look(subject: Subject) -> Iterator[Finding]:
    """At most one finding: of the rules that the issue's words call for, the first that the change breaks."""
    task = subject.task
    if task is None or not subject.patch.files:
        return
    if task.is_pull_request:  # its checks and its reviewers ask for all kinds of things
        yield from _beside_the_point(subject, task)
        return
    files = [file for file in subject.patch.files if not file.submodule]
    sentence = _lacking(subject, task, files)
    if sentence:
        yield _finding(files, sentence)
    elif names := _unknown(subject, task, files):
        shown = ", ".join(f"`{name[:60]}`" for name in names[:_MOST_SHOWN])
        yield _finding(
            files, f"The issue names {shown}, and the change has nothing of it", is_sure=len(names) >= _ENOUGH
        )
    else:
        yield from _beside_the_point(subject, task)


def _finding(files: Sequence[FileChange], sentence: str, *, is_sure: bool = True) -> Finding:
    to_do = "Do what the issue asks for, or give up and say why" if is_sure else "See whether it is what was asked for"
    weight = Weight.MEND if is_sure else Weight.REMARK
    path = files[0].path if files else ""
    return Finding(guard=NAME, sentence=f"{sentence}. {to_do}.", path=path, weight=weight)


def _lacking(subject: Subject, task: Task, files: Sequence[FileChange]) -> str:
    """What a change of this kind would have and this one has not; empty if it lacks nothing."""
    if _TESTS.search(task.title) and not any(_checks_more(subject, file) for file in files):
        return "The issue asks for tests, and the change brings no test that checks anything"
    text = _text(task)
    wants_documents = _DOCUMENTS.search(task.title) and _A_DOCUMENT.search(text)
    if wants_documents and not any(is_document(file.path) and file.added for file in files):
        return "The issue asks for documentation, and the change brings none"
    if _DEPENDENCIES.search(task.title):
        manifests = {path.rpartition("/")[2] for path in _MANIFEST.findall(text) if ecosystem(path)}
        if manifests and not any(file.path.rpartition("/")[2] in manifests for file in files):
            shown = ", ".join(f"`{name[:60]}`" for name in sorted(manifests)[:_MOST_SHOWN])
            return f"The issue is about dependencies and names {shown}, and the change leaves that as it is"
    return ""


def _text(task: Task) -> str:
    return f"{task.title}\n{task.body}\n{task.instructions}"[:_MOST_TEXT]


def _checks_more(subject: Subject, file: FileChange) -> bool:
    if file.change is Change.DELETED or not (is_test(file.path) or file.path.endswith(".rs")):
        return False
    checks = (check_in(line.text) for line in subject.added_anew(file.path))
    return any(check is not None and check.strength > NOTHING for check in checks)


def _unknown(subject: Subject, task: Task, files: Sequence[FileChange]) -> Sequence[str]:
    """What the issue names, if nothing of it is in the change. Whether a defect is mended, tests tell better."""
    if is_about_a_defect(task) or any(file.binary for file in files):
        return ()
    names = [name for name in dict.fromkeys(_SPAN.findall(_text(task))) if _WORD.search(name)]
    wanted = {word.lower() for name in names for word in _WORD.findall(name)}
    there = "\n".join(_changed(subject, files)).lower()
    return names if wanted and not any(word in there for word in wanted) else ()


def _beside_the_point(subject: Subject, task: Task) -> Iterator[Finding]:
    """Something else, with a test of its own perhaps: a defect is in code that is there, and that is as it was."""
    came = unused(subject)
    said = "\n".join([_text(task), *(remark.body for remark in task.remarks)]).lower()
    if not came or any(part in said for one in came for part in one.parts) or not all(one.parts for one in came):
        return
    shown = ", ".join(f"`{one.name[:60]}`" for one in came[:_MOST_SHOWN])
    sentence = (
        f"All that came to the code is {shown}, which nothing in the change uses and the issue does not speak of; what "
        f"was there does what it did"
    )
    is_sure = is_about_a_defect(task) and all(one.is_function and not one.in_new_file for one in came)
    finding = _finding((), sentence, is_sure=is_sure)
    yield finding.model_copy(update={"path": came[0].path, "line": came[0].line})


def _changed(subject: Subject, files: Sequence[FileChange]) -> Iterator[str]:
    """Paths of the change, and every line that came or went and is more than a comment."""
    for file in files:
        yield file.path
        before, after = (set(bare(file.path, text)) for text in (subject.before(file.path), subject.after(file.path)))
        yield from before ^ after


GUARD: Final = Guard(NAME, look)
