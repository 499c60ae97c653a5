"""A run as what stands on its page: pure, from what the store keeps, and added to while the run goes on."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from pydantic import TypeAdapter, ValidationError

from app.core.blueprint import Blueprint, Kind
from app.core.embeddings import MOST_TOKENS as EMBEDDED
from app.core.evidence import Evidence
from app.core.glance import Glance
from app.core.links import MOST_TOKENS as LINKED
from app.core.orientation import MOST_TOKENS as ORIENTATION
from app.core.rule_files import MOST_TOKENS as RULES
from app.core.run import Run, Status

_EVIDENCE: Final = TypeAdapter(list[Evidence])

Mark = Literal["done", "at work", "waiting", "failed"]


@dataclass
class Call:
    """A tool call and, once it is there, its result. `called` and `returned` are numbers of entries."""

    called: int | None
    tool: str
    gist: str
    returned: int | None = None
    ok: bool | None = None
    """None while it is at work."""
    seconds: float = 0.0
    result: str = ""
    """How the result begins."""


@dataclass
class Item:
    """One answer of the model and what came of it, or a sentence of the loop itself."""

    visit: int
    number: int
    """Of the entry that it began with."""
    turn: int = 0
    """0: a sentence of the loop."""
    text: str = ""
    is_cut: bool = False
    """Whether there is more text than this."""
    answered: int | None = None
    """Number of the entry with the answer; None while the model is asked."""
    seconds: float = 0.0
    figures: str = ""
    calls: list[Call] = field(default_factory=list)
    is_over: bool = False
    """Whether nothing can come of it any more, because the loop ended."""

    @property
    def key(self) -> str:
        """Its id on the page."""
        return f"e-{self.visit}-{self.number}"


@dataclass
class Passage:
    """One passage through a node: made, under way, or where the run broke off."""

    number: int
    node: str
    title: str
    kind: Kind
    mark: Mark
    outcome: str
    seconds: float | None = None
    usd: float | None = None


_LIMITS: Final = {"rules": RULES, "orientation": ORIENTATION, "linked": LINKED, "embedded": EMBEDDED}
"""Tokens of parts that have a budget of their own, beside that of the whole conversation."""


def parts(tokens: Mapping[str, int]) -> Iterator[str]:
    """Each part of what a minion begins with and what it takes of its budget; then all together."""
    for name, taken in tokens.items():
        if taken:
            most = f" of {_LIMITS[name]:,}" if name in _LIMITS else ""
            yield f"{name} {taken:,}{most}"
    if len(tokens) > 1:
        yield f"together about {sum(tokens.values()):,} tokens"


@dataclass
class Record:
    """The journal of a run at first sight, entry by entry."""

    items: dict[int, list[Item]] = field(default_factory=dict)
    """By visit."""
    prompts: dict[int, int] = field(default_factory=dict)
    """Number of the entry that opens a visit, by visit."""
    parts: dict[int, list[str]] = field(default_factory=dict)
    """What a minion begins with, by visit: each part with the tokens that it takes."""
    results: dict[int, Glance] = field(default_factory=dict)
    """What closed a visit."""
    _calls: dict[tuple[int, str], tuple[Item, Call]] = field(default_factory=dict)

    def add(self, glances: Iterable[Glance]) -> list[Item]:
        """Take in what came since; answer with the items that are new or changed, each once, in their order."""
        touched: dict[str, Item] = {}
        for glance in glances:
            for item in self._take(glance):
                touched[item.key] = item
        return list(touched.values())

    def _take(self, glance: Glance) -> Sequence[Item]:  # noqa: PLR0911 - a table: one kind, one change
        match glance.kind:
            case "opened":
                self.prompts[glance.visit] = glance.number
                self.parts[glance.visit] = list(parts(glance.tokens))
                return ()
            case "model asked":
                return [self._new(glance, turn=glance.turn)]
            case "model answered":
                return [self._answered(glance)]
            case "tool called":
                return [self._called(glance)]
            case "tool returned":
                return [self._returned(glance)]
            case "closed":
                self.results[glance.visit] = glance
                return self._closed(glance.visit)
            case "noted" | "switched" | "masked" | "mended":
                return [self._new(glance, text=_note(glance), is_cut=glance.size > len(glance.text))]
        return ()

    def _new(self, glance: Glance, **facts: Any) -> Item:
        item = Item(glance.visit, glance.number, **facts)
        self.items.setdefault(glance.visit, []).append(item)
        return item

    def _newest(self, glance: Glance) -> Item:
        items = self.items.get(glance.visit, [])
        turns = [item for item in items[-8:] if item.turn]  # sentences of the loop may stand in between
        return turns[-1] if turns else self._new(glance, turn=1)

    def _answered(self, glance: Glance) -> Item:
        item = self._newest(glance)
        if item.turn != glance.turn or item.answered is not None:
            item = self._new(glance, turn=glance.turn)
        item.answered, item.seconds, item.text = glance.number, glance.seconds, glance.text.strip()
        item.is_cut = glance.size > len(glance.text)
        read, written = f"{glance.input_tokens:,} tokens read", f"{glance.output_tokens:,} written"
        item.figures = f"{read}, {written}, ${glance.usd:.4f}"
        return item

    def _called(self, glance: Glance) -> Item:
        item, call = self._newest(glance), Call(glance.number, glance.tool, glance.text)
        item.calls.append(call)
        self._calls[glance.visit, glance.call_id] = item, call
        return item

    def _returned(self, glance: Glance) -> Item:
        known = self._calls.get((glance.visit, glance.call_id))
        if known is None:  # one that could not be carried out at all
            item, call = self._newest(glance), Call(None, "?", glance.text)
            item.calls.append(call)
        else:
            item, call = known
        call.returned, call.ok, call.seconds, call.result = glance.number, glance.ok, glance.seconds, glance.text
        return item

    def _closed(self, visit: int) -> Sequence[Item]:
        """The call that ended the loop has no result of its own; a question that is open will not be answered."""
        open_ones = [
            item
            for item in self.items.get(visit, [])[-8:]
            if item.turn and (item.answered is None or any(call.ok is None for call in item.calls))
        ]
        for item in open_ones:
            item.is_over = True
            for call in item.calls:
                call.ok = call.ok is not False
        return open_ones


def passages(run: Run, titles: Mapping[str, tuple[str, Kind]]) -> list[Passage]:
    """The visits of a run and, if it has one, the node at which it stands. `titles` are those of its blueprint."""
    made = [
        Passage(
            *(number, visit.node, visit.title, visit.kind, "done", visit.outcome or "done", visit.seconds),
            usd=visit.usage.usd if visit.kind is Kind.AGENT or visit.usage.tokens else None,
        )
        for number, visit in enumerate(run.visits)
    ]
    if run.status is not Status.DONE and run.status is not Status.REFUSED and run.at in titles:
        ends: Mapping[Status, Mark] = {
            Status.FAILED: "failed",
            Status.STOPPED: "failed",
            Status.WAITING: "waiting",
        }
        mark = ends.get(run.status, "at work")
        words = {Status.STOPPED: "stopped", Status.QUEUED: "not begun yet"}
        title, kind = titles[run.at]
        made.append(Passage(len(run.visits), run.at, title, kind, mark, words.get(run.status, mark)))
    return made


def titles(blueprint: Blueprint[Any] | None) -> dict[str, tuple[str, Kind]]:
    """Title and kind of each node, by its name."""
    return {node.name: (node.title, node.kind) for node in blueprint.edges} if blueprint else {}


def commands(run: Run) -> list[Evidence]:
    """The commands that the run counts as evidence, in their order; a blueprint may keep none."""
    try:
        return _EVIDENCE.validate_python(run.state.get("evidence", ()))
    except ValidationError:  # a blueprint's own field of that name
        return []


def _note(glance: Glance) -> str:
    """What the loop itself did, in a sentence."""
    match glance.kind:
        case "switched":
            return f"{glance.model} goes on: {glance.text}"
        case "masked":
            return f"{glance.count} older results were left out of the conversation, to make room."
        case "mended":
            return "The conversation was put in a form that the model's provider reads."
    return glance.text
