"""Whether a minion goes round in circles. It looks at what was done, what came of it, and at the tree meanwhile.

The same command with the same result on a changed tree is work: tests are run again and again. On the same tree it is
not.
"""

import json
import re
from collections import Counter, deque
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

STUCK: Final = "[stuck] "
"""How the words begin by which a minion is told; a resumed loop knows by them that it was."""
_NUDGE_AT: Final = 3
"""The same for the third time, or two in turn for the third time: OpenHands speaks up after four and six."""
_STOP_AT: Final = 5
_MISSED_EDITS: Final = 3
"""On one file."""
_IDLE_TURNS: Final = 12
"""Without a change, after the first one."""
_EDITS: Final = frozenset({"edit", "apply_patch"})
_DURATION: Final = re.compile(r"\d+(?:\.\d+)?\s?(?:ms|s|sec|seconds)\b")
"""Tests say how long they took, which makes no difference."""
_LOOKED_AT: Final = 2_000
"""Characters of a result, at each end."""


@dataclass
class Steps:
    """What was done lately. Part of a conversation: a fold over its entries."""

    tree: str = ""
    """A digest of the change as it was seen last."""
    has_changed: bool = False
    """Whether the tree was seen to change."""
    changed_at: int = 0
    """The turn in which it did, or in which the minion was told that it did not."""
    owed: str = ""
    """What the minion has to be told."""
    puzzling: str = ""
    """A file that it is to be shown, because it is not what the minion takes it for."""
    sought: str = ""
    """The passage that was not found there."""
    is_lost: bool = False
    """Whether going on makes no sense."""
    _newest: deque[str] = field(default_factory=lambda: deque(maxlen=2 * _STOP_AT))
    _answered: set[str] = field(default_factory=set)
    """What was done since the newest answer."""
    _missed: Counter[str] = field(default_factory=Counter)

    def done(
        self, tool: str, arguments: object, text: str, *, ok: bool, tree: str, turn: int, may_wait: bool = False
    ) -> None:
        """One more call has its result; `tree` is empty where it cannot have changed.

        `may_wait` if there is something to wait for, so that looking again and again makes sense.
        """
        if tree and tree != self.tree:
            self.has_changed = self.has_changed or bool(self.tree) or (tool != "bash" and ok)
            self.tree, self.changed_at = tree, turn
        if tool in _EDITS and isinstance(arguments, dict):
            self._edited(arguments, ok=ok)
        digest = _digest(tool, arguments, text, self.tree)
        if digest not in self._answered:  # the same twice in one answer is silly, but no circle
            self._answered.add(digest)
            self._newest.append(digest)
            if not may_wait:
                self._look()

    def turned(self, turn: int) -> None:
        """One more answer."""
        self._answered.clear()
        if self.has_changed and turn - self.changed_at >= _IDLE_TURNS:
            self.changed_at = turn
            self.owed = (
                f"{STUCK}Nothing in the tree has changed for {_IDLE_TURNS} turns. If the change is complete, check it "
                f"and submit it; if not, make the next change; if there is no way on, give up and say why."
            )

    def told(self, text: str) -> None:
        """The minion was told something."""
        if text.startswith(STUCK):
            self.owed = self.puzzling = ""

    def _edited(self, arguments: dict[str, Any], *, ok: bool) -> None:
        path = str(arguments.get("path", ""))
        self._missed[path] = 0 if ok else self._missed[path] + 1
        if self._missed[path] >= _MISSED_EDITS and path:
            self._missed[path] = 0
            self.puzzling, self.sought = path, _sought(arguments)

    def _look(self) -> None:
        newest = list(reversed(self._newest))
        same = _leading(newest, 1)
        in_turn = _leading(newest, 2) // 2 if same == 1 else 0
        self.is_lost = max(same, in_turn) >= _STOP_AT
        if same == _NUDGE_AT:
            self.owed = f"{STUCK}That was the same call with the same result for the third time, on the same tree. "
        elif in_turn == _NUDGE_AT and _leading(newest, 2) % 2 == 0:
            self.owed = f"{STUCK}You do the same two things in turn, with the same results, on the same tree. "
        else:
            return
        self.owed += "It will not end differently: try another way, or give up and say what is in the way."


def _sought(arguments: dict[str, Any]) -> str:
    """A passage that an edit was to replace: its own, or the first of several."""
    edits = arguments.get("edits")
    first = edits[0] if isinstance(edits, list) and edits and isinstance(edits[0], dict) else {}
    return str(arguments.get("old") or first.get("old") or "")


def _leading(newest: list[str], period: int) -> int:
    """How many of the newest repeat what is `period` before them, that included."""
    count = period
    while count < len(newest) and newest[count] == newest[count - period]:
        count += 1
    return min(count, len(newest))


def _digest(tool: str, arguments: Any, text: str, tree: str) -> str:
    told = _DURATION.sub("", text[:_LOOKED_AT] + text[_LOOKED_AT:][-_LOOKED_AT:])
    return sha256(json.dumps([tool, arguments, told, tree], sort_keys=True, default=str).encode()).hexdigest()
