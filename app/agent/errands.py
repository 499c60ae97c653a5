"""Carrying out the tool calls of a model's answers."""

import asyncio
import logging
import math
from collections.abc import Callable
from hashlib import sha256
from itertools import islice, takewhile
from typing import Any, Final

from app.agent.background import Background
from app.agent.bounds import out_of
from app.agent.conversation import Conversation
from app.agent.replay import Call
from app.agent.rules import Attached, Rules
from app.agent.stuck import STUCK
from app.agent.tools.all_tools import Toolset
from app.agent.tools.attempt import attempted
from app.agent.tools.bash import BASH
from app.agent.tools.region import REGION, RegionArguments
from app.agent.tools.tool import Arguments, Desk, Told, Tool, clipped, storable
from app.agent.transcript import Transcript
from app.core.budget import Budget
from app.core.errors import MinionsError, RepositoryError, SandboxError
from app.core.journal import ToolCalled, ToolReturned
from app.core.minion import GaveUp, Submission
from app.core.sandbox import Sandbox, in_tree
from app.core.workspace import Workspace

_log = logging.getLogger(__name__)

_INTERRUPTED: Final = "[interrupted; the tree may have changed: look at it]"
_NOT_YET: Final = "[not submitted: a call before it in this very answer failed. See what it says, then submit again]"
"""Commands may fail on purpose; an edit that found no place was meant to be in the change."""
_MISSED: Final = f"{STUCK}Several edits of this file did not find their place. This is what stands there now:"
_AT_ONCE: Final = 8
"""Calls that only read are carried out together, up to so many."""
_MOST_LOST: Final = 2
"""Boxes in a row that cannot be built, or tools that break: then it is not the command."""


