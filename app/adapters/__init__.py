"""Everything outside, one file or folder for each thing; each implements a Protocol of `app.core`."""
