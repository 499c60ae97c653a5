"""Added lines that look like keys, tokens and passwords."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, groupby
from typing import Final

from app.core.guards import Finding, Weight
from app.core.patch import AddedLine, Change
from app.core.secret_patterns import SECRET_PATTERNS, is_invented
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
    for pattern in SECRET_PATTERNS:
        for match in pattern.regex.finditer(text):
            at = lines[bisect_right(starts, match.start()) - 1].line
            if (pattern.name, at) in seen or is_invented(match[0]):
                continue
            seen.add((pattern.name, at))
            kind = pattern.name.replace("-", " ")
            sentence = (
                f"This looks like a secret ({kind}). Take it out and read it from the environment instead; "
                f"if it is a stand-in for a test, write one that says so, such as `example`."
            )
            yield Finding(guard=NAME, sentence=sentence, path=path, line=at, weight=Weight.MEND)


GUARD: Final = Guard(NAME, look)
