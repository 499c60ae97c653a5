"""What a minion can do: one file a tool, and `all_tools.py`, which lists them."""
