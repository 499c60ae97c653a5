"""Minions: label a GitHub issue, get a pull request."""
