"""Every tool there is. A new one is a file and two lines here, and a name in `app/core/blueprint.py`."""

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

from app.agent.tools.apply_patch import APPLY_PATCH
from app.agent.tools.bash import BASH
from app.agent.tools.edit import EDIT
from app.agent.tools.read import READ
from app.agent.tools.search import SEARCH
from app.agent.tools.submit import GIVE_UP, SUBMIT
from app.agent.tools.tool import Tool
from app.agent.tools.write import WRITE, WRITE_WHOLE
from app.core.errors import BlueprintError
from app.core.model import Dialect

ALL_TOOLS: Final[tuple[Tool[Any], ...]] = (BASH, READ, SEARCH, EDIT, WRITE, SUBMIT, GIVE_UP)

_OTHER_NAMES: Final = {
    "bash": ("shell", "sh", "terminal", "exec", "execute", "execcommand", "runcommand", "executebash", "runshell"),
    "read": ("readfile", "view", "viewfile", "cat", "open", "openfile", "ls", "listdir"),
    "search": ("grep", "ripgrep", "rg", "searchfiles", "greptool", "codesearch"),
    "edit": ("strreplace", "editfile", "replace", "searchreplace", "strreplaceeditor"),
    "write": ("writefile", "createfile", "create", "writetofile"),
    "apply_patch": ("applypatch", "patch"),
    "submit": ("finish", "done", "complete", "attemptcompletion", "finalanswer"),
    "give_up": ("giveup", "abort"),
}
"""What other harnesses call them, in small letters and without `_`: models mix them up."""
_PREFIX: Final = re.compile(r"^.*[.:/]")
"""Some servers write the name with where it is from: `functions.bash`, `default_api:read`."""


def chosen(names: Sequence[str]) -> Mapping[str, Tool[Any]]:
    """The tools with these names, by name, in this order. Raises BlueprintError for a name that there is not."""
    known = {tool.name: tool for tool in ALL_TOOLS}
    if unknown := [name for name in names if name not in known]:
        raise BlueprintError(f"There is no tool {', '.join(unknown)}; there are {', '.join(known)}.")
    return {name: known[name] for name in names}


@dataclass(frozen=True)
class Toolset:
    """The tools of one node, as one model is given them."""

    tools: Mapping[str, Tool[Any]]
    schemas: Sequence[dict[str, Any]]

    @classmethod
    def of(cls, names: Sequence[str], dialect: Dialect, more: Sequence[Tool[Any]] = ()) -> "Toolset":
        """What a model that speaks `dialect` gets of the tools with these names, and `more`, some in their place.

        Raises BlueprintError as `chosen`.
        """
        tools = dict(chosen(names))
        if dialect == "apply_patch" and "edit" in tools:
            tools = {(new := APPLY_PATCH if name == "edit" else tool).name: new for name, tool in tools.items()}
            tools.pop("write", None)
        elif dialect == "whole_file" and "write" in tools:
            tools["write"] = WRITE_WHOLE
            tools.pop("edit", None)
        elif dialect == "bash" and "bash" in tools:
            tools = {name: tool for name, tool in tools.items() if tool not in {READ, SEARCH, EDIT, WRITE}}
        tools |= {tool.name: tool for tool in more}
        # Each has its own: litellm writes in what it is given for some providers.
        return cls(tools, [deepcopy(tool.schema) for tool in tools.values()])

    def find(self, name: str) -> Tool[Any] | None:
        """The tool of that name, or of one that cannot mean anything else."""
        if name in self.tools:
            return self.tools[name]
        whole, plain = _bare(name), re.sub(r"[^a-z]", "", _PREFIX.sub("", name).lower())
        if found := next((tool for own, tool in self.tools.items() if _bare(own) == whole), None):
            return found  # such as `docs.search` for `docs__search`, which is not our `search`
        for own, tool in self.tools.items():
            if plain == own.replace("_", "") or plain in _OTHER_NAMES.get(own, ()):
                return tool
        return None

    def unknown(self, name: str) -> str:
        """The answer to a call of a tool that there is not."""
        return f"There is no tool {name[:100]!r}. There are: {', '.join(self.tools)}."


def _bare(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())
