"""Build a small feature that an issue describes."""
