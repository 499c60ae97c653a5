"""The blueprint `ci`."""
