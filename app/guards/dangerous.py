"""Added lines that static analysis warns of: ruff's security rules for Python, a few patterns for other languages."""

import re
from collections.abc import Iterator
from typing import Final

from app.core.guards import Finding, Weight
from app.core.kinds import is_source, is_test, language
from app.core.patch import Change
from app.guards.guard import Guard, Subject

NAME: Final = "dangerous code"
_ALLOW: Final = "if it has to be so, a person can allow it by `allow: security`"

_REMARKS: Final = frozenset(["S113", "S301", "S302", "S324", "S608"])
"""Rules that are wrong so often that they only tell the reviewer where to look."""

_PATTERNS: Final = {
    "javascript": (
        (re.compile(r"(?<![\w.])eval\s*\(|\bnew Function\s*\("), "runs text as a program", Weight.MEND),
        (
            re.compile(r"rejectUnauthorized\s*:\s*false|NODE_TLS_REJECT_UNAUTHORIZED"),
            "trusts any certificate",
            Weight.MEND,
        ),
        (
            re.compile(r"\bexec(?:Sync)?\s*\(\s*(?:`[^`]*\$\{|['\"][^'\"]*['\"]\s*\+)"),
            "makes a shell's command of values",
            Weight.MEND,
        ),
        (re.compile(r"\bvm\.(?:runIn\w+|compileFunction|Script)\b"), "runs text as a program", Weight.MEND),
        (re.compile(r"\bexecSync\s*\(\s*[A-Za-z_$]"), "runs a shell with a value as its command", Weight.REMARK),
        (
            re.compile(r"\.innerHTML\s*[+]?=|dangerouslySetInnerHTML|document\.write\("),
            "puts text in a page as HTML",
            Weight.REMARK,
        ),
    ),
    "go": (
        (re.compile(r"InsecureSkipVerify:\s*true"), "trusts any certificate", Weight.MEND),
        (
            re.compile(r"exec\.Command\(\s*\"(?:/bin/)?(?:ba)?sh\"\s*,\s*\"-c\"\s*,\s*(?!\")"),
            "makes a shell's command of values",
            Weight.MEND,
        ),
    ),
    "rust": (
        (re.compile(r"danger_accept_invalid_(?:certs|hostnames)\(\s*true"), "trusts any certificate", Weight.MEND),
    ),
    "ruby": (
        (re.compile(r"VERIFY_NONE\b"), "trusts any certificate", Weight.MEND),
        (
            re.compile(r"(?<![\w.])eval\s*\(|\bMarshal\.load\b|\bYAML\.unsafe_load\b"),
            "runs what it is given",
            Weight.MEND,
        ),
    ),
    "java": (
        (re.compile(r"ALLOW_ALL_HOSTNAME_VERIFIER|NoopHostnameVerifier"), "trusts any host", Weight.MEND),
        (re.compile(r"Runtime\.getRuntime\(\)\.exec\([^)]*\+"), "makes a command of values", Weight.MEND),
    ),
    "php": (
        (
            re.compile(r"(?<![\w>:])(?:eval|unserialize|shell_exec|system|passthru)\s*\(\s*\$"),
            "runs what it is given",
            Weight.MEND,
        ),
    ),
    "shell": (
        (
            re.compile(
                r"\b(?:curl|wget)\b[^|;&]*\|\s*(?:sudo\s+)?(?:ba|z|da)?sh\b|(?:\b(?:ba|z|da)?sh|\bsource|\.)\s+<\(\s*(?:curl|wget)\b"
                r"|\b(?:eval|sh -c)\s+[\"']?(?:\$\(|`)\s*(?:curl|wget)\b"
            ),
            "runs what it downloads",
            Weight.MEND,
        ),
        (re.compile(r"\bchmod\s+(?:-R\s+)?0?777\b"), "lets everybody write", Weight.MEND),
    ),
}
"""By language: what a line says, what it does, and what becomes of it."""


def look(subject: Subject) -> Iterator[Finding]:
    """A finding for each added line that is warned of; tests may do as they like."""
    for file in subject.texts():
        path = file.path
        if file.change is Change.DELETED or is_test(path):
            continue
        added = {line.number: line.text for line in subject.added_anew(path)}
        yield from _installing(subject, path)
        for flaw in subject.flaws.get(path, ()):
            if flaw.line in added:
                weight = Weight.REMARK if flaw.rule in _REMARKS else Weight.MEND
                yield _finding(path, flaw.line, f"{flaw.message.rstrip('.')} ({flaw.rule})", weight)
        kind = language(path) or ("shell" if path.rpartition("/")[2] in {"Dockerfile", "Makefile"} else "")
        for pattern, what, weight in _PATTERNS.get(kind, ()) if is_source(path) or kind == "shell" else ():
            for number, text in added.items():
                if pattern.search(text):
                    yield _finding(path, number, f"This {what}", weight)


_LIFECYCLE: Final = re.compile(r"^\s*\"(?:pre|post)?(?:install|prepare|publish)\"\s*:\s*\"", re.IGNORECASE)


def _installing(subject: Subject, path: str) -> Iterator[Finding]:
    """Scripts of a `package.json` that run on the machine of everybody who installs it."""
    if path.rpartition("/")[2] == "package.json":
        for line in subject.added_anew(path):
            if _LIFECYCLE.search(line.text):
                yield _finding(path, line.number, "This script runs wherever the package is installed", Weight.MEND)


def _finding(path: str, line: int, what: str, weight: Weight) -> Finding:
    return Finding(guard=NAME, sentence=f"{what}. Do it another way; {_ALLOW}.", path=path, line=line, weight=weight)


GUARD: Final = Guard(NAME, look, allowance="security")
