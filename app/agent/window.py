"""How full a model's window is, and what leaves the conversation when it gets full.

Results of tools go first, old ones, many at once: between two such moments what is sent stays the same from its
beginning on, or providers could not cache it. What is still too much is summarised. Masking alone halves the cost of
long runs at the same rate of success (https://arxiv.org/abs/2508.21433).
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

BYTES_PER_TOKEN: Final = 3
"""Fewer than the four of the usual rule: code has shorter tokens, and too early is better than too late."""
_MASK_AT: Final = 0.55
_SUMMARISE_AT: Final = 0.85
"""Shares of the window."""
_NEWEST: Final = 12
"""Results that stay."""
_NEWEST_TOKENS: Final = 30_000
"""Of the results that stay, if they are long; a quarter of a smaller window."""
_WORTH_TOKENS: Final = 15_000
"""Less is not worth to lose the provider's cache for; an eighth of a smaller window."""
_SHORT: Final = 400
"""Bytes of a result that stays in any case."""
_LAST_TURNS: Final = 6
"""Turns that stay as they are when the rest is summarised."""
_TAIL: Final = 4
"""They are no more than a quarter of the window."""
_FEWEST_TURNS: Final = 2
SUMMARY: Final = "[summary of what you did so far; older messages are left out]\n"
_MASKED: Final = "[left out to make room: "


@dataclass(frozen=True)
class Window:
    """The window of a model, in tokens."""

    tokens: int

    def is_filling(self, context: int) -> bool:
        """Whether old results should go, with a conversation of so many tokens."""
        return context >= self.tokens * _MASK_AT

    def is_full(self, context: int) -> bool:
        """Whether a summary is due."""
        return context >= self.tokens * _SUMMARISE_AT

    def maskable(
        self, messages: Sequence[dict[str, Any]], *, at_any_gain: bool = False, newest_too: bool = False
    ) -> tuple[int, ...]:
        """Places of the results that go; none if too little would be won.

        Those of the newest answer stay, or at least the last of them if `newest_too`.
        """
        last = next((place for place in reversed(range(len(messages))) if messages[place]["role"] == "assistant"), 0)
        room, kept, freed = min(_NEWEST_TOKENS, self.tokens // 4), 0, 0
        places: list[int] = []
        for place in reversed(range(len(messages))):
            message = messages[place]
            if message["role"] != "tool":
                continue
            length = size(message)
            room -= length // BYTES_PER_TOKEN
            kept += 1
            if (place > last and not (newest_too and kept > 1)) or (kept <= _NEWEST and room >= 0) or length <= _SHORT:
                continue
            places.append(place)
            freed += length // BYTES_PER_TOKEN
        is_worth_it = freed >= (1 if at_any_gain else min(_WORTH_TOKENS, self.tokens // 8))
        return tuple(reversed(places)) if is_worth_it else ()

    def older_part(
        self, messages: Sequence[dict[str, Any]], head: int, *, at_least: bool = False, halvings: int = 0
    ) -> tuple[int, int] | None:
        """From and to where a summary stands for the messages; None if nothing lies between the head and the tail.

        The tail is the last turns, or `at_least` as few as can be. With `halvings` it is only the older half of that,
        or of that half, … for a model that cannot read all of it even to sum it up.
        """
        answers = [place for place in range(head, len(messages)) if messages[place]["role"] == "assistant"]
        room = self.tokens // _TAIL * BYTES_PER_TOKEN
        cut = len(messages)
        for place in reversed(answers[-(_FEWEST_TURNS if at_least else _LAST_TURNS) :]):
            room -= sum(map(size, messages[place:cut]))
            if room < 0 and cut < len(messages):
                break
            cut = place
        for _ in range(halvings):
            middle = head + (cut - head) // 2
            cut = next((place for place in reversed(answers) if head < place <= middle), head)
        return (head, cut) if cut > head else None


def size(message: dict[str, Any]) -> int:
    """Bytes of a message, about: of scripts with many letters, such as Chinese, a letter is three, and a token."""
    content = message.get("content") or ""
    text = content if isinstance(content, str) else json.dumps(content)
    calls = message.get("tool_calls")
    length = len(text) if text.isascii() else len(text.encode("utf-8", "replace"))
    return length + (len(json.dumps(calls)) if calls else 0)


def masked(message: dict[str, Any]) -> dict[str, Any]:
    """The message of a tool with words instead of its result."""
    note = f"{_MASKED}{size(message):,} bytes. Call the tool again if you need them.]"
    return message | {"content": note}
