"""What model calls cost: the operator's own figures, or the list that litellm brings."""

import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, Field

_LIST: Final = "model_prices_and_context_window_backup.json"
"""litellm's bundled copy of https://github.com/BerriAI/litellm/blob/main/model_prices_and_context_window.json"""
_MILLION: Final = 1_000_000


class Price(BaseModel, frozen=True):
    """US dollars for a million tokens."""

    input: float = Field(ge=0)
    output: float = Field(ge=0)
    cached: float | None = Field(default=None, ge=0)
    """For input that is read from the provider's cache; as much as other input if not given."""
    cache_write: float | None = Field(default=None, ge=0)
    """For input that the provider stores in its cache; as much as other input if not given."""

    def usd(self, *, input_tokens: int, output_tokens: int, cached: int = 0, cache_written: int = 0) -> float:
        """What a call costs. `cached` and `cache_written` are parts of `input_tokens`."""
        cached_price = self.input if self.cached is None else self.cached
        write_price = self.input if self.cache_write is None else self.cache_write
        plain = max(input_tokens - cached - cache_written, 0)
        parts = plain * self.input + cached * cached_price + cache_written * write_price + output_tokens * self.output
        return parts / _MILLION

    def most_usd(self, *, input_tokens: int, output_tokens: int) -> float:
        """The most that a call of this size can cost: every input token stored in the cache, where that is dearer."""
        dearest = max(self.input, self.cache_write or 0.0)
        return (input_tokens * dearest + output_tokens * self.output) / _MILLION


def listed(name: str) -> Price | None:
    """The list price of a model, named as litellm names it; None if it is not on the list.

    Surcharges for very long prompts and for special tiers are not counted.
    """
    entry = _entry(name)
    if entry is None or "input_cost_per_token" not in entry:
        return None
    return Price(
        input=_per_million(entry, "input_cost_per_token") or 0.0,
        output=_per_million(entry, "output_cost_per_token") or 0.0,
        cached=_per_million(entry, "cache_read_input_token_cost"),
        cache_write=_per_million(entry, "cache_creation_input_token_cost"),
    )


def most_output(name: str) -> int | None:
    """How many tokens the model can answer with at most; None if it is not on the list."""
    most = (_entry(name) or {}).get("max_output_tokens")
    return most if isinstance(most, int) else None


def most_input(name: str) -> int | None:
    """How many tokens the model can read at most; None if it is not on the list."""
    most = (_entry(name) or {}).get("max_input_tokens")
    return most if isinstance(most, int) else None


def must_go_on_thinking(name: str) -> bool:
    """Whether a model that is told to think refuses a conversation in which it once did not: Claude before 4.6.

    https://docs.claude.com/en/docs/build-with-claude/extended-thinking
    """
    entry = _entry(name)
    return entry is not None and "claude" in name and not entry.get("supports_adaptive_thinking")


def _entry(name: str) -> dict[str, Any] | None:
    """By the full name, or by the bare one if it is listed for this provider or one of its services."""
    if name in _prices():
        return _prices()[name]
    provider, _, bare = name.partition("/")
    entry = _prices().get(bare) or _prices().get(bare.partition("/")[2])  # bedrock/converse/NAME
    theirs = str((entry or {}).get("litellm_provider"))
    return entry if theirs == provider or theirs.startswith((f"{provider}_", f"{provider}-")) else None


def _per_million(entry: dict[str, Any], field: str) -> float | None:
    cost = entry.get(field)
    return None if cost is None else float(cost) * _MILLION


@cache  # two megabytes that never change while the program runs
def _prices() -> dict[str, dict[str, Any]]:
    """Read beside the library, because importing the library takes seconds."""
    spec = find_spec("litellm")
    if spec is None or not spec.origin:
        return {}
    prices: dict[str, dict[str, Any]] = json.loads(Path(spec.origin).with_name(_LIST).read_text(encoding="utf-8"))
    return prices
