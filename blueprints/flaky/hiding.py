"""What makes a flaky test look steady without being so: it is skipped, tried again, or waits for a while."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from app.core.diff import FileDiff, file_diffs
from app.core.guards import Finding, Weight
from app.core.kinds import is_document, language

NAME: Final = "hidden flakiness"

_AGAIN: Final = re.compile(
    r"@(?:pytest\.mark\.)?(?:flaky|rerun\w*|retry\w*)\b|\bmark\.flaky\b|\bflaky\s*\(|--reruns?\b|--retries\b|\breruns\s*="
    r"|--force-flaky|pytest[-_]rerunfailures|flaky-test|jest\.retryTimes|\bthis\.retries\s*\(|\bretries\s*:\s*[1-9]"
    r"|\b(?:test|it|describe)\.retry\b|\bretryTimes\b|@RepeatedIfExceptions\w*|@RetryingTest|@Retry\b|--flaky[-_]test"
    r"|\btenacity\b|\bbackoff\.on_|\bstamina\b|for\s+_?(?:attempt|retry|try)\w*\s+in\s+range\(|--rerun-failing",
    re.IGNORECASE,
)
_WAITS: Final = re.compile(
    r"\b(?:time|asyncio|trio|anyio|gevent|eventlet)\.sleep\((?!\s*0(?:\.0*)?\s*\))|(?<![\w.])sleep\((?!\s*0(?:\.0*)?\s*\))"
    r"|\bThread\.sleep\(|\btime\.Sleep\(|\bthread::sleep\(|\bTask\.Delay\(|\busleep\(|\bwaitForTimeout\("
    r"|\bsetTimeout\(\s*(?:resolve|done|r|res|cb)\b|\bcy\.wait\(\s*\d|^\s*sleep\s+[\d.]+\s*$",
)
_SKIPS: Final = re.compile(
    r"\bmark\.(?:skip|skipif|xfail)\b|\bpytest\.(?:skip|xfail)\(|@(?:unittest\.)?(?:skip\w*|expectedFailure)\b|\bskipTest\("
    r"|\b(?:it|test|describe)\.(?:skip|todo|fixme|failing)\b|\b(?:xit|xtest|xdescribe)\s*\(|\bt\.Skip(?:Now|f)?\(|#\[ignore\b"
    r"|@(?:Ignore|Disabled\w*)\b|--deselect\b|--ignore\b"
)
_WAYS: Final = (
    (_AGAIN, "tries it again, so that a failure is not seen"),
    (_WAITS, "waits for a while, which fails on a slower machine"),
    (_SKIPS, "keeps it from being run"),
)


def hiding(patch: bytes) -> Iterator[Finding]:
    """A finding for each line that came and hides what fails, in code, tests and settings alike."""
    for path, diff in file_diffs(patch).items():
        if is_document(path):
            continue
        for number, text in _came(diff):
            bare = _without_comment(text, path)
            for pattern, what in _WAYS:
                if found := pattern.search(bare):
                    sentence = (
                        f"`{found[0].strip()[:60]}` {what}. Find out what the test depends on that is not the same "
                        f"each time, such as time, order, randomness, or what another test left, and take that away"
                    )
                    yield Finding(guard=NAME, sentence=f"{sentence}.", path=path, line=number, weight=Weight.MEND)
                    break


def _came(diff: FileDiff) -> Iterator[tuple[int, str]]:
    """Lines that came and did not merely move within their file."""
    gone = Counter(line.text.strip() for line in diff.removed)
    for line in diff.added:
        text = line.text.strip()
        if gone[text] > 0:
            gone[text] -= 1
        else:
            yield line.number, line.text[:1_000]


def _without_comment(text: str, path: str) -> str:
    """A line that is nothing but a comment says nothing to a machine; others are looked at whole."""
    marks = {"python": "#", "ruby": "#", "shell": "#", "elixir": "#"}
    mark = marks.get(language(path), "//")
    return "" if text.lstrip().startswith(mark) and not text.lstrip().startswith("#[") else text
