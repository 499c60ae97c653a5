"""Every tool there is. A new one is a file and two lines here, and a name in `app/core/blueprint.py`."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from app.agent.tools.bash import BASH
from app.agent.tools.edit import EDIT
from app.agent.tools.read import READ
from app.agent.tools.search import SEARCH
from app.agent.tools.submit import GIVE_UP, SUBMIT
from app.agent.tools.tool import Tool
from app.agent.tools.write import WRITE
from app.core.errors import BlueprintError

ALL_TOOLS: Final[tuple[Tool[Any], ...]] = (BASH, READ, SEARCH, EDIT, WRITE, SUBMIT, GIVE_UP)


def chosen(names: Sequence[str]) -> Mapping[str, Tool[Any]]:
    """The tools with these names, by name, in this order. Raises BlueprintError for a name that there is not."""
    known = {tool.name: tool for tool in ALL_TOOLS}
    if unknown := [name for name in names if name not in known]:
        raise BlueprintError(f"There is no tool {', '.join(unknown)}; there are {', '.join(known)}.")
    return {name: known[name] for name in names}
