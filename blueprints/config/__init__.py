"""Change settings in YAML, TOML and JSON."""
