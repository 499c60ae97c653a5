"""What the repository's maintainers want of agents: AGENTS.md and CLAUDE.md at its root.

They are read from the base commit, never from the tree: otherwise a minion could write its own rules.
"""

from typing import Final

from app.core.world import Workspace

_FILES: Final = ("AGENTS.md", "CLAUDE.md")
_MOST_BYTES: Final = 32 * 1_024
"""All files together; Codex's default for the same purpose."""


async def read_rules(workspace: Workspace) -> str:
    """The rules, each file under its name, the same text only once; empty if there are none."""
    parts: list[str] = []
    seen: set[str] = set()
    room = _MOST_BYTES
    for name in _FILES:
        data = await workspace.show(name)
        text = (data or b"").decode("utf-8", "replace").removeprefix("\ufeff").strip()
        if not text or text in seen or text == "@AGENTS.md":  # the last: Claude's way to say "see there"
            continue
        seen.add(text)
        shown = text.encode()[:room].decode("utf-8", "ignore")
        room -= len(shown.encode())
        cut = "\n[the rest is left out: it is too long]" if len(shown) < len(text) else ""
        parts.append(f"## {name}\n{shown}{cut}")
    return "\n\n".join(parts)
