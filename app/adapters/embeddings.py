"""Models that make vectors of texts, through litellm: in calls of a size that every provider takes, some at once."""

import asyncio
import logging
import math
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, Final

from app.adapters.litellm_library import load
from app.adapters.model_faults import LONGEST_RETRY_AFTER_S, BrokenAnswer, Fault, fault
from app.adapters.model_prices import Price, listed
from app.core.budget import Usage
from app.core.embeddings import Embedded, Vector
from app.core.errors import ModelError, ModelUnavailable

_log = logging.getLogger(__name__)

MOST_TEXTS: Final = 64
"""Of one call: Cohere takes 96, OpenAI 2,048."""
MOST_CHARACTERS: Final = 48_000
"""Of one call, about 16,000 tokens: Vertex takes 20,000, OpenAI 300,000."""
_AT_ONCE: Final = 6
_MOST_TRIES: Final = 4
_TRY_TIMEOUT_S: Final = 60.0
_BYTES_PER_TOKEN: Final = 3

_Part = tuple[list[Vector], Usage]


class LiteLLMEmbedder:
    """A model by its litellm name (`openai/text-embedding-3-small`, `hosted_vllm/…`). Implements `Embedder`.

    `dimensions` is how long its vectors are to be, where it can shorten them; 0: as they are. Without `usd`, dollars
    for a million tokens, the list price counts.
    """

    def __init__(
        self,
        name: str,
        *,
        api_base: str = "",
        api_key: str = "",
        dimensions: int = 0,
        usd: float = 0.0,
        try_timeout_s: float = _TRY_TIMEOUT_S,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._name = name
        self._api_base = api_base
        self._api_key = api_key
        self._dimensions = dimensions
        self._price = Price(input=usd, output=0.0) if usd else listed(name)
        self._try_timeout_s = try_timeout_s
        self._sleep = sleep
        self._jitter = jitter
        self._library: Any = None
        self._is_plain = False
        """Whether the provider refused to be told how long vectors are to be."""
        if self._price is None:
            _log.warning("The price of the model %s is unknown: what it embeds is counted as free.", name)

    @property
    def name(self) -> str:
        """As the operator wrote it."""
        return self._name

    @property
    def kind(self) -> str:
        """The model, where it is reached, and the wanted length."""
        return f"{self._name} {self._api_base} {self._dimensions}"

    def reserve_usd(self, tokens: int) -> float:
        """As `Embedder` says."""
        return self._price.most_usd(input_tokens=tokens, output_tokens=0) if self._price else 0.0

    async def embed(self, texts: Sequence[str], *, timeout_s: float) -> Embedded:
        """As `Embedder` says. After a call that failed no other is begun; no error holds the key or a text."""
        if self._library is None:
            self._library = await asyncio.to_thread(load)
        batches = list(_batches(texts))
        places = asyncio.Semaphore(_AT_ONCE)
        errors: list[ModelError] = []

        async def one(batch: Sequence[str]) -> _Part | None:
            async with places:
                if errors:
                    return None
                try:
                    return await self._persist(batch)
                except ModelError as error:
                    errors.append(error)
                    return None

        tasks = [asyncio.create_task(one(batch)) for batch in batches]
        try:
            _, late = await asyncio.wait(tasks, timeout=timeout_s) if tasks else (set(), set())
            if late:
                errors.append(ModelUnavailable(f"The model {self._name} did not answer within {timeout_s:.0f} s."))
        finally:  # whoever stops this stops all of it
            for task in tasks:
                task.cancel()
            parts = await asyncio.gather(*tasks, return_exceptions=True)
        known: list[Vector | None] = []
        usage = Usage()
        for batch, part in zip(batches, parts, strict=True):
            if isinstance(part, Exception):
                raise part
            if part is None or isinstance(part, BaseException):
                known += [None] * len(batch)
                continue
            known += part[0]
            usage += part[1]
        return Embedded(known, usage, errors[0] if errors else None)

    async def _persist(self, texts: Sequence[str]) -> _Part:
        for number in range(1, _MOST_TRIES + 1):
            trouble: Fault
            try:
                async with asyncio.timeout(self._try_timeout_s):
                    return self._read(await self._library.aembedding(**self._request(texts)), texts)
            except Exception as error:  # litellm raises whatever its providers' libraries raise
                trouble = fault(error, model=self._name, key=self._api_key)
            if trouble.may_be_ours and self._dimensions and not self._is_plain:
                _log.warning("%s From now on without a wish for the length of vectors.", trouble.error)
                self._is_plain = True
                return await self._persist(texts)
            pause_s = trouble.pause_s(number, self._jitter())
            if not trouble.again or number == _MOST_TRIES or pause_s > LONGEST_RETRY_AFTER_S:
                raise trouble.error  # outside `except`, so that the provider's own error with its texts is not chained
            _log.info("%s Try %s in %.1f s. %s", trouble.error, number + 1, pause_s, trouble.error.detail)
            await self._sleep(pause_s)
        raise AssertionError  # the last try returned or raised

    def _request(self, texts: Sequence[str]) -> dict[str, Any]:
        request: dict[str, Any] = {
            "model": self._name,
            "input": list(texts),
            "encoding_format": "float",
            "timeout": self._try_timeout_s,
            "max_retries": 0,
            "num_retries": 0,
            "drop_params": True,
        }
        if self._dimensions and not self._is_plain:  # litellm knows of OpenAI's newer models only that they can
            request |= {"dimensions": self._dimensions, "allowed_openai_params": ["dimensions"]}
        if self._api_base:
            request["api_base"] = self._api_base
        if self._api_key:
            request["api_key"] = self._api_key
        return request

    def _read(self, answer: Any, texts: Sequence[str]) -> _Part:
        """The vectors in the order of the texts. Raises BrokenAnswer if it is not one for each, all of one length."""
        rows = [dict(row) for row in getattr(answer, "data", None) or ()]
        if all(isinstance(row.get("index"), int) for row in rows):
            rows.sort(key=lambda row: int(row["index"]))
        vectors: list[Any] = [row.get("embedding") for row in rows]
        if len(vectors) != len(texts):
            raise BrokenAnswer(f"{len(vectors)} vectors for {len(texts)} texts")
        if not all(_is_vector(one) and len(one) == len(vectors[0]) for one in vectors):
            raise BrokenAnswer("what is no vector, or vectors of several lengths")
        told = int(getattr(getattr(answer, "usage", None), "prompt_tokens", 0) or 0)
        read = told or sum(len(text.encode()) for text in texts) // _BYTES_PER_TOKEN
        usd = self._price.usd(input_tokens=read, output_tokens=0) if self._price else 0.0
        return vectors, Usage(input_tokens=read, usd=usd)


def _is_vector(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(one, int | float) and math.isfinite(one) for one in value)
    )


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    """In their order, as many together as one call may hold."""
    batch: list[str] = []
    size = 0
    for text in texts:
        if batch and (len(batch) == MOST_TEXTS or size + len(text) > MOST_CHARACTERS):
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += len(text)
    if batch:
        yield batch
