"""Which tests failed, as far as the output of common runners tells it."""

import re
from typing import Final

from app.core.visible import visible

_FAILED: Final = re.compile(
    r"^(?:(?:FAILED|ERROR)[ \t]+(?P<pytest>\S++)(?= - |[ \t]*$)"  # pytest's short summary
    r"|(?:FAIL|ERROR): (?P<unittest>\S++ \(\S+\))[ \t]*$"
    r"|--- FAIL: (?P<go>\S++)(?: \([0-9.]+s\))?[ \t]*$"
    r"|test (?P<cargo>\S++) \.\.\. FAILED[ \t]*$"
    r"|[ \t]*not ok [0-9]+ - (?P<tap>.+)$"
    r"|[ \t]*(?:\u2715|\u2716|\u00d7|\u2717) (?P<node>.+?)(?: \([0-9.]+ ?m?s\))?[ \t]{0,9}$)",
    re.MULTILINE,
)
"""Nothing in it reaches over a line, or grows with the square of one: what is read was printed by strangers."""


def failures(output: str) -> frozenset[str]:
    """Names of the tests that failed; empty if none can be told from this output."""
    found = (
        match.lastgroup and (match.lastgroup, match[match.lastgroup]) for match in _FAILED.finditer(visible(output))
    )
    return frozenset(name.strip() for kind, name in filter(None, found) if kind != "pytest" or _is_pytests(name))


def _is_pytests(name: str) -> bool:
    return "::" in name.strip(":") or name.endswith(".py")
