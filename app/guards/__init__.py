"""Every deterministic check of a change before it leaves the box. To add one: write its file, then name it in ALL."""

from app.guards.guard import Guard, GuardSet
from app.guards.registry import ALL

__all__ = ["ALL", "Guard", "GuardSet"]
