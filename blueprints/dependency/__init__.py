"""The blueprint `dependency`."""
