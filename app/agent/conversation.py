"""Where a loop stands: a fold over its journal, and nothing else.

The message list only grows at its end, until the window gets full: then old results or older turns leave it, which is
an entry of its own, so that a loop that goes on after a crash has the very same messages.
"""

import re
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from app.agent.background import RESTARTED, STARTED
from app.agent.bounds import LAST_SHARE, LONGER, TOLD_TO_END, share_told
from app.agent.replay import Call, calls, portable, replayable, words
from app.agent.stuck import Steps
from app.agent.window import BYTES_PER_TOKEN, SUMMARY, masked, size
from app.core.budget import Usage
from app.core.journal import (
    Closed,
    Entry,
    Masked,
    Mended,
    ModelAnswered,
    ModelAsked,
    Noted,
    Opened,
    Switched,
    ToolCalled,
    ToolReturned,
)

_NO_TOOL: Final = (
    "That was text without a tool call, which reaches nobody. "
    "Use a tool: go on working, or end with `submit` or `give_up`."
)
_CLAIM: Final = (
    "That was text without a tool call, which reaches nobody. If the change is complete and checked, call `submit` "
    "now; otherwise go on working."
)
_EMPTY: Final = "Your answer was empty. Use a tool: go on working, or end with `submit` or `give_up`."
_CUT: Final = (
    "Your answer was cut off at its longest, in the middle of a tool call. Nothing of it was carried out. "
    "Take a smaller step: for example a shorter file, or several edits."
)
_TOO_LONG: Final = (
    "Your answer was cut off at its longest, before it came to a tool call. Think and write less, and use a tool."
)
_CLAIMS: Final = re.compile(
    r"\b(?:done|complete|completed|finished|fixed|implemented|resolved|solved|submitted)\b", re.IGNORECASE
)
_REFUSED: Final = frozenset({"content_filter", "refusal", "safety", "prohibited_content"})
"""What providers give as the reason for an answer that they or their models will not give."""


_MOST_EMPTY: Final = 3
"""Empty answers in a row: two are answered with a word, after the third the model will not find it."""


