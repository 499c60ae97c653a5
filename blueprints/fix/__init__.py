"""Fix an issue and open a pull request."""
