"""Where gates stopped a change that is not on GitHub: each finding with the piece of the change that it is about."""

from collections.abc import Sequence
from typing import Final

from app.core.fence import fence_for
from app.core.guards import Finding
from app.core.hunks import Line, around, by_file
from app.core.neutral import fitted, neutral_line
from app.core.patch import Patch
from app.core.visible import visible
from app.core.wording.explanations import found_here

_MOST: Final = 20
"""Findings, as many as are told elsewhere."""
_LONGEST_LINE: Final = 200
"""Characters of a line that are shown."""
_UNSHOWN: Final = frozenset({"secrets"})
"""Guards that found what nobody is to read on GitHub: of a file in which they did, no line is shown."""


def stopped_here(patch: Patch, findings: Sequence[Finding]) -> str:
    """The findings, each with the lines around its place as the change shows them; for the check run's text."""
    shown = by_file(patch.data)
    unshown = {one.path for one in findings if one.guard in _UNSHOWN}
    parts = [_part(one, () if one.path in unshown else shown.get(one.path, ())) for one in findings[:_MOST]]
    if more := len(findings) - _MOST:
        parts += [f"… and {more} more"] if more > 0 else []
    told = "Nothing of this was pushed. The places that gates stopped it for, as the change has them:"
    return fitted("\n\n".join([told, *parts]))


def _part(one: Finding, shown: Sequence[Line]) -> str:
    told = f"**{neutral_line(one.guard)}** · {found_here(one)}"
    rows = around(shown, one.line, is_before=one.is_before) if one.line else ()
    if not rows:
        return told
    text = visible("\n".join(f"{row.mark}{row.text[:_LONGEST_LINE].rstrip()}" for row in rows))
    fence = fence_for(text)
    return f"{told}\n\n{fence}diff\n{text}\n{fence}"
