"""Comments that silence a linter, a type checker, a measure of coverage or a scanner."""

import re
from collections.abc import Iterator
from typing import Final

from app.core.guards import Finding, Weight
from app.core.kinds import is_document
from app.core.patch import Change
from app.core.repo_config import PATH
from app.guards.guard import Guard, Subject

NAME: Final = "suppressions"

_COMMENT: Final = re.compile(
    r"#\s*(?:(?i:noqa)\b|ruff:\s*(?:noqa|disable|ignore|isort:\s*skip)|flake8[:=]\s*noqa|type:\s*ignore|mypy:|pyright:\s*(?:ignore|basic|off|report\w+\s*=\s*(?:false|none))|ty:\s*ignore|pyre-\w+"
    r"|pylint:\s*(?:disable|skip-file)|pragma:\s*no\s*(?:cover|branch)|nosec\b|nosemgrep\b|fmt:\s*(?:off|skip)|isort:\s*skip"
    r"|rubocop:\s*disable|shellcheck\s+disable|yamllint\s+disable|noinspection\b|checkov:skip|tfsec:ignore|hadolint\s+ignore)"
    r"|(?://|/\*|<!--|\{/\*)\s*(?:eslint-disable|@ts-(?:ignore|nocheck|expect-error)|tslint:\s*disable|biome-ignore|prettier-ignore"
    r"|oxlint-disable|istanbul\s+ignore|c8\s+ignore|v8\s+ignore|stylelint-disable|nolint\b|nosec\b|NOLINT|noinspection\b|NOSONAR"
    r"|cspell:\s*disable|deno-lint-ignore|htmlhint|markdownlint-disable|swiftlint:disable|ktlint-disable|phpcs:|phpstan-ignore"
    r"|eslint\s+[\w@/-]+\s*:\s*\[?\s*(?:0|['\"]?off)\b|node:coverage\s+(?:disable|ignore)|lint:file-ignore|revive:disable|#nosec\b"
    r"|@phpstan-ignore|@psalm-suppress|coverage:\s*ignore|lint:ignore|exhaustive:ignore|dart:\s*ignore|ignore(?:_for_file)?:)"
    r"|@SuppressWarnings\b|@SuppressLint\b|@Suppress\(|@file:Suppress|#!?\[(?:allow|expect)\(|#!?\[cfg_attr\(.*\b(?:allow|expect)\(|#pragma\s+warning\s+disable"
    r"|#pragma\s+(?:GCC|clang)\s+diagnostic\s+ignored|\[SuppressMessage\b|\[ExcludeFromCodeCoverage\b|@(?:typing\.|t\.)?no_type_check\b"
    r"|#\[rustfmt::skip\]|\bcoverage\(off\)|\btarpaulin_include\b"
    r"|\bcredo:disable",
)


def look(subject: Subject) -> Iterator[Finding]:
    """A finding for each one that came beyond those that may, less those that went."""
    found: list[Finding] = []
    gone = 0
    for file in subject.texts():
        if is_document(file.path):
            continue
        gone += sum(1 for line in subject.removed(file.path) if _COMMENT.search(line.text))
        if file.change is Change.DELETED:
            continue
        for line in subject.added(file.path):
            if match := _COMMENT.search(line.text):
                sentence = f"`{match[0].strip()[:60]}` hides what a tool found. Mend what it found instead{_MORE}"
                found.append(
                    Finding(guard=NAME, sentence=sentence, path=file.path, line=line.number, weight=Weight.MEND)
                )
    if len(found) - gone > subject.config.max_suppressions:
        yield from found[: len(found) - gone]


_MORE: Final = (
    f"; a person can allow it by `allow: suppressions`, and `max_suppressions` in `{PATH}` says how many there may be."
)

GUARD: Final = Guard(NAME, look, allowance="suppressions")
