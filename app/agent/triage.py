"""Asks a cheap model what to do with an issue that nobody named a blueprint for. One question, never asked twice."""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from app.agent.replay import words
from app.core.budget import Usage
from app.core.errors import ModelError
from app.core.journal import Journal, ModelAnswered, ModelAsked, Opened
from app.core.model import Model
from app.core.purse import Purse
from app.core.redaction import Redactor
from app.core.repo_config import RepoConfig
from app.core.task import Task
from app.core.triage import Decided, by_form, by_rule, by_secret, question, understood

_log = logging.getLogger(__name__)

VISIT: Final = -1
"""Under which its journal is kept: before every visit of a node."""
_ANSWER_TOKENS: Final = 1_500
"""The answer is one short object; models that think need some room before it."""
_TIMEOUT_S: Final = 90.0
_BYTES_PER_TOKEN: Final = 3
NO_ANSWER: Final = Decided(by="nobody", sure=0.0, why="The model for triage did not answer.")


@dataclass(frozen=True)
class Triage:
    """Decides for one run. `models` are asked in this order; none are, if there are none."""

    models: Sequence[Model]
    blueprints: Mapping[str, str]
    """Their summaries by name."""
    journal: Journal
    purse: Purse
    protected: Sequence[str] = ()
    """Globs of what no change may touch."""
    config: RepoConfig = field(default_factory=RepoConfig)
    """What the repository says itself."""
    clock: Callable[[], float] = time.monotonic

    async def decide(self, task: Task) -> Decided:
        """What the issue gets. Trouble with a model declines nothing. Raises StoreDown and Stale."""
        if found := by_secret(task) or by_form(task, self.blueprints) or self._by_rule(task):
            return found
        return await self._asked(task) if self.models else Decided(by="nobody")

    def _by_rule(self, task: Task) -> Decided | None:
        return by_rule(task, self.protected, self.config.protected_paths, self.config.critical_paths)

    async def _asked(self, task: Task) -> Decided:
        entries = await self.journal.entries()
        answered = [entry for entry in entries if isinstance(entry, ModelAnswered)]
        if answered:  # before a crash
            return self._read(answered[-1])
        messages = question(task, self.blueprints)
        if not entries:
            await self.journal.append(Opened(messages=tuple(messages), model=self.models[0].name))
        for model in self.models:
            answer = await self._answer(model, messages)
            if answer is not None:
                return self._read(answer)
        return NO_ANSWER

    async def _answer(self, model: Model, messages: Sequence[dict[str, str]]) -> ModelAnswered | None:
        """The answer as it was written down; None if there is none, or no money for it."""
        size = sum(len(message["content"].encode()) for message in messages) // _BYTES_PER_TOKEN
        held = await self.purse.reserve(model.reserve_usd(size, _ANSWER_TOKENS))
        if not held.is_granted:
            return None
        await self.journal.append(ModelAsked(turn=1, reserved_usd=held.usd, model=model.name))
        began = self.clock()
        try:
            reply = await model.complete(messages, [], max_output_tokens=_ANSWER_TOKENS, timeout_s=_TIMEOUT_S)
        except ModelError as error:
            _log.warning("The model for triage does not answer: %s %s", error, error.detail)
            return None
        answer = ModelAnswered(
            turn=1,
            message=reply.message,
            usage=reply.usage,
            finish_reason=reply.finish_reason,
            seconds=self.clock() - began,
            model=model.name,
        )
        await self.journal.append(answer)
        return answer

    def _read(self, answer: ModelAnswered) -> Decided:
        decided = understood(words(answer.message), self.blueprints)
        redact = Redactor().redact
        told: dict[str, str | Usage] = {"why": redact(decided.why), "doable": redact(decided.doable)}
        return decided.model_copy(update=told | {"model": answer.model, "usage": answer.usage})
