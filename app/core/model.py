"""A language model, as the agent loop sees it. Messages are dicts in the chat-completions form, kept verbatim."""

from collections.abc import Sequence
from typing import Any, Final, Literal, Protocol

from pydantic import BaseModel

from app.core.budget import Usage

Dialect = Literal["edit", "apply_patch", "whole_file", "bash"]
"""How a model changes files.

`edit`: passages are replaced. `apply_patch`: the patches that OpenAI's models were trained on. `whole_file`: small
models write a file anew more surely than they copy a passage. `bash`: for servers without tool calls; one fenced block
is one call.
"""
Effort = Literal["", "none", "minimal", "low", "medium", "high", "xhigh", "max"]
"""How much a model that can reason is to think before it answers; empty: as it does by itself."""
MOST_WINDOW: Final = 128_000
"""Tokens of a conversation. Models that could read more get slower, dearer and worse with it."""


class Profile(BaseModel, frozen=True):
    """How a model wants to be worked with."""

    dialect: Dialect = "edit"
    window: int = MOST_WINDOW
    """Tokens that a conversation may have, the answer included."""
    effort: Effort = ""

    @property
    def thinks_long(self) -> bool:
        """Whether answers need more room and more time than usual, because of what is thought before them."""
        return self.effort in {"high", "xhigh", "max"}


class Reply(BaseModel, frozen=True):
    """One answer of a model."""

    message: dict[str, Any]
    """The assistant message as it came: `role`, `content`, `tool_calls`, and whatever the provider wants back."""
    usage: Usage
    """`turns` is 1; tokens are estimated where the provider did not count them."""
    finish_reason: str
    """`stop`, `tool_calls`, `length`, `content_filter`."""
    model: str


class Model(Protocol):
    """A model that was chosen for a run."""

    @property
    def name(self) -> str:
        """As the operator wrote it, for example `anthropic/claude-opus-4-8`."""
        ...

    @property
    def profile(self) -> Profile:
        """How it wants to be worked with."""
        ...

    def reserve_usd(self, input_tokens: int, max_output_tokens: int) -> float:
        """The most that a call of about this size can cost; 0.0 if the price is unknown."""
        ...

    async def complete(
        self,
        messages: Sequence[dict[str, Any]],
        tools: Sequence[dict[str, Any]],
        *,
        max_output_tokens: int,
        timeout_s: float,
    ) -> Reply:
        """Ask the model once; `timeout_s` is a bound on the wall clock. Raises ModelError and its subclasses."""
        ...
