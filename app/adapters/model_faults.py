"""What went wrong with a model call, in our words, and whether it is worth another try.

litellm's classes are not enough: it makes a plain APIError of 402, 403 and 529, takes a refused connection for an
error of the server, and misses some providers' words for a conversation that is too long.
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final

from app.core.errors import ContextTooLong, HistoryRefused, ModelDenied, ModelError, ModelUnavailable

_TOO_LONG: Final = re.compile(
    r"context_length_exceeded|maximum context length|context window|prompt is too long|input is too long"
    r"|input length and `?max_tokens`? exceed|exceeds the (?:available |maximum )?(?:context|number of tokens)"
    r"|too many (?:input )?tokens|reduce the length of the (?:messages|prompt)|request_too_large",
    re.IGNORECASE,
)
_BAD_HISTORY: Final = re.compile(
    r"tool_use`? ids? (?:were|was) found without|unexpected `?tool_use_id"
    r"|tool_result`? block.{0,80}must have a corresponding"
    r"|must be followed by tool messages|tool_calls?'? must be followed|preceding message with '?tool_calls"
    r"|tool_call_id.{0,40}(?:not found|invalid)|(?:thinking|redacted_thinking)`? blocks?.{0,80}cannot be modified"
    r"|expected `?(?:thinking|redacted_thinking)|invalid `?signature`? in `?thinking|thought_?signature"
    r"|function call turn|roles must alternate|function response parts",
    re.IGNORECASE | re.DOTALL,
)
"""Orphaned results of tools, thoughts out of order or of somebody else: Anthropic's, OpenAI's and Gemini's words."""
_NO_CREDIT: Final = re.compile(
    r"insufficient_quota|exceeded your current quota|credit balance is too low|billing_hard_limit", re.IGNORECASE
)
_REFUSED: Final = re.compile(
    r"content_policy_violation|content_filter|content (?:management|filtering) policy|invalid_prompt|safety system"
    r"|usage policy",
    re.IGNORECASE,
)
"""The task itself is refused, or what was made of it: OpenAI's, Azure's and Anthropic's words for it."""
_RETRY_IN: Final = re.compile(r"(?:retry|try again) in (\d+(?:\.\d+)?) ?s\b|\"retryDelay\": ?\"(\d+(?:\.\d+)?)s\"")
"""Gemini's and OpenAI's words for when to ask again; Gemini gives no header, and says "quota" for a minute's, too."""
_NO_PROVIDER: Final = re.compile(r"LLM Provider NOT provided", re.IGNORECASE)
_PASSING: Final = re.compile(r"overloaded|temporarily unavailable|try again later", re.IGNORECASE)
_KEY_SHAPES: Final = re.compile(r"\b(?:sk|pk|key|gsk|AIza)[-_A-Za-z0-9*.]{8,}")
_MOST_DETAIL: Final = 1_000
"""Characters of a provider's answer that go to the log: enough to read, too little to carry a conversation."""

_LONGEST_PAUSE_S: Final = 60.0
LONGEST_RETRY_AFTER_S: Final = 120.0
"""Who asks for more is left in peace: the run is put off instead."""


class BrokenAnswer(Exception):
    """The server answered, but not with a message."""


@dataclass(frozen=True)
class Fault:
    """What to raise, and how to go on before that."""

    error: ModelError
    again: bool
    """Whether the same call may succeed in a while."""
    retry_after_s: float | None = None
    """As the provider asked for it."""
    may_be_ours: bool = False
    """Whether a parameter may be to blame that the call can do without."""
    is_refusal: bool = False
    """Whether the task is refused: another provider may think otherwise of it."""

    def pause_s(self, number: int, jitter: float) -> float:
        """After the try with this number: between half and all of 1, 2, 4 … 60 s, and not less than was asked for."""
        own = min(2.0 ** (number - 1), _LONGEST_PAUSE_S) * (0.5 + jitter / 2)
        return max(own, self.retry_after_s or 0.0)


