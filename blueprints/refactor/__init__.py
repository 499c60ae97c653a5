"""Give code another form that does the same."""
