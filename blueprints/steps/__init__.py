"""Nodes that more than one blueprint uses. They know only `Change`, never who comes before or after them."""
