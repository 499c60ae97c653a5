"""Language models through litellm: what they are asked, what they answer, and when they are asked again.

Retries are our own: litellm's are hidden, and its time-out bounds the pause between two bytes, not the call.
"""

import asyncio
import inspect
import logging
import random
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from app.adapters.litellm_library import load, unlogged
from app.adapters.model_faults import LONGEST_RETRY_AFTER_S, BrokenAnswer, fault
from app.adapters.model_prices import Price, listed, most_output, must_go_on_thinking
from app.adapters.model_profiles import profile_of
from app.adapters.model_tools import plain_tool
from app.core.budget import Usage
from app.core.errors import ModelUnavailable
from app.core.model import Profile, Reply

_log = logging.getLogger(__name__)

_TRY_TIMEOUT_S: Final = 300.0
"""For one try; a long answer takes minutes."""
_THINKING_TIMEOUT_S: Final = 600.0
"""For one try of a model that was told to think at length."""
MOST_TRIES: Final = 6

_BYTES_PER_TOKEN: Final = 3
"""Fewer than the four of the usual rule, so that a reservation is not too small for code."""
_TOOL_TOKENS: Final = 2_000
"""Room for the tools' descriptions in a reservation."""

_NOTHING_SAID: Final = {"role": "assistant", "content": ""}
_FILTERED: Final = "content_filter"
"""As other providers say it in an answer: what follows from it is the loop's to decide."""
_AROUND: Final = 6
"""Bytes of quotes, colons and commas around a name in JSON."""
_NEEDED: Final = frozenset(
    {"model", "messages", "max_tokens", "tools", "api_base", "api_key", "num_ctx"}
    | {"timeout", "max_retries", "num_retries", "drop_params"}
)
"""Of a request. What else it may hold makes it better or cheaper, and some provider may not know it."""
_READY: Final = frozenset({"openai", "hosted_vllm", "anthropic"})
"""Providers for whom litellm makes a request ready from what it is given. For others it may look for credentials, or
ask the server what it can, and wait for that."""

_RESELLERS: Final = frozenset({"bedrock", "vertex_ai", "azure_ai", "openrouter"})
"""Where Claude is served with a cache, and is told of it as at Anthropic. Others may refuse the marks."""
_CACHE_POINTS: Final = (
    {"location": "message", "role": "system"},
    {"location": "message", "index": 1},
    {"location": "message", "index": -1},
)
"""Tools and rules, the task, and everything until now; the first two stay when old results leave the conversation.

Anthropic caches only what is marked: https://docs.claude.com/en/docs/build-with-claude/prompt-caching
"""


