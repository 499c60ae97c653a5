"""The blueprint `review`."""
