"""Looks for files by what they mean: has what is new in a tree embedded, within a budget, and compares it.

Whatever a model takes for it stands in the journal of the visit, and so in the ledger and on the run's page.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from app.core.budget import Usage
from app.core.embeddings import (
    MOST_PIECES,
    MOST_TOKENS,
    Embedder,
    Near,
    Outline,
    Passage,
    Piece,
    Vectors,
    VectorsLost,
    cut,
    is_worth,
    looked,
    not_looked,
    read,
)
from app.core.journal import Journal, ModelAnswered, ModelAsked, Noted, Opened
from app.core.purse import Purse
from app.core.redaction import Redactor
from app.core.tokens import tokens
from app.core.workspace import Workspace

_log = logging.getLogger(__name__)

_MOST_QUESTION: Final = 6_000
"""Characters of an issue: models read 8,000 tokens, smaller ones the beginning."""
_READ_AT_ONCE: Final = 400
"""Files."""
_ROUND: Final = 512
"""Pieces that are paid, embedded and kept together: what is lost by a crash."""
_MOST_S: Final = 180.0
"""Seconds for all of it; one round may be under way then."""
_ROUND_S: Final = 120.0
_MOST_FILES: Final = 20
_MOST_NEAR: Final = 200
"""Pieces that are looked through for as many files."""


@dataclass
class _Tree:
    """What is known of the files of a tree."""

    outlines: dict[str, Outline] = field(default_factory=dict)
    """By path."""
    lacking: dict[bytes, str] = field(default_factory=dict)
    """Texts whose vector is to be had."""
    left_out: str = ""
    """What there was no room for, in a sentence."""
    pieces: int = 0
    tokens: int = 0
    """Of what is lacking."""

    def is_full(self, new: Mapping[bytes, str], *, left: int) -> str:
        """Why no more is taken, if these come and so many files are left; empty if there is room."""
        if self.pieces >= MOST_PIECES:
            return f"{left:,} files are left out: no more than {MOST_PIECES:,} pieces of a tree are looked through."
        if self.tokens + sum(map(tokens, new.values())) > MOST_TOKENS:
            return f"{left:,} files follow with later runs: one has no more than {MOST_TOKENS:,} tokens embedded."
        return ""

    def take(self, path: str, outline: Outline, new: Mapping[bytes, str] | None = None) -> None:
        """Have one more file in it, as far as there is room."""
        self.outlines[path] = outline
        self.pieces += len(outline)
        self.lacking |= new or {}
        self.tokens += sum(map(tokens, (new or {}).values()))

    def places(self) -> Mapping[bytes, tuple[str, int]]:
        """Where each piece stands; of two alike the first."""
        found: dict[bytes, tuple[str, int]] = {}
        for path, outline in self.outlines.items():
            for line, key in outline:
                found.setdefault(key, (path, line))
        return found


@dataclass
class ByMeaning:
    """Implements `Meaning` for one visit. Smaller trees than of `least_files` are not looked at."""

    embedder: Embedder
    vectors: Vectors
    journal: Journal
    purse: Purse
    redactor: Redactor
    usd_left: float
    """What the run may spend."""
    least_files: int = 0
    clock: Callable[[], float] = time.monotonic
    was_asked: bool = False
    _usage: Usage = field(default_factory=Usage)
    _turn: int = 0

    async def near(self, question: str, paths: Sequence[str], workspace: Workspace) -> Near:
        """As `Meaning` says. Raises StoreDown and Stale."""
        if len(paths) < self.least_files:
            return Near()
        self.was_asked = True
        entries = await self.journal.entries()
        self._turn = sum(isinstance(entry, ModelAnswered) for entry in entries)
        try:
            found = await self._near(question, paths, workspace)
        except VectorsLost as error:
            _log.warning("%s %s", error, error.detail)
            found = Near(told=not_looked(str(error)))
        await self.journal.append(Noted(text=found.told))
        return found

    async def _near(self, question: str, paths: Sequence[str], workspace: Workspace) -> Near:
        asked = Piece(0, self.redactor.redact(question[:_MOST_QUESTION]))
        tree = await self._looked_over(asked, paths, workspace)
        new = len(tree.lacking.keys() - {asked.key})
        why = await self._embed(asked.text, tree)
        places = await asyncio.to_thread(tree.places)
        best = await asyncio.to_thread(self.vectors.nearest, asked.key, places, most=_MOST_NEAR)
        files: dict[str, int] = {}
        for path, line in map(places.__getitem__, best):
            files.setdefault(path, line)
        if why and not files:
            return Near(told=not_looked(why))
        left_out = [tree.left_out, f"What is missing follows with a later run: {why}" if why else ""]
        told = looked(len(places), len(tree.outlines), new=new, usage=self._usage, left_out=left_out)
        nearest = [Passage(path=path, line=line) for path, line in files.items()]
        return Near(files=tuple(nearest[:_MOST_FILES]), told=told)

    async def _looked_over(self, asked: Piece, paths: Sequence[str], workspace: Workspace) -> _Tree:
        """How the tree is cut, and what of it has no vector yet; files that are known are not read."""
        worth = await asyncio.to_thread(lambda: [path for path in paths if is_worth(path)])
        names = {path: f"{blob} {path}" for path, blob in (await workspace.blobs(worth)).items()}
        vectors = await asyncio.to_thread(self.vectors.known)
        tree = _Tree(lacking={} if asked.key in vectors else {asked.key: asked.text})
        unread = await asyncio.to_thread(self._unread, tree, names, vectors)
        for at in range(0, len(unread), _READ_AT_ONCE):
            group = await workspace.show_all(unread[at : at + _READ_AT_ONCE])
            files = await asyncio.to_thread(self._cut, group)
            outlines = {path: [(one.line, one.key) for one in cuts] for path, cuts in files.items()}
            for done, (path, cuts) in enumerate(files.items(), at):
                new = {one.key: one.text for one in cuts if one.key not in vectors}
                if why := tree.is_full(new, left=len(unread) - done):
                    tree.left_out = why
                    return tree
                tree.take(path, outlines[path], new)
            await asyncio.to_thread(self.vectors.outline, {names[path]: one for path, one in outlines.items()})
        return tree

    def _unread(self, tree: _Tree, names: Mapping[str, str], vectors: Collection[bytes]) -> list[str]:
        """Files of which something is not known; the others are in the tree then, as far as there is room."""
        known = self.vectors.outlines(names.values())
        unread: list[str] = []
        beyond = 0
        for path, name in names.items():
            outline = known.get(name)
            if outline is None or any(key not in vectors for _, key in outline):
                unread.append(path)
            elif tree.is_full({}, left=0):
                beyond += 1
            else:
                tree.take(path, outline)
        tree.left_out = tree.is_full({}, left=beyond + len(unread)) if beyond else ""
        return [] if beyond else unread

    def _cut(self, files: Mapping[str, bytes]) -> Mapping[str, Sequence[Piece]]:
        return {path: list(cut(path, self.redactor.redact(read(data)))) for path, data in files.items()}

    async def _embed(self, question: str, tree: _Tree) -> str:
        """Have the vectors made that are lacking; why not all of them could be, empty if they could."""
        lacking = list(tree.lacking.items())
        if lacking and not self._turn:
            some = {"embedded": tree.tokens}
            message = {"role": "user", "content": question}
            await self.journal.append(Opened(messages=(message,), model=self.embedder.name, tokens=some))
        until = self.clock() + _MOST_S
        for at in range(0, len(lacking), _ROUND):
            if (seconds := until - self.clock()) <= 0:
                return f"it took more than {_MOST_S:.0f} s."
            if why := await self._round(dict(lacking[at : at + _ROUND]), min(seconds, _ROUND_S)):
                return why
        return ""

    async def _round(self, texts: Mapping[bytes, str], timeout_s: float) -> str:
        most_usd = self.embedder.reserve_usd(2 * sum(map(tokens, texts.values())))
        if self._usage.usd + most_usd > self.usd_left:
            return "the run's budget does not hold more."
        held = await self.purse.reserve(most_usd)
        if not held.is_granted:
            return "a budget that runs share does not hold more."
        self._turn += 1
        await self.journal.append(ModelAsked(turn=self._turn, reserved_usd=held.usd, model=self.embedder.name))
        began = self.clock()
        got = await self.embedder.embed(list(texts.values()), timeout_s=timeout_s)
        vectors = {key: vector for key, vector in zip(texts, got.vectors, strict=True) if vector is not None}
        try:
            await asyncio.to_thread(self.vectors.keep, vectors)
        finally:  # it was paid
            self._usage += got.usage
            content = f"{len(vectors):,} of {len(texts):,} pieces of text embedded."
            answer = ModelAnswered(
                turn=self._turn,
                message={"role": "assistant", "content": content},
                usage=got.usage,
                finish_reason="stop",
                seconds=self.clock() - began,
                model=self.embedder.name,
            )
            await self.journal.append(answer)
        if got.error:
            _log.warning("Not all is embedded: %s %s", got.error, got.error.detail)
        return str(got.error) if got.error else ""