@dataclass
class Conversation:
    """The state of a loop. `apply` is the only way to change it."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    head: int = 0
    """How many messages it began with."""
    model: str = ""
    """Who is asked."""
    usage: Usage = field(default_factory=Usage)
    context: int = 0
    """Tokens of the next request, about."""
    seconds: float = 0.0
    """Time that was used, the time before a crash included, the time between crash and restart not."""
    pending: deque[Call] = field(default_factory=deque)
    """Calls of the newest answer that have no result yet."""
    begun: int = 0
    """How many of them were begun: if nobody is at it, they were interrupted."""
    missed: int = 0
    """Answers in a row of which nothing could be carried out."""
    misses: int = 0
    """Such answers in all."""
    failed: tuple[str, ...] = ()
    """Tools of the newest answer's calls that did not do what they were asked for; it could not know that yet."""
    was_empty: bool = False
    """Whether the newest answer held nothing at all."""
    was_cut: bool = False
    """Whether the newest answer was cut off, in a tool call or before it came to one."""
    refused_by: tuple[str, ...] = ()
    """Models that refused to answer this."""
    silent: tuple[str, ...] = ()
    """Models that answered with nothing again and again."""
    is_mended: bool = False
    """Whether the messages were put in a form that everybody reads since the newest answer."""
    claims: tuple[str, ...] = ()
    """What was said in a row without a tool call that claims to be the end."""
    steps: Steps = field(default_factory=Steps)
    has_begun_others: bool = False
    """Whether commands may be going on in the background."""
    owed: str = ""
    """What the loop has to say before it asks again."""
    rules: tuple[str, ...] = ()
    """Rule files that it was given so far."""
    forgotten: tuple[str, ...] = ()
    """Those of them that left the conversation again, with the results at whose end they stood."""
    told_share: int = 0
    """Per cent of the budget of whose use it was told."""
    extended: bool = False
    """Whether turns were added."""
    wrapping_up_since: int | None = None
    """Turns that had been used when it was told to come to an end."""
    summaries: int = 0
    gain: float = 1.0
    """Share of the conversation that the newest summary saved."""
    result: dict[str, Any] | None = None

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> "Conversation":
        """The state after these entries."""
        talk = cls()
        for entry in entries:
            talk.apply(entry)
        return talk

    def apply(self, entry: Entry) -> None:
        """Go on by one entry."""
        match entry:
            case Opened():
                self.messages, self.head, self.model = list(entry.messages), len(entry.messages), entry.model
                self.context = sum(map(size, entry.messages)) // BYTES_PER_TOKEN
                self.rules = entry.rules
            case ModelAsked():
                pass  # asked and not answered: it is asked again
            case ModelAnswered() if entry.stands_for:
                self._summarised(entry, *entry.stands_for)
            case ModelAnswered():
                self._answered(entry)
            case ToolCalled():
                self.misses -= bool(self.missed)
                self.begun, self.missed, self.silent = self.begun + 1, 0, ()
            case ToolReturned():
                self._returned(entry)
            case Noted():
                self._noted(entry)
            case Closed():
                self.result = entry.result
            case Masked() | Switched() | Mended():
                self._rewritten(entry)

    def _answered(self, entry: ModelAnswered) -> None:
        self.usage += entry.usage
        self.seconds += entry.seconds
        self.context = entry.usage.tokens
        self.is_mended = self.was_empty = self.was_cut = False
        self.failed = ()
        self.steps.turned(self.usage.turns)
        if entry.finish_reason in _REFUSED or entry.message.get("refusal"):
            self.refused_by = (*self.refused_by, self.model)
            return  # not in the conversation: another model is asked the same
        self.refused_by = ()
        self.missed += 1
        self.misses += 1
        given = calls(entry.message)
        self.was_cut = entry.finish_reason == "length"
        self.pending = deque() if self.was_cut else deque(given)
        self.owed = "" if not self.was_cut else _CUT if given else _TOO_LONG
        if given or self.was_cut:
            self.claims = ()
        else:
            self._said(words(entry.message))
        self.messages.append(replayable(entry.message, self.pending))

    def _said(self, text: str) -> None:
        """An answer without a tool call."""
        self.was_empty = not text.strip()
        if self.was_empty and self.missed >= _MOST_EMPTY:
            self.silent = (*self.silent, self.model)
        self.claims = (*self.claims, text) if _CLAIMS.search(text) else ()
        self.owed = _EMPTY if self.was_empty else _CLAIM if self.claims else _NO_TOOL

    def _returned(self, entry: ToolReturned) -> None:
        call = self.pending.popleft()
        self.begun = max(self.begun - 1, 0)
        self.seconds += entry.seconds
        self.failed = (*self.failed, *([] if entry.ok else [call.tool]))
        self.has_begun_others = self.has_begun_others or entry.text.startswith(STARTED)
        self.rules = tuple(dict.fromkeys((*self.rules, *entry.rules)))
        self.forgotten = tuple(name for name in self.forgotten if name not in entry.rules)
        self._append({"role": "tool", "tool_call_id": call.id, "content": entry.text})
        self.steps.done(
            call.tool,
            call.arguments,
            entry.text,
            ok=entry.ok,
            tree=entry.tree,
            turn=self.usage.turns,
            may_wait=self.has_begun_others,
        )

    def _noted(self, entry: Noted) -> None:
        self.owed = ""
        self.steps.told(entry.text)
        self.has_begun_others = self.has_begun_others and not entry.text.startswith(RESTARTED)
        self.told_share = max(self.told_share, share_told(entry.text))
        self.extended = self.extended or entry.text.startswith(LONGER)
        if entry.text.startswith(TOLD_TO_END):
            self.wrapping_up_since = self.usage.turns
        self._append({"role": "user", "content": entry.text})

    def _summarised(self, entry: ModelAnswered, start: int, end: int) -> None:
        self.usage += entry.usage
        self.seconds += entry.seconds
        self.summaries += 1
        before = sum(map(size, self.messages))
        if text := words(entry.message).strip():
            self._forget(self.messages[start:end])
            self.messages[start:end] = [{"role": "user", "content": SUMMARY + text}]
        after = sum(map(size, self.messages))
        self.gain = 1 - after / max(before, 1)
        self.context = after // BYTES_PER_TOKEN

    def _rewritten(self, entry: Masked | Switched | Mended) -> None:
        """What was sent before is sent in another way from now on."""
        match entry:
            case Masked():
                before = self._size_of(entry.places)
                self._forget([self.messages[place] for place in entry.places])
                for place in entry.places:
                    self.messages[place] = masked(self.messages[place])
                self.context -= (before - self._size_of(entry.places)) // BYTES_PER_TOKEN
            case Switched():
                self.model, self.messages = entry.model, portable(self.messages)
                self.missed, self.was_empty = 0, False
            case Mended():
                self.messages, self.is_mended = portable(self.messages), True

    def _append(self, message: dict[str, Any]) -> None:
        self.messages.append(message)
        self.context += size(message) // BYTES_PER_TOKEN

    def _forget(self, messages: Sequence[Mapping[str, Any]]) -> None:
        """Rules that stand in these messages are given again when their part of the repository is touched again."""
        gone = [name for name in self.rules if any(f"\n## {name}\n" in str(one.get("content")) for one in messages)]
        self.forgotten = tuple(dict.fromkeys((*self.forgotten, *gone)))

    @property
    def warned(self) -> bool:
        """Whether the notice of the near end was given."""
        return self.told_share >= LAST_SHARE

    @property
    def known_rules(self) -> tuple[str, ...]:
        """Rule files that stand in the conversation as it is sent."""
        return tuple(name for name in self.rules if name not in self.forgotten)

    def _size_of(self, places: Sequence[int]) -> int:
        return sum(size(self.messages[place]) for place in places)
