"""What reviewers said, each with the place that it is about, for minions."""

from typing import Final

from app.core.task import Remark

_HUNK: Final = 2_000
"""Characters of the piece of diff that a remark stands under: its end, which is the line that is meant."""


def told_remark(remark: Remark) -> str:
    """One remark: who, where, the piece of diff, and the words."""
    place = f"at {remark.path}" + (f", line {remark.line}" if remark.line else "") if remark.path else "about all of it"
    hunk = f"\n\n```diff\n{remark.hunk[-_HUNK:]}\n```" if remark.hunk else ""
    return f"{remark.author.login}, {place}:{hunk}\n\n{remark.body}"
