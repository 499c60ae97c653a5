"""Every workflow, one folder each."""
