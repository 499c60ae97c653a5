"""Which tests failed, as far as the output of common runners tells it."""

import re
from typing import Final

from app.core.visible import visible

_FAILED: Final = re.compile(
    r"^(?:(?:FAILED|ERROR)\s+(?P<pytest>\S+::\S+|\S+\.py)"  # pytest's short summary
    r"|(?:FAIL|ERROR): (?P<unittest>\S+ \(\S+\))"
    r"|--- FAIL: (?P<go>\S+)(?: \([0-9.]+s\))?"
    r"|test (?P<cargo>\S+) \.\.\. FAILED"
    r"|\s*not ok [0-9]+ - (?P<tap>.+)"
    r"|\s*(?:\u2715|\u2716|\u00d7|\u2717) (?P<node>.+?)(?: \([0-9.]+ ?m?s\))?)\s*$|^FAILED (?P<reason>\S+::\S+) - ",
    re.MULTILINE,
)


def failures(output: str) -> frozenset[str]:
    """Names of the tests that failed; empty if none can be told from this output."""
    return frozenset(
        next(name for name in match.groupdict().values() if name) for match in _FAILED.finditer(visible(output))
    )
