"""Answers that are known already. Asked for again with their ETag, GitHub says in a word that nothing changed.

https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#use-conditional-requests-if-appropriate:
such a call costs nothing of the hourly allowance. GitHub is asked each time all the same, and may refuse each time.
"""

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

_MOST_CHARACTERS: Final = 8_000_000
"""Of all answers together: thousands of small ones."""
_LONGEST: Final = 250_000
"""Characters of one answer; longer ones are pages of lists, which are seldom the same twice."""


@dataclass(frozen=True)
class Answer:
    """A good answer to a read."""

    etag: str
    link: str
    """Where the other pages are, as the header says it."""
    body: str


class Known:
    """The answers that were read last, each for the token that it was given to and for no other.

    So nothing goes from one repository, or from one set of permissions, to another. All threads may use it.
    """

    def __init__(self, most_characters: int = _MOST_CHARACTERS) -> None:
        self._most = most_characters
        self._size = 0
        self._answers: OrderedDict[tuple[bytes, str], Answer] = OrderedDict()
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Known({len(self._answers)} answers)"

    def find(self, token: str, url: str) -> Answer | None:
        """What was answered to this token at this address, query included."""
        key = _key(token, url)
        with self._lock:
            if key not in self._answers:
                return None
            self._answers.move_to_end(key)
            return self._answers[key]

    def keep(self, token: str, url: str, answer: Answer) -> None:
        """Keep an answer instead of the one before; the one that was not read for longest makes room."""
        key = _key(token, url)
        with self._lock:
            if before := self._answers.pop(key, None):
                self._size -= len(before.body)
            if not answer.etag or len(answer.body) > min(_LONGEST, self._most):
                return
            self._answers[key] = answer
            self._size += len(answer.body)
            while self._size > self._most:
                self._size -= len(self._answers.popitem(last=False)[1].body)


def _key(token: str, url: str) -> tuple[bytes, str]:
    return hashlib.sha256(token.encode()).digest(), url
