"""One entry of a journal in full, as named texts: pure."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from app.core.journal import (
    Closed,
    Entry,
    Masked,
    ModelAnswered,
    ModelAsked,
    Noted,
    Opened,
    Switched,
    ToolCalled,
    ToolReturned,
)


class Section(NamedTuple):
    """A text and what it is."""

    name: str
    text: str
    is_words: bool = False
    """Whether it is prose; else it is shown as it was typed."""


def sections(entry: Entry) -> list[Section]:
    """What an entry says, part by part."""
    return list(_sections(entry))


def _sections(entry: Entry) -> Iterator[Section]:  # noqa: C901 - a table: one kind, its texts
    match entry:
        case Opened():
            for message in entry.messages:
                yield Section(str(message.get("role", "message")), _text(message.get("content")))
        case ModelAsked():
            yield Section("reserved", f"${entry.reserved_usd:.4f}")
        case ModelAnswered():
            yield from _answer(entry)
        case ToolCalled():
            for name, value in entry.arguments.items():
                yield Section(name, value if isinstance(value, str) else _json(value))
        case ToolReturned():
            yield Section("result" if entry.ok else "result (failed)", entry.text)
        case Noted():
            yield Section("note", entry.text, is_words=True)
        case Switched():
            yield Section(f"{entry.model} goes on", entry.why, is_words=True)
        case Masked():
            yield Section("messages left out", ", ".join(map(str, entry.places)))
        case Closed():
            for name, value in entry.result.items():
                yield Section(name, value if isinstance(value, str) else _json(value), is_words=isinstance(value, str))


def _answer(entry: ModelAnswered) -> Iterator[Section]:
    if said := _text(entry.message.get("content")).strip():
        yield Section("said", said, is_words=True)
    for call in entry.message.get("tool_calls") or ():
        function = call.get("function", {}) if isinstance(call, Mapping) else {}
        yield Section(f"calls {function.get('name', '?')}", _pretty(function.get("arguments", "")))


def _text(content: object) -> str:
    if isinstance(content, list):
        return "\n".join(_text(part.get("text")) for part in content if isinstance(part, Mapping))
    return content if isinstance(content, str) else ""


def _pretty(arguments: object) -> str:
    try:
        return _json(json.loads(arguments)) if isinstance(arguments, str) else _json(arguments)
    except ValueError:
        return str(arguments)


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False)
