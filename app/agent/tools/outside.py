"""Tools of the operator's servers, as a minion has them beside its own. Their answers are data between fences."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from app.agent.tools.tool import Arguments, Desk, Told, Tool, clipped
from app.core.fence import fenced
from app.core.outside import Offer, Servers
from app.core.visible import visible

_STRANGE: Final = re.compile(r"[^A-Za-z0-9_-]")
"""Not in the name of a function: https://platform.openai.com/docs/api-reference/chat/create"""
_LONGEST_NAME: Final = 64
_LONGEST_S: Final = 120.0
"""For one call: a minion that waits does not work."""


class AnyArguments(Arguments, frozen=True, extra="allow"):
    """The server checks them; its schema says what it wants."""


@dataclass(frozen=True)
class OutsideTool(Tool[AnyArguments]):
    """A tool whose arguments are described by a server's own schema."""

    parameters: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def schema(self) -> dict[str, Any]:
        """The tool in the chat-completions form."""
        return {
            "type": "function",
            "function": {"name": self.name, "description": self.purpose, "parameters": dict(self.parameters)},
        }


def outside_tools(offers: Sequence[Offer], servers: Servers, *, only_reading: bool = False) -> Sequence[Tool[Any]]:
    """A tool for each offer, named SERVER__TOOL; of two that would have one name, the first."""
    wanted = [offer for offer in offers if offer.only_reads or not only_reading]
    found = {name_of(offer): offer for offer in reversed(wanted)}
    return [_tool(name, found[name], servers) for name in dict.fromkeys(map(name_of, wanted))]


def name_of(offer: Offer) -> str:
    """As a model calls it."""
    return _STRANGE.sub("_", f"{offer.server}__{offer.tool}")[:_LONGEST_NAME]


def _tool(name: str, offer: Offer, servers: Servers) -> Tool[Any]:
    async def run(arguments: AnyArguments, desk: Desk) -> Told:
        timeout_s = max(min(_LONGEST_S, desk.seconds_left), 1.0)
        said = await servers.call(offer, arguments.model_dump(mode="json"), timeout_s=timeout_s)
        label = f"what {offer.server} {'answers' if said.ok else 'says of a call that failed'}"
        return Told(fenced(clipped(visible(said.text)), label), ok=said.ok)

    return OutsideTool(
        name=name,
        purpose=f"Outside of the sandbox, at the server {offer.server!r}: {offer.purpose}",
        arguments=AnyArguments,
        run=run,
        repeatable=offer.only_reads,
        parameters=offer.parameters,
    )
