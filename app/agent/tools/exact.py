"""Texts of files as models see them, and back to the very bytes.

Models write LF. Files have their own line ends, a byte order mark, no newline at the end, or bytes that are not UTF-8.
A replacement here touches nothing but what was replaced.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile


class NotText(ValueError):
    """The characters cannot be written in the encoding of the file."""


@dataclass(frozen=True)
class Text:
    """A file. `view` is what is matched and shown: decoded, with every CRLF as LF."""

    raw: str
    """Decoded, line ends as they are."""
    encoding: str
    view: str
    _crlf: Sequence[int] = field(repr=False)
    """Where in `view` a newline stands for two characters of `raw`."""

    @classmethod
    def of(cls, data: bytes) -> "Text":
        """Decode: UTF-8, or else Latin-1, in which every byte is a character, so that nothing is lost."""
        try:
            raw, encoding = data.decode("utf-8"), "utf-8"
        except UnicodeDecodeError:
            raw, encoding = data.decode("latin-1"), "latin-1"
        crlf: list[int] = []
        at = raw.find("\r\n")
        while at >= 0:
            crlf.append(at - len(crlf))
            at = raw.find("\r\n", at + 2)
        return cls(raw, encoding, raw.replace("\r\n", "\n"), crlf)

    @property
    def remark(self) -> str:
        """What is unusual about the file, for people and models; empty if nothing is."""
        newlines = self.view.count("\n")
        ends = ""
        if self._crlf:
            ends = "; CRLF line ends" if len(self._crlf) == newlines else "; CRLF and LF line ends mixed"
        return ends + ("; not UTF-8, shown as Latin-1" if self.encoding == "latin-1" else "")

    @property
    def is_crlf(self) -> bool:
        """Whether every line ends with CRLF."""
        return bool(self._crlf) and len(self._crlf) == self.view.count("\n")

    def places(self, old: str) -> list[int]:
        """Where `old` (with LF) stands in `view`, without overlaps."""
        found: list[int] = []
        at = self.view.find(old)
        while at >= 0:
            found.append(at)
            at = self.view.find(old, at + len(old))
        return found

    def line_of(self, place: int) -> int:
        """Number of the line at `place` of `view`, from 1."""
        return self.view.count("\n", 0, place) + 1

    def replaced(self, places: Sequence[int], old: str, new: str) -> bytes:
        """The file's bytes with `new` instead of `old` at `places` (in order). Raises NotText."""
        before, after = shared(old, new)
        gone, come = old[before : len(old) - after], new[before : len(new) - after]
        parts: list[str] = []
        done = 0
        for place in places:
            start, end = self._raw(place + before), self._raw(place + before + len(gone))
            parts += [self.raw[done:start], self._with_own_ends(come, start, end)]
            done = end
        try:
            return "".join([*parts, self.raw[done:]]).encode(self.encoding)
        except UnicodeEncodeError as error:
            strange = error.object[error.start : error.end]
            raise NotText(f"the file is not UTF-8, and {strange!r} does not exist in Latin-1") from None

    def _raw(self, place: int) -> int:
        """The place in `raw` of a place in `view`."""
        return place + bisect_left(self._crlf, place)

    def _with_own_ends(self, text: str, start: int, end: int) -> str:
        """`text` with the line ends that it replaces; new lines get those of the lines around them."""
        lines = text.split("\n")
        if len(lines) == 1:
            return text
        ends = _ends(self.raw[start:end])
        if len(ends) != len(lines) - 1:
            ends = [self._usual_end(start, end)] * (len(lines) - 1)
        return "".join(line + own for line, own in zip(lines, [*ends, ""], strict=True))

    def _usual_end(self, start: int, end: int) -> str:
        """Of the replaced part, else of its last line, else of the line before it, else of a new file."""
        around = _ends(self.raw[start:end])
        if around:
            return "\r\n" if around.count("\r\n") * 2 > len(around) else "\n"
        following = self.raw.find("\n", end)
        at = following if following >= 0 else self.raw.rfind("\n", 0, start)
        return "\r\n" if at > 0 and self.raw[at - 1] == "\r" else "\n"


def _ends(raw: str) -> list[str]:
    return ["\r\n" if line.endswith("\r") else "\n" for line in raw.split("\n")[:-1]]


def shared(old: Sequence[str], new: Sequence[str]) -> tuple[int, int]:
    """How many characters (or lines) both begin with, and how many of the rest both end with."""
    before = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))
    rest = min(len(old), len(new)) - before
    ending = zip(reversed(old), reversed(new), strict=False)
    after = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], ending))
    return before, min(after, rest)
