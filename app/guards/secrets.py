"""Added lines that look like keys, tokens and passwords."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, groupby
from typing import Final

from app.core.disguise import decoded, glued
from app.core.guards import Finding, Weight
from app.core.kinds import is_document, is_test
from app.core.patch import AddedLine, Change
from app.core.secret_patterns import SECRET_PATTERNS, SecretPattern, is_invented
from app.guards.guard import Guard, Subject

NAME: Final = "secrets"


def look(subject: Subject) -> Iterator[Finding]:
    """A finding for each secret; it says of which kind and where, never which."""
    for path, lines in groupby(subject.patch.added_lines, key=lambda line: line.path):
        yield from _in_file(path, list(lines))
    for file in subject.patch.files:
        kinds = [pattern.name for pattern in SECRET_PATTERNS if pattern.regex.search(file.path)]
        if kinds and file.change is not Change.DELETED:
            sentence = (
                f"A name holds what looks like a secret ({kinds[0].replace('-', ' ')}). Give the file another one."
            )
            yield Finding(guard=NAME, sentence=sentence, weight=Weight.MEND)


def _in_file(path: str, lines: Sequence[AddedLine]) -> Iterator[Finding]:
    """The added lines are read as one text, as a private key has many."""
    # UTF-16 and the like have a NUL beside each letter.
    texts = [line.text.replace("\0", "") for line in lines]
    text = "\n".join(texts)
    starts = list(accumulate((len(each) + 1 for each in texts), initial=0))
    seen: set[tuple[str, int]] = set()
    for kind, place in _secrets(text):
        at = lines[bisect_right(starts, place) - 1].line
        if (kind, at) in seen:
            continue
        seen.add((kind, at))
        sentence = (
            f"This looks like a secret ({kind.replace('-', ' ')}). Take it out and read it from the environment "
            f"instead; if it is a stand-in for a test, write one that says so, such as `example`."
        )
        yield Finding(guard=NAME, sentence=sentence, path=path, line=at, weight=Weight.MEND)
    if seen or is_test(path) or is_document(path):
        return
    for line in lines:
        if (found := _GIVEN.search(line.text)) and _is_random(found["value"] or found["token"]):
            sentence = "A value is given to something that is called like a secret. See whether it is one."
            yield Finding(guard=NAME, sentence=sentence, path=path, line=line.line, weight=Weight.REMARK)
            return


def _secrets(text: str) -> Iterator[tuple[str, int]]:
    """Kinds and places of what looks like a secret, as it is written, in pieces, or encoded."""
    yield from _plain(text)
    whole, pieces = glued(text)
    if len(pieces) > 1:
        for kind, at in _plain(whole):
            begin, place = pieces[bisect_right(pieces, (at, len(text))) - 1]
            yield kind, place + at - begin
    for other, place in decoded(whole):
        begin, at = pieces[bisect_right(pieces, (place, len(text))) - 1]
        yield from ((kind, at + place - begin) for kind, _ in _plain(other))


def _plain(text: str) -> Iterator[tuple[str, int]]:
    for pattern in SECRET_PATTERNS:
        for match in pattern.regex.finditer(text):
            if not is_invented(match[0]) or _is_real_beside(pattern, match[0]):
                yield pattern.name, match.start()


_STAND_IN: Final = re.compile(r"(?i)(?:example|placeholder|dummy|redacted)")


def _is_real_beside(pattern: SecretPattern, secret: str) -> bool:
    """Whether a word that says "invented" only stands beside a token that is whole without it."""
    if pattern.name in {"password-in-url", "private-key"}:
        return False
    rest = _STAND_IN.sub("", secret)
    return rest != secret and pattern.regex.fullmatch(rest) is not None and not is_invented(rest)


_GIVEN: Final = re.compile(
    r"(?i)(?:passw(?:or)?d|secret|api[_-]?key|access[_-]?key|auth[_-]?token|private[_-]?key|credentials?)\w{0,20}[\"']?\]?"
    r"\s{0,3}(?:[:=]|:=|=>)\s{0,3}[\"'`]?(?P<value>[^\s\"'`${}<>()]{12,200})|\bBearer (?P<token>[\w.~+/-]{20,200})"
)
_KINDS: Final = tuple(map(re.compile, ("[a-z]", "[A-Z]", "[0-9]", r"[^\w\s]")))


def _is_random(value: str | None) -> bool:
    """Whether a value is nobody's word: letters and digits in a jumble."""
    if not value or is_invented(value) or value.count(".") > 1 or "/" in value[:2]:
        return False
    kinds = sum(kind.search(value) is not None for kind in _KINDS)
    digits = sum(letter.isdigit() for letter in value)
    return kinds > 1 and digits > 2 and len(set(value)) > 8 and re.search(r"[a-zA-Z]{9}", value) is None


GUARD: Final = Guard(NAME, look)
