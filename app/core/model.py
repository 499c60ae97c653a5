"""A language model, as the agent loop sees it. Messages are dicts in the chat-completions form, kept verbatim."""

from collections.abc import Sequence
from typing import Any, Protocol

from pydantic import BaseModel

from app.core.budget import Usage


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

    def reserve_usd(self, messages: Sequence[dict[str, Any]], max_output_tokens: int) -> float:
        """The most that a call with these messages can cost; 0.0 if the price is unknown."""
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
