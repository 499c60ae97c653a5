"""The library litellm, which takes seconds and 200 MB to import: once, late, and in a thread."""

import asyncio
import importlib
import logging
import os
import threading
import uuid
import warnings
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

SWITCHES: Final = {
    "LITELLM_MODE": "PRODUCTION",  # otherwise it loads a `.env` file from wherever the program was started
    "LITELLM_OFFLINE_MODE": "true",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # otherwise it fetches the list of prices while it is imported
    "LITELLM_LOG": "ERROR",
    "DEFAULT_MAX_RETRIES": "0",  # otherwise embeddings are asked for three times, whatever a call says
    "LITELLM_DONT_SHOW_FEEDBACK_BOX": "1",
    # Otherwise it looks for pictures in the whole conversation, to shorten them in a log that there is not: a fifth of
    # what a turn takes.
    "MAX_BASE64_LENGTH_FOR_LOGGING": "0",
    # Posts to `openai/…` itself. OpenAI's library walks through the conversation first: 72 ms at turn 200, not 13.
    "EXPERIMENTAL_OPENAI_BASE_LLM_HTTP_HANDLER": "true",
}
_loading: Final = threading.Lock()


async def warm_up() -> None:
    """Import litellm and let it do its lazy work, in a thread; at once if that was done before."""
    await asyncio.to_thread(load)


def load() -> Any:
    """The library, switched and warm. One thread at a time: it is slow, and filters of warnings are global."""
    with _loading:
        os.environ.update(SWITCHES)
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # what its import says about its own and pydantic's insides helps nobody here
            library: Any = importlib.import_module("litellm")
            if not library.suppress_debug_info:
                library.suppress_debug_info = True  # otherwise it prints advice to standard output
                logging.getLogger("LiteLLM").setLevel(logging.CRITICAL)  # we log its failures, without their texts
                _first_call(library)
    return library


def _first_call(library: Any) -> None:
    """The library loads half of itself in its first call; one that goes nowhere takes that away from the first run.

    Told of a tool, it loads the protocol of tools, too: 0.4 to 0.7 s of a processor, in which nothing else goes on.
    What it counts tokens with it loads in a thread behind that call, for seconds: here that is waited for.
    """
    library.completion(
        model="openai/none",
        api_key="none",
        messages=[{"role": "user", "content": "."}],
        tools=[{"type": "function", "function": {"name": "none", "parameters": {"type": "object"}}}],
        mock_response=".",
    )
    library.token_counter(model="openai/none", text=".")


def unlogged(request: Mapping[str, Any]) -> Any:
    """The record of a call that nobody reads: what it cost is counted by us, and no service is told of it.

    Otherwise each answer is priced four times, and made ready for logs that there are not: a sixth of a turn.
    """
    module: Any = importlib.import_module("litellm.litellm_core_utils.litellm_logging")
    number = str(uuid.uuid4())
    record = module.Logging(
        model=request["model"],
        messages=request["messages"],
        stream=False,
        call_type="acompletion",
        start_time=datetime.now(),  # noqa: DTZ005 - litellm compares it with others of its own
        litellm_call_id=number,
        litellm_trace_id=number,
        function_id="",
        kwargs={},
    )
    record.response_cost_calculator = _free
    record.claim_async_success_log()
    return record


def _free(*_: object, **__: object) -> None:
    """No price, in litellm's words."""
