"""Text that every database and every client can take."""

from typing import Any


def plain(value: Any) -> Any:
    """The same JSON value with NULs and lone surrogates in its strings replaced: PostgreSQL's jsonb refuses both."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value