def fault(error: Exception, *, model: str, key: str) -> Fault:
    """Say what `error`, raised while `model` was called with `key`, means."""
    status = _status(error)
    text = " ".join(str(part) for part in (error, getattr(error, "code", ""), getattr(error, "type", "")) if part)
    detail = scrubbed(f"{type(error).__name__} {status or ''}: {text}", key)
    if (
        type(error).__name__ == "ContextWindowExceededError"
        or status == 413
        or (_is_4xx(status) and _TOO_LONG.search(text))
    ):
        return Fault(ContextTooLong(f"The conversation is too long for the model {model}.", detail=detail), again=False)
    if sentence := _denial(error, status, model):
        return Fault(ModelDenied(sentence, detail=detail), again=False)
    if _is_passing(error, status, text):
        sentence = f"The model {model} cannot be reached or is overloaded right now."
        return Fault(ModelUnavailable(sentence, detail=detail), again=True, retry_after_s=_retry_after(error))
    if _is_4xx(status) and _BAD_HISTORY.search(text):
        sentence = f"The provider of the model {model} cannot read the conversation in this form."
        return Fault(HistoryRefused(sentence, detail=detail), again=False)
    sentence = f"The model {model} refused the request ({status or 'no status'}). The operator's log says why."
    if status == 400 and _REFUSED.search(_words(error)):
        return Fault(ModelError(sentence, detail=detail), again=False, is_refusal=True)
    if _NO_PROVIDER.search(text):
        sentence = f"No provider is known for the model {model}. Write PROVIDER/NAME, as in anthropic/claude-opus-4-8."
    return Fault(ModelError(sentence, detail=detail), again=False, may_be_ours=status in {400, 422})


def _denial(error: Exception, status: int | None, model: str) -> str:
    """Why the provider does not work for us, and what to do about it; empty if it does."""
    if status == 402 or (_NO_CREDIT.search(_words(error)) and not _RETRY_IN.search(_words(error))):
        return f"The account behind the model {model} has no credit left. Top it up, then start the task again."
    if status in {401, 403}:
        return f"The provider of the model {model} refused our key ({status}). Check the key and its permissions."
    if status == 404:
        return f"The provider knows no model {model}, or our key may not use it. Check the name and the base address."
    return ""


def scrubbed(text: str, key: str) -> str:
    """`text` without the key and without anything shaped like one, cut to what a log can bear."""
    if key:
        text = text.replace(key, "[key]")
    return _KEY_SHAPES.sub("[key]", text)[:_MOST_DETAIL]


def _status(error: Exception) -> int | None:
    status = getattr(error, "status_code", None)
    try:
        return int(status) if status is not None else None
    except (TypeError, ValueError):
        return None


def _words(error: Exception) -> str:
    """Everything that the provider said, codes in the body included."""
    return f"{error} {getattr(error, 'body', '')} {getattr(error, 'code', '')} {getattr(error, 'type', '')}"


def _is_4xx(status: int | None) -> bool:
    return status is not None and 400 <= status < 500


def _is_passing(error: Exception, status: int | None, text: str) -> bool:
    if status is None:  # litellm's APIError without a status: an error in the body of a 200
        return isinstance(error, (TimeoutError, OSError, BrokenAnswer)) or type(error).__name__ == "APIError"
    if status < 400:  # it said that all was well, and sent something that is no answer: a proxy's page, for example
        return True
    return status in {408, 409, 425, 429} or status >= 500 or bool(_PASSING.search(text))


def _retry_after(error: Exception) -> float | None:
    """Seconds, as they are asked for: in a header, as a number or as a time of the server's own clock; or in words."""
    headers: Any = getattr(error, "litellm_response_headers", None) or {}
    value = headers.get("retry-after")
    if value is None:
        found = _RETRY_IN.search(_words(error))
        return float(found[1] or found[2]) if found else None
    with suppress(TypeError, ValueError):
        return max(float(value), 0.0)
    with suppress(TypeError, ValueError):
        wait = parsedate_to_datetime(str(value)) - parsedate_to_datetime(str(headers.get("date")))
        return max(wait.total_seconds(), 0.0)
    return None
