"""The turns of a run in stretches, so that the page of a long run stays small: the newest stand on it, older ones are
folded, and each of those has a page of its own, which is also what is put in when somebody unfolds it. Pure.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from app.core.errors import NotFound
from app.core.glance import Place
from app.web.record import Item

LENGTH: Final = 50
"""Items of one stretch: some screens full."""
MOST_OPEN: Final = 10
"""Stretches that stand on the page: 500 turns."""
MOST_BYTES: Final = 1_000_000
"""Of their turns on the page: half of what a page may have (2 MB); the rest is for the change and the drawing."""


@dataclass
class Stretch:
    """Some items of one visit that follow each other."""

    visit: int
    items: list[Item]
    is_folded: bool = False
    sizes: dict[str, int] = field(default_factory=dict)
    """Bytes of each item as it stands on the page."""

    @property
    def first(self) -> int:
        """Number of the entry that it begins with."""
        return self.items[0].number

    @property
    def key(self) -> str:
        """Its id on the page."""
        return f"s-{self.visit}-{self.first}"

    @property
    def size(self) -> int:
        """Bytes of all of its items on the page."""
        return sum(self.sizes.values())

    @property
    def name(self) -> str:
        """Which turns it holds, for people."""
        turns = [item.turn for item in self.items if item.turn]
        if not turns:
            return f"Entries from {self.first} on"
        return f"Turn {turns[0]}" if turns[0] == turns[-1] else f"Turns {turns[0]} to {turns[-1]}"

    def item(self, number: int) -> Item:
        """The item that an entry belongs to."""
        before = [item for item in self.items if item.number <= number]
        return before[-1] if before else self.items[0]


@dataclass
class Stretches:
    """All stretches of a run, in their order."""

    all: list[Stretch] = field(default_factory=list)
    _of_item: dict[str, Stretch] = field(default_factory=dict)
    _newest: dict[int, Stretch] = field(default_factory=dict)
    """The stretch of each visit that is not full, or was filled last."""

    def add(self, items: Iterable[Item]) -> list[Stretch]:
        """Put new items where they belong; answer with the stretches that began."""
        began = []
        for item in items:
            if item.key in self._of_item:
                continue
            stretch = self._newest.get(item.visit)
            if stretch is None or len(stretch.items) >= LENGTH:
                stretch = Stretch(item.visit, [item])
                self._newest[item.visit] = stretch
                self.all.append(stretch)
                began.append(stretch)
            else:
                stretch.items.append(item)
            self._of_item[item.key] = stretch
        return began

    def of(self, item: Item) -> Stretch:
        """The stretch of an item that was added."""
        return self._of_item[item.key]

    def too_many(self) -> Iterator[Stretch]:
        """Those to be folded, as there are more on the page than it has room for; the newest never is."""
        on_page = [stretch for stretch in self.all if not stretch.is_folded]
        size = sum(stretch.size for stretch in on_page)
        for place, stretch in enumerate(on_page[:-1]):
            if len(on_page) - place <= MOST_OPEN and size <= MOST_BYTES:
                return
            size -= stretch.size
            yield stretch

    def at(self, place: Place) -> Stretch:
        """The stretch in which an entry stands, or stands beside. Raises NotFound."""
        here = [stretch for stretch in self.all if stretch.visit == place.visit]
        before = [stretch for stretch in here if stretch.first <= place.number]
        if not here:
            raise NotFound("There is no such turn.")
        return before[-1] if before else here[0]

    def beside(self, stretch: Stretch) -> tuple[Stretch | None, Stretch | None]:
        """The one before it and the one after it."""
        place = self.all.index(stretch)
        after = self.all[place + 1] if place + 1 < len(self.all) else None
        return self.all[place - 1] if place else None, after