class Errands:
    """The tool calls of one loop, in the order in which they were asked for."""

    def __init__(
        self, sandbox: Sandbox, workspace: Workspace, clock: Callable[[], float], background: Background, rules: Rules
    ) -> None:
        self._sandbox = sandbox
        self._workspace = workspace
        self._clock = clock
        self._background = background
        self._rules = rules
        self._saved: bytes | None = None
        """The change as it was saved last, if this loop did."""
        self._tree = ""
        self._lost = 0

    async def next(self, kept: Transcript, tools: Toolset, budget: Budget) -> Submission | GaveUp | None:
        """Carry out the next call, or the next calls together if they only read; the end of the work, if it is one.

        Raises SandboxError if no box can be built, and whatever a tool broke with twice in a row.
        """
        talk, seconds_left = kept.talk, budget.seconds - kept.talk.seconds
        reads = list(islice(takewhile(lambda call: _only_reads(tools, call), talk.pending), _AT_ONCE))
        if len(reads) > 1:
            await self._read(kept, tools, reads, seconds_left)
            return None
        call = talk.pending[0]
        tool = tools.find(call.tool)
        if tool is None:
            return await self._told(kept, call, None, Told(tools.unknown(call.tool), ok=False), 0.0)
        if talk.begun and not tool.repeatable:
            return await self._told(kept, call, tool, Told(_INTERRUPTED, ok=False), 0.0)
        try:
            arguments = tool.parse(call.arguments)
        except ValueError as error:
            return await self._told(kept, call, None, Told(clipped(str(error)), ok=False), 0.0)
        if seconds_left <= 0 and not tool.repeatable:
            return out_of("seconds", budget)
        if not talk.begun:
            await kept.add(_begun(call, tool))
        began = self._clock()
        told = await self._run(tool, arguments, seconds_left)
        if isinstance(told.ends, Submission) and any(tools.find(name) is not BASH for name in talk.failed):
            told = Told(_NOT_YET, ok=False)
        return await self._told(kept, call, tool, told, self._clock() - began)

    async def missed(self, talk: Conversation) -> str:
        """The file that the minion takes for another one than it is, as it is; empty if there is none."""
        if not (path := talk.steps.puzzling):
            return ""
        sought = RegionArguments(path=in_tree(path)[:4_096], old=talk.steps.sought[:200_000])
        told = await attempted(REGION, sought, Desk(self._sandbox, self._workspace, seconds_left=math.inf))
        return storable(f"{_MISSED}\n{told.text}")

    async def _read(self, kept: Transcript, tools: Toolset, calls: list[Call], seconds_left: float) -> None:
        """Calls that only read, together. Those that were begun before a crash are simply made again."""
        made = [(tool, tool.parse(call.arguments)) for call in calls if (tool := tools.find(call.tool))]
        new = list(zip(calls, made, strict=True))[kept.talk.begun :]
        await kept.add(*(_begun(call, tool) for call, (tool, _) in new))
        began = self._clock()
        running = (self._run(tool, arguments, seconds_left) for tool, arguments in made)
        results = await asyncio.gather(*running, return_exceptions=True)  # nobody is left behind by another's error
        share = (self._clock() - began) / len(calls)
        for call, (tool, _), told in zip(calls, made, results, strict=True):
            if isinstance(told, BaseException):
                raise told
            await self._told(kept, call, tool, told, share)

    async def _told(
        self, kept: Transcript, call: Call, tool: Tool[Any] | None, told: Told, seconds: float
    ) -> Submission | GaveUp | None:
        if told.ends:
            return told.ends
        patch, trouble = await self._changed(tool)
        entered = self._entered(tool, call, kept)
        returned = ToolReturned(
            call_id=call.id,
            text=storable(told.text + trouble + entered.text),
            ok=told.ok,
            seconds=seconds,
            tree=self._tree if tool and tool.alters else "",
            rules=entered.names,
        )
        kept.hold(returned, patch=patch)
        return None

    def _entered(self, tool: Tool[Any] | None, call: Call, kept: Transcript) -> Attached:
        """Rules of the parts of the repository that a call touched for the first time."""
        if tool is None or not isinstance(call.arguments, dict):
            return Attached()
        return self._rules.entering(call.arguments, kept.talk.known_rules)

    async def _changed(self, tool: Tool[Any] | None) -> tuple[bytes | None, str]:
        """The change of the tree, if this call may have altered it: with the result it is one write.

        And what to tell the minion if there is no way to read it: what cannot be read cannot be delivered.
        """
        if tool is None or not tool.alters:
            return None, ""
        try:
            data = (await self._workspace.patch()).data
        except RepositoryError as error:  # perhaps a moment's affair, such as half a clone: the next result saves it
            _log.info("The tree cannot be saved now: %s", error)
            return None, f"\n[the change in the tree cannot be read any more: {error}]"
        if data == self._saved:
            return None, ""
        self._saved, self._tree = data, sha256(data).hexdigest()[:16]
        return data, ""

    async def _run(self, tool: Tool[Any], arguments: Arguments, seconds_left: float) -> Told:
        try:
            desk = Desk(self._sandbox, self._workspace, seconds_left, self._background)
            told = await attempted(tool, arguments, desk)
        except SandboxError as error:
            _log.warning("A command was not run: %s %s", error, error.detail)
            self._count_lost(error)
            return Told(f"[the sandbox did not run this: {error} Try again.]", ok=False)
        except MinionsError:
            raise
        except Exception as error:  # a fault of ours in one tool: the minion may get there with another
            _log.exception("The tool %s broke", tool.name)
            self._count_lost(error)
            return Told(f"[{tool.name} broke on this, which is not your fault. Try another way.]", ok=False)
        self._lost = 0
        return told

    def _count_lost(self, error: Exception) -> None:
        """Raise `error` if it is not the first one in a row."""
        self._lost += 1
        if self._lost >= _MOST_LOST:
            raise error


def _only_reads(tools: Toolset, call: Call) -> bool:
    """Whether a call can be carried out, and looks at files of the tree without changing anything."""
    tool = tools.find(call.tool)
    if tool is None or not tool.only_reads:
        return False
    try:
        tool.parse(call.arguments)
    except ValueError:
        return False
    return True


def _begun(call: Call, tool: Tool[Any]) -> ToolCalled:
    given: Any = call.arguments  # an object, or parsing would have failed
    return ToolCalled(call_id=call.id, tool=tool.name, arguments=given)
