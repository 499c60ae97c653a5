"""The blueprint `flaky`."""
