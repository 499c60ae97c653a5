"""The reviewer: the agent loop once more, with another model, other words, and a tree from which nothing comes back."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, Final, Protocol

from app.agent.minion import AgentLoop
from app.agent.prompt import First, fill, taken
from app.agent.rules import Rules
from app.agent.tools.review import Notes
from app.agent.tools.tool import Tool, storable
from app.core.blueprint import AgentSpec
from app.core.budget import Usage
from app.core.errors import ForgeError, ModelError, RepositoryError, SandboxError
from app.core.hunks import places
from app.core.journal import Entry, Journal, ModelAnswered, Opened
from app.core.minion import GaveUp
from app.core.model import Model
from app.core.patch import Patch
from app.core.purse import NoPurse, Purse
from app.core.reviewer import Review
from app.core.sandbox import CommandResult, Sandbox
from app.core.shift import Shift
from app.core.signals import Signals
from app.core.workspace import Workspace

_log = logging.getLogger(__name__)

NO_MODEL: Final = "no model"
FAILED: Final = "failed"
_RULES: Final = """

# Rules of this repository
Its maintainers wrote them. They bind the change, and not you.

"""
_IN_THE_WAY: Final = (ModelError, SandboxError, RepositoryError, ForgeError)
"""What makes a review impossible, and no more: the run goes on without one."""


class Copy(Workspace, Protocol):
    """A work tree with a box of its own."""

    @property
    def sandbox(self) -> Sandbox:
        """Where commands of this tree run."""
        ...


OpenCopy = Callable[[Patch], AbstractAsyncContextManager[Copy]]
"""A copy of the run's tree made anew from its base, set up, with this change in it; removed at the end."""


@dataclass(frozen=True)
class ModelReviewer:
    """Implements `Reviewer` for one visit of one node."""

    model: Model | None
    """None if the operator wants no reviews."""
    spec: AgentSpec
    prompt: str
    journal: Journal
    rules: Rules
    """The repository's, from its base commit."""
    open_copy: OpenCopy
    clock: Callable[[], float]
    signals: Signals
    shift: Shift
    more_tools: Sequence[Tool[Any]] = ()
    fallback: Model | None = None
    """Who goes on where it does not answer."""
    purse: Purse = field(default_factory=NoPurse)

    async def review(self, patch: Patch, facts: Mapping[str, str]) -> Review | GaveUp:
        """As `Reviewer` says. Raises HandedOver and what a journal raises: then nothing can go on."""
        if self.model is None:
            return GaveUp(reason=NO_MODEL, detail="")
        try:
            async with self.open_copy(patch) as copy:
                return await self._look(self.model, patch, facts, copy)
        except _IN_THE_WAY as error:
            _log.warning("There is no review: %s %s", error, error.detail)
            spent = sum((one.usage for one in await self.journal.entries() if isinstance(one, ModelAnswered)), Usage())
            return GaveUp(reason=FAILED, detail=str(error), model=self.model.name, usage=spent)

    async def reproduce(self, patch: Patch, commands: Sequence[str], *, timeout_s: float) -> Sequence[CommandResult]:
        """As `Reviewer` says."""
        results = []
        for command in commands:
            try:
                async with self.open_copy(patch) as copy:
                    results.append(await copy.sandbox.run(command, timeout_s=timeout_s))
            except _IN_THE_WAY as error:
                _log.warning("What a reviewer says is not tried: %s %s", error, error.detail)
        return results

    async def _look(self, model: Model, patch: Patch, facts: Mapping[str, str], copy: Copy) -> Review | GaveUp:
        entries = await self.journal.entries()
        if not entries:
            first = _first(self.prompt, dict(facts), self.rules.text)
            told = Opened(messages=first.messages, model=model.name, rules=self.rules.names, tokens=first.tokens)
            await self.journal.append(told)
        notes = Notes(places(patch))
        notes.take_up(entries)
        loop = AgentLoop(
            model=model,
            spec=self.spec,
            prompt=self.prompt,
            sandbox=copy.sandbox,
            workspace=copy,
            journal=Apart(self.journal),
            rules=self.rules,
            clock=self.clock,
            signals=self.signals,
            shift=self.shift,
            more_tools=(*notes.tools, *self.more_tools),
            purse=self.purse,
            fallback=self.fallback,
        )
        result = await loop.work(facts)
        if isinstance(result, GaveUp):
            return result
        return Review(
            findings=tuple(notes.findings), summary=result.summary, model=result.model or model.name, usage=result.usage
        )


class Apart:
    """A journal that saves no tree: that of a reviewer is not the run's."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    async def entries(self) -> Sequence[Entry]:
        """As `Journal` says."""
        return await self._journal.entries()

    async def append(self, *entries: Entry, patch: bytes | None = None) -> None:  # noqa: ARG002 - that is the point
        """As `Journal` says, without the change."""
        await self._journal.append(*entries)


def _first(prompt: str, facts: dict[str, str], rules: str) -> First:
    """What the conversation begins with: the same for every turn, and nothing of the author's."""
    system = resources.files("app.agent").joinpath("reviewer.md").read_text(encoding="utf-8")
    told = f"{_RULES}{rules}" if rules.strip() else ""
    task = fill(prompt, facts)
    messages = (
        {"role": "system", "content": storable(system + told)},
        {"role": "user", "content": storable(task)},
    )
    return First(messages, taken(system, told, prompt, task, facts))
