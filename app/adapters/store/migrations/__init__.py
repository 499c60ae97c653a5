"""Steps from an older database to this program's."""
