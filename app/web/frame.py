"""The page of one run, in pieces: made once for all who look at it, and again only where something changed."""

import asyncio
import json
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.core.blueprint import Blueprint
from app.core.errors import NotFound
from app.core.glance import BEFORE_ALL, Place, Reader, Standing
from app.core.run import Run
from app.web.change import File, files
from app.web.drawing import drawing
from app.web.gist import gist
from app.web.html import Paper
from app.web.record import Item, Passage, Record, commands, passages, titles
from app.web.stretches import Stretch, Stretches

_PARTS = "parts.html"


@dataclass(frozen=True)
class Piece:
    """One piece of a page. Where it is not there yet it is put at the end of `into`; one without HTML is taken away."""

    id: str
    into: str
    html: str
    seq: int
    """At which change it came to be what it is."""


@dataclass
class Frame:
    """A run as its page shows it. `look` brings it up to date."""

    key: str
    reader: Reader
    paper: Paper
    github_url: str
    blueprint_of: Any
    """Answers with the blueprint of a run, or None."""
    budget_usd: float
    seq: int = 0
    mark: str = field(default_factory=lambda: secrets.token_hex(4))
    """Tells this frame from an earlier one of the same run."""
    standing: Standing | None = None
    record: Record = field(default_factory=Record)
    stretches: Stretches = field(default_factory=Stretches)
    pieces: dict[str, Piece] = field(default_factory=dict)
    _seen: Place = BEFORE_ALL
    _patch: str = ""
    _drawn: object = None
    _files: list[File] = field(default_factory=list)
    _looking: asyncio.Lock = field(default_factory=asyncio.Lock)
    _message: tuple[int, str] = (-1, "")

    @property
    def run(self) -> Run:
        """The run as it was seen last."""
        if self.standing is None:
            raise RuntimeError("nobody has looked at the run yet")
        return self.standing.run

    @property
    def is_final(self) -> bool:
        """Whether nothing will change any more, as far as anybody knows."""
        return self.run.status.has_ended and self.run.is_reported and not (self.standing and self.standing.told)

    @property
    def changed_files(self) -> Sequence[File]:
        """What the run has changed so far."""
        return self._files

    async def look(self) -> bool:
        """Read what is new, and make the pieces that it changes; answer whether it changed any. Raises NotFound."""
        async with self._looking:
            standing = await self.reader.standing(self.key)
            glances = await self.reader.glances(standing.run.id, self._seen)
            patch = None
            if standing.patch_digest != self._patch:
                patch = await self.reader.patch(standing.run.id)
            self.standing, self._patch = standing, standing.patch_digest
            if glances:
                self._seen = glances[-1].place
            touched = self.record.add(glances)
            # Hundreds of turns at first: deliveries must not wait for it.
            made = await asyncio.to_thread(lambda: list(self._made(standing, touched, patch)))
            return self._put(made)

    def since(self, seq: int) -> str:
        """The pieces that changed since then, as a message for the browser; made once for all who saw the same."""
        if self._message[0] != seq:
            news = [piece for piece in self.pieces.values() if piece.seq > seq]
            said = [{"id": piece.id, "into": piece.into, "html": piece.html} for piece in news]
            self._message = (seq, json.dumps(said, ensure_ascii=False))
        return self._message[1]

    def inside(self, container: str) -> Iterator[str]:
        """The pieces of a container, in order, for the page as it is loaded."""
        return (piece.html for piece in self.pieces.values() if piece.into == container and piece.html)

    def turns(self, stretch: Stretch) -> Iterator[str]:
        """The items of a stretch, wherever they are shown."""
        return (self._part("item", item=item, key=self.key) for item in stretch.items)

    def among(self, place: Place) -> str:
        """Address of an entry among the others: on the page of the run, or on that of older turns."""
        try:
            stretch = self.stretches.at(place)
        except NotFound:
            return f"/runs/{self.key}#v-{place.visit}"
        where = f"/turns/{stretch.visit}/{stretch.first}" if stretch.is_folded else ""
        return f"/runs/{self.key}{where}#{stretch.item(place.number).key}"

    def _put(self, made: Sequence[tuple[str, str, str]]) -> bool:
        news = [one for one in made if (old := self.pieces.get(one[0])) is None or old.html != one[2]]
        if not news:
            return False
        self.seq += 1
        for name, into, html in news:
            self.pieces[name] = Piece(name, into, html, self.seq)
        for stretch in self.stretches.all:
            if stretch.is_folded and stretch.sizes:
                for key in stretch.sizes:
                    self.pieces.pop(key, None)  # with the stretch they were in
                stretch.sizes.clear()
        self._message = (-1, "")
        return True

    def _made(self, standing: Standing, touched: Sequence[Item], patch: bytes | None) -> Iterator[tuple[str, str, str]]:
        run, blueprint = standing.run, self.blueprint_of(standing.run.blueprint)
        yield "head", "", self._part("head", standing=standing, run=run, budget=self._budget(standing))
        yield "gist", "", self._part("gist", gist=gist(run))
        where = (run.at, run.status, len(run.visits))
        if blueprint is not None and where != self._drawn:
            self._drawn = where
            yield "drawing", "", self._part("drawing", drawing=drawing(blueprint, run), run=run)
        yield from self._passages(run, blueprint)
        yield from self._turns(touched)
        yield "commands", "", self._part("commands", commands=commands(run))
        if patch is not None:
            yield from self._change(patch)
        yield "change-head", "", self._part("change_head", files=self._files, run=run, key=self.key)

    def _turns(self, touched: Sequence[Item]) -> Iterator[tuple[str, str, str]]:
        """The items that changed, as far as they stand on the page, and what is folded to make room for them."""
        began = self.stretches.add(touched)
        yield from self._folded()  # what has to go anyway is not made at all
        for stretch in began:
            if not stretch.is_folded:
                yield stretch.key, f"vl-{stretch.visit}", self._part("stretch", stretch=stretch)
        for item in touched:
            stretch = self.stretches.of(item)
            if not stretch.is_folded:
                html = self._part("item", item=item, key=self.key)
                stretch.sizes[item.key] = len(html.encode())
                yield item.key, stretch.key, html
        yield from self._folded()

    def _folded(self) -> Iterator[tuple[str, str, str]]:
        for stretch in list(self.stretches.too_many()):
            stretch.is_folded = True
            yield stretch.key, f"vl-{stretch.visit}", self._part("older", stretch=stretch, key=self.key)

    def _passages(self, run: Run, blueprint: Blueprint[Any] | None) -> Iterator[tuple[str, str, str]]:
        made = passages(run, titles(blueprint))
        news = made[-1] if made else None
        for passage in made:
            number = passage.number
            yield f"v-{number}", "visits", self._part("passage", number=number)
            yield f"vh-{number}", f"v-{number}", self._heading(passage)
        yield "news", "", self._part("news", run=run, passage=news)

    def _heading(self, passage: Passage) -> str:
        number = passage.number
        return self._part(
            "heading",
            passage=passage,
            prompt=self.record.prompts.get(number),
            result=self.record.results.get(number),
            parts=self.record.parts.get(number, ()),
            key=self.key,
        )

    def _change(self, patch: bytes) -> Iterator[tuple[str, str, str]]:
        gone = {file.key for file in self._files}
        self._files = files(patch)
        for file in self._files:
            yield file.key, "files", self._part("file", file=file)
        for key in gone - {file.key for file in self._files}:
            yield key, "files", ""

    def _budget(self, standing: Standing) -> float:
        return self.budget_usd + standing.raised_usd

    def _part(self, name: str, **facts: Any) -> str:
        return str(self.paper.part(_PARTS, name, github_url=self.github_url, **facts))
