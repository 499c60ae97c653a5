"""Files that are near a text by what they mean: pieces of them, numbers that a model makes of each, and what is found.

The numbers are a piece's vector; the nearer two of them point, the more alike is what they mean.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Protocol

from pydantic import BaseModel

from app.core.budget import Usage
from app.core.errors import MinionsError
from app.core.generated import is_marked, is_useless
from app.core.workspace import Workspace

Vector = Sequence[float]

MOST_TOKENS: Final = 4_000_000
"""Of pieces that one run has embedded anew; what is beyond follows with later runs."""
MOST_PIECES: Final = 30_000
"""Of one tree."""
MOST_BYTES: Final = 200_000
"""Of one file; what is larger was generated, or is data."""
_MOST_OF_FILE: Final = 50
"""Pieces."""
_MOST_LINES: Final = 40
_MOST_CHARACTERS: Final = 1_600
"""Of a piece: models of a smaller kind read 512 tokens."""
_OVERLAP: Final = 8
"""Lines that two pieces share: what stands at a border belongs to both."""
_NOT_WRITTEN: Final = frozenset(
    """7z avif bin bmp bz2 class csv db dll dylib eot exe flac gif gz ico ipynb jar jpeg jpg lz4 mo mov mp3 mp4 o obj
    ogg onnx otf parquet pdf png psd pyc rar so sqlite tar tgz tif tiff tsv ttf wasm wav webm webp whl woff woff2 xz zip
    zst""".split()  # noqa: SIM905 - to be read by people
)
"""Endings of data, text or not."""


@dataclass(frozen=True)
class Piece:
    """Some lines of a file."""

    line: int
    """The first of them, from 1."""
    text: str
    """With the path before it, which says a good deal about what it means."""

    @property
    def key(self) -> bytes:
        """Another one for another text."""
        return sha256(self.text.encode("utf-8", "surrogatepass")).digest()


class Passage(BaseModel, frozen=True):
    """Where something near was found."""

    path: str
    line: int


class Near(BaseModel, frozen=True):
    """What was found by meaning."""

    files: tuple[Passage, ...] = ()
    """The nearest first, each file once."""
    told: str = ""
    """What it took, or why nothing was found; empty where nobody looked."""


@dataclass(frozen=True)
class Embedded:
    """What came of some texts."""

    vectors: Sequence[Vector | None]
    """In the order of the texts; None for those that could not be had."""
    usage: Usage
    error: MinionsError | None = None
    """Why some are missing."""


class Embedder(Protocol):
    """A model that makes vectors of texts."""

    @property
    def name(self) -> str:
        """As the operator wrote it."""
        ...

    @property
    def kind(self) -> str:
        """Vectors of one kind can be compared with each other, and with no others."""
        ...

    def reserve_usd(self, tokens: int) -> float:
        """The most that so many tokens can cost; 0.0 if the price is unknown."""
        ...

    async def embed(self, texts: Sequence[str], *, timeout_s: float) -> Embedded:
        """A vector for each text, in calls of as many as a provider takes; `timeout_s` bounds all of it."""
        ...


class VectorsLost(MinionsError):
    """What is known of a repository cannot be read or written."""


Outline = Sequence[tuple[int, bytes]]
"""Of a file: the first line of each piece, and its key."""


class Vectors(Protocol):
    """What one kind of model said about one repository. Methods block, and raise VectorsLost."""

    def outlines(self, files: Collection[str]) -> Mapping[str, Outline]:
        """Of these files, by path and content, those that are known."""
        ...

    def known(self) -> Collection[bytes]:
        """Keys of all pieces whose vector is known."""
        ...

    def outline(self, outlines: Mapping[str, Outline]) -> None:
        """Keep how files are cut."""
        ...

    def keep(self, vectors: Mapping[bytes, Vector]) -> None:
        """Keep vectors by the keys of their pieces."""
        ...

    def nearest(self, key: bytes, among: Collection[bytes], *, most: int) -> Sequence[bytes]:
        """Which of these pieces are nearest to the one with this key, the nearest first."""
        ...


class Meaning(Protocol):
    """Finds files by meaning."""

    @property
    def was_asked(self) -> bool:
        """Whether there is something in the journal of this visit."""
        ...

    async def near(self, question: str, paths: Sequence[str], workspace: Workspace) -> Near:
        """Files of the base commit, out of `paths`, that are near a text. The answer tells of trouble with a model."""
        ...


class NoMeaning:
    """Implements `Meaning` where nobody looks."""

    was_asked = False

    async def near(self, question: str, paths: Sequence[str], workspace: Workspace) -> Near:  # noqa: ARG002
        """Nothing."""
        return Near()


@dataclass(frozen=True)
class KnownMeaning:
    """Implements `Meaning` by what was found before: nobody is asked."""

    found: Near
    was_asked: bool = False

    async def near(self, question: str, paths: Sequence[str], workspace: Workspace) -> Near:  # noqa: ARG002
        """The same."""
        return self.found


def is_worth(path: str) -> bool:
    """Whether a file is of a kind that people write to be read."""
    ending = path[path.rfind(".") + 1 :].lower()
    return ending not in _NOT_WRITTEN and not is_useless(path)


def read(data: bytes) -> str:
    """The text of a file; empty if it is none, is too long, or says that a program wrote it."""
    if len(data) > MOST_BYTES or b"\0" in data[:8_000]:
        return ""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return ""
    return "" if is_marked(text) else text


def cut(path: str, text: str) -> Iterator[Piece]:
    """The pieces of a file, by whole lines, each with the end of the one before it; blank ones are left out."""
    lines = [line[:_MOST_CHARACTERS] for line in text.splitlines()]
    at = 0
    for _ in range(_MOST_OF_FILE):
        end, size = at, 0
        while end < min(len(lines), at + _MOST_LINES) and (end == at or size + len(lines[end]) < _MOST_CHARACTERS):
            size += len(lines[end]) + 1
            end += 1
        if size > end - at:
            yield Piece(at + 1, f"{path}\n" + "\n".join(lines[at:end]))
        if end >= len(lines):
            return
        at = end - min(_OVERLAP, (end - at) // 4)


# -- What is told ----------------------------------------------------------------------------------------------------
def looked(pieces: int, files: int, *, new: int, usage: Usage, left_out: Sequence[str]) -> str:
    """What was looked through, what it took, and what was left out."""
    took = (
        f"{new:,} of them embedded now, for {usage.input_tokens:,} tokens and ${usage.usd:.4f}" if new else "all known"
    )
    told = f"Looked for by meaning in {pieces:,} pieces of {files:,} files, {took}."
    return " ".join([told, *filter(None, left_out)])


def not_looked(why: str) -> str:
    """Why nothing was found."""
    return f"Nothing was looked for by meaning: {why}"
