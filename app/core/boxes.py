"""Boxes in issues of our own that people tick to have a minion work: the only button that an issue can have.

GitHub ticks a box by editing the text, and says who did. Whether they may ask for work is looked up as for a label.
"""

import re
from typing import Final

_BOX: Final = re.compile(
    r"^[-*] \[(?P<mark>[ xX])\] .{0,200}<!-- minions:box=(?P<blueprint>[a-z0-9_]{1,50}) -->[ \t\r]*$", re.MULTILINE
)


def box(words: str, blueprint: str) -> str:
    """One that nobody has ticked."""
    return f"- [ ] {words} <!-- minions:box={blueprint} -->"


def ticked(before: str, after: str) -> str:
    """The blueprint whose box was ticked between two versions of a text; empty if none was."""
    open_before = {found["blueprint"] for found in _BOX.finditer(before) if found["mark"] == " "}
    ticked_now = (found["blueprint"] for found in _BOX.finditer(after) if found["mark"] != " ")
    return next((blueprint for blueprint in ticked_now if blueprint in open_before), "")