class LiteLLMModel:
    """A model by its litellm name (`anthropic/…`, `openai/…`, `hosted_vllm/…`). Implements `Model`.

    `api_base` is for servers of one's own. `params` go into every call, for example `{"seed": 7}`. How long a try may
    take follows from the profile where it is not said. Without `price` the list price of that name counts; a model that
    is on no list costs nothing, which is logged once.
    """

    def __init__(
        self,
        name: str,
        *,
        api_base: str = "",
        api_key: str = "",
        price: Price | None = None,
        params: Mapping[str, Any] | None = None,
        profile: Profile | None = None,
        most_tries: int = MOST_TRIES,
        try_timeout_s: float | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._name = name
        self._api_base = api_base
        self._api_key = api_key
        self._price = price or listed(name)
        self._params = dict(params or {})
        self._profile = profile or profile_of(name)
        self._most_tries = most_tries
        usual_s = _THINKING_TIMEOUT_S if self._profile.thinks_long else _TRY_TIMEOUT_S
        self._try_timeout_s = usual_s if try_timeout_s is None else try_timeout_s
        self._sleep = sleep
        self._jitter = jitter
        # Under the one name litellm asks Ollama for a text that looks like a call, under the other one for calls.
        self._asked = re.sub(r"\Aollama/", "ollama_chat/", name)
        self._provider = self._asked.partition("/")[0]
        self._waits = self._provider not in _READY or not api_key
        """Whether making a request ready may take long: then it is done in a thread."""
        self._must_go_on_thinking = must_go_on_thinking(name)
        self._library: Any = None
        self._is_plain = False
        """Whether the provider refused a request as long as it held more than is needed."""
        if self._price is None:
            _log.warning("The price of the model %s is unknown: its calls are counted as free.", name)

    @property
    def name(self) -> str:
        """As the operator wrote it."""
        return self._name

    @property
    def profile(self) -> Profile:
        """How it wants to be worked with: as the operator says, or as its name tells."""
        return self._profile

    def reserve_usd(self, input_tokens: int, max_output_tokens: int) -> float:
        """The most that a call can cost, with some room for the tools' descriptions; 0.0 without a price."""
        if self._price is None:
            return 0.0
        return self._price.most_usd(input_tokens=input_tokens + _TOOL_TOKENS, output_tokens=max_output_tokens)

    async def complete(
        self,
        messages: Sequence[dict[str, Any]],
        tools: Sequence[dict[str, Any]],
        *,
        max_output_tokens: int,
        timeout_s: float,
    ) -> Reply:
        """Ask, and ask again where that may help, but not longer than `timeout_s` in all.

        Raises ModelUnavailable, ContextTooLong or ModelError; no error holds the key.
        """
        if self._library is None:
            self._library = await asyncio.to_thread(load)
        request = self._request(messages, tools, max_output_tokens)
        try:
            async with asyncio.timeout(timeout_s):
                return await self._persist(request)
        except TimeoutError:
            raise ModelUnavailable(f"The model {self._name} did not answer within {timeout_s:.0f} s.") from None

    async def _persist(self, request: dict[str, Any]) -> Reply:
        for number in range(1, self._most_tries + 1):
            try:
                return await self._once(request)
            except Exception as error:  # litellm raises whatever its providers' libraries raise
                trouble = fault(error, model=self._name, key=self._api_key)
            if trouble.is_refusal:
                _log.warning("%s %s", trouble.error, trouble.error.detail)
                return Reply(message=_NOTHING_SAID, usage=Usage(turns=1), finish_reason=_FILTERED, model=self._name)
            if trouble.may_be_ours and not self._is_plain and (plain := _plain(request)) != request:
                left_out = [*sorted(request.keys() - plain.keys()), "limits of arguments"]
                _log.warning("%s From now on without %s. %s", trouble.error, left_out, trouble.error.detail)
                self._is_plain = True
                return await self._persist(plain)
            pause_s = trouble.pause_s(number, self._jitter())
            if not trouble.again or number == self._most_tries or pause_s > LONGEST_RETRY_AFTER_S:
                raise trouble.error  # outside `except`, so that the provider's own error with its texts is not chained
            _log.info("%s Try %s in %.1f s. %s", trouble.error, number + 1, pause_s, trouble.error.detail)
            await self._sleep(pause_s)
        raise AssertionError  # the last try returned or raised

    async def _once(self, request: dict[str, Any]) -> Reply:
        async with asyncio.timeout(self._try_timeout_s):
            answer = await self._answered(request)
        return self._reply(answer, request)

    async def _answered(self, request: dict[str, Any]) -> Any:
        """What `litellm.acompletion` answers and raises, without what that does around a call.

        It looks for caches, budgets, hooks and rules that there are not, which is a fifth of what litellm costs.
        """
        ask = partial(self._library.completion, **request, litellm_logging_obj=unlogged(request), acompletion=True)
        try:
            pending = await asyncio.to_thread(ask) if self._waits else ask()
            return await pending if inspect.isawaitable(pending) else pending
        except Exception as error:
            self._library.exception_type(model=self._name, original_exception=error, custom_llm_provider=self._provider)
            raise

    def _request(
        self, messages: Sequence[dict[str, Any]], tools: Sequence[dict[str, Any]], max_output_tokens: int
    ) -> dict[str, Any]:
        request: dict[str, Any] = {
            "model": self._asked,
            "messages": [dict(message) for message in messages],  # litellm puts its marks in what it is given
            "max_tokens": min(max_output_tokens, most_output(self._name) or max_output_tokens),
            "timeout": self._try_timeout_s,
            "max_retries": 0,
            "num_retries": 0,
            "drop_params": True,
        }
        if tools:
            request["tools"] = list(tools)
        if self._api_base:
            request["api_base"] = self._api_base
        if self._api_key:
            request["api_key"] = self._api_key
        if self._provider == "anthropic" or (self._provider in _RESELLERS and "claude" in self._name):
            request["cache_control_injection_points"] = [dict(point) for point in _CACHE_POINTS]
        if self._provider == "ollama_chat":  # which otherwise reads 4,096 tokens and leaves out the others silently
            request["num_ctx"] = self._profile.window
        if self._profile.effort and not (self._must_go_on_thinking and _are_thoughts_lost(messages)):
            request["reasoning_effort"] = self._profile.effort
        request |= self._params
        return _plain(request) if self._is_plain else request

    def _reply(self, answer: Any, request: dict[str, Any]) -> Reply:
        if not getattr(answer, "choices", None):
            raise BrokenAnswer("an answer without choices")
        choice = answer.choices[0]
        message = _storable(choice.message.model_dump(exclude_none=True))
        if not any((message.get("provider_specific_fields") or {}).values()):
            message.pop(
                "provider_specific_fields", None
            )  # litellm's own; strict providers refuse it when it is replayed
        return Reply(
            message=message,
            usage=self._usage(getattr(answer, "usage", None), request, message),
            finish_reason=str(choice.finish_reason or "stop"),
            model=str(answer.model or self._name),
        )

    def _usage(self, told: Any, request: dict[str, Any], message: dict[str, Any]) -> Usage:
        read = max(int(getattr(told, "prompt_tokens", 0) or 0), 0)
        written = max(int(getattr(told, "completion_tokens", 0) or 0), 0)
        details = getattr(told, "prompt_tokens_details", None)
        cached = min(max(int(getattr(details, "cached_tokens", 0) or 0), 0), read)
        stored = min(max(int(getattr(told, "cache_creation_input_tokens", 0) or 0), 0), read - cached)
        if not read and not written:  # a server that does not count must not make the budget blind
            read, written = _size(request["messages"]) // _BYTES_PER_TOKEN, _size([message]) // _BYTES_PER_TOKEN
        usd = 0.0
        if self._price:
            usd = self._price.usd(input_tokens=read, output_tokens=written, cached=cached, cache_written=stored)
        return Usage(turns=1, input_tokens=read, output_tokens=written, cached_tokens=cached, usd=usd)


def _are_thoughts_lost(messages: Sequence[Mapping[str, Any]]) -> bool:
    """Whether calls were made here of which nobody knows any more what was thought before them."""
    answers = [message for message in messages if message["role"] == "assistant"]
    return any(one.get("tool_calls") for one in answers) and not any(one.get("thinking_blocks") for one in answers)


def _plain(request: dict[str, Any]) -> dict[str, Any]:
    """The request with nothing but what every provider must take."""
    plain = {name: value for name, value in request.items() if name in _NEEDED}
    if "tools" in plain:
        plain["tools"] = [plain_tool(tool) for tool in plain["tools"]]
    return plain


def _size(value: Any) -> int:
    """Bytes of all texts in messages, with a little for what holds them together."""
    if isinstance(value, str):
        return len(value) if value.isascii() else len(value.encode("utf-8", "replace"))
    if isinstance(value, dict):
        return sum(len(key) + _AROUND + _size(part) for key, part in value.items())
    if isinstance(value, list | tuple):
        return sum(map(_size, value))
    return _AROUND


def _storable(value: Any) -> Any:
    """`value` without NUL and lone surrogates, which JSON can carry and PostgreSQL cannot store."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_storable(item) for item in value]
    return value
