"""A server of the operator's whose pages anybody may write: `mcp_server.py TEXTS`, on standard input and output.

TEXTS is a file of JSON: what each place says.
"""

import json
import sys
from pathlib import Path

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations

TEXTS = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
server = MCPServer("wiki")


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def page(name: str) -> str:
    """One page."""
    return f"The page {name}.\n{TEXTS['mcp answer']}"


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def history(name: str) -> str:
    """Who changed a page: it cannot be told."""
    raise ToolError(f"{name}: {TEXTS['mcp failure']}")


server.run("stdio")
