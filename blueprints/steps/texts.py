"""Files as text, before a change and after it."""

from app.core.workspace import Workspace


async def text_now(workspace: Workspace, path: str) -> str:
    """A file of the tree; empty if it is not there, or leads outside."""
    try:
        return (await workspace.read(path)).decode(errors="replace")
    except OSError:
        return ""


async def text_before(workspace: Workspace, path: str) -> str:
    """A file of the base commit; empty if it was not there."""
    return (await workspace.show(path) or b"").decode(errors="replace")
