"""How a model wants to be worked with, told from its name where the operator does not say."""

import re
from typing import Final

from app.adapters.model_prices import most_input
from app.core.model import MOST_WINDOW, Dialect, Effort, Profile

_PATCHERS: Final = re.compile(r"(?:^|/)(?:gpt-5|codex)|codex")
"""OpenAI's models that were trained on its own patches; more than half of the patches of others fail."""
_BILLIONS: Final = re.compile(r"(?<![\d.])(\d+(?:\.\d+)?)b(?![a-z0-9])", re.IGNORECASE)
"""The size in the name of an open model: `qwen2.5-coder-32b-instruct`."""
_OLLAMA_WINDOW: Final = 32_768
"""Tokens where the operator says nothing: memory is set aside for all of them, and half as many are too few
(https://docs.ollama.com/context-length)."""
_SMALL_B: Final = 40.0
"""Billions of parameters. Smaller ones write files anew twice as often right as they edit them (Aider's leaderboard,
https://aider.chat/docs/leaderboards/edit.html: Qwen2.5-Coder-32B, 16.4 against 8.0 %)."""


def profile_of(name: str, *, dialect: Dialect | None = None, window: int | None = None, effort: Effort = "") -> Profile:
    """The profile of a model by its litellm name; `dialect`, `window` and `effort` are the operator's own word."""
    return Profile(
        dialect=dialect or _dialect(name),
        window=min(window or most_input(name) or _usual_window(name), MOST_WINDOW),
        effort=effort,
    )


def _dialect(name: str) -> Dialect:
    low = name.lower()
    if _PATCHERS.search(low):
        return "apply_patch"
    size = _BILLIONS.search(low)
    return "whole_file" if size and float(size[1]) < _SMALL_B else "edit"


def _usual_window(name: str) -> int:
    return _OLLAMA_WINDOW if name.startswith(("ollama/", "ollama_chat/")) else MOST_WINDOW
