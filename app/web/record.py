"""A run as the rows of its page: pure, from what the store keeps."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from app.core.blueprint import Kind
from app.core.evidence import Evidence
from app.core.journal import (
    Closed,
    Entry,
    Masked,
    Mended,
    ModelAnswered,
    Noted,
    Opened,
    Switched,
    ToolCalled,
    ToolReturned,
)
from app.core.run import Run, Status
from app.core.store import Recorded

MOST_LINES: Final = 5_000
"""Shown of a change; guards let pass less than this by default."""
MOST_WIDE: Final = 2_000
"""Bytes shown of a line."""
_UNSEEN: Final = re.compile(
    "[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u2028\\u2029\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u206f]"
)
"""What makes a line look like another one; it is written out."""
_EVIDENCE: Final = TypeAdapter(list[Evidence])
_GIST: Final = ("command", "path", "pattern", "summary", "reason")
"""The argument that says at a glance what a call is about."""


@dataclass
class Turn:
    """One answer of the model, and what came of it."""

    number: int
    text: str
    seconds: float
    usage: str
    calls: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Row:
    """One node on the page: visited, at work, or ahead."""

    title: str
    kind: Kind
    mark: str
    outcome: str
    seconds: float | None = None
    usd: float | None = None
    prompt: str = ""
    turns: list[Turn] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    result: str = ""


def rows(run: Run, nodes: Sequence[tuple[str, str, Kind]], records: Sequence[Recorded]) -> list[Row]:
    """The visits of a run, the node at which it stands, and the nodes that no visit has reached, in that order."""
    made = [
        _row(Row(visit.title, visit.kind, "done", visit.outcome or "done", visit.seconds), _journal(records, number))
        for number, visit in enumerate(run.visits)
    ]
    for row, visit in zip(made, run.visits, strict=True):
        row.usd = visit.usage.usd if visit.kind is Kind.AGENT else None
    if run.status is not Status.DONE and run.status is not Status.REFUSED:
        mark = {Status.FAILED: "failed", Status.STOPPED: "failed", Status.WAITING: "waiting"}.get(run.status, "at work")
        for name, title, kind in nodes:
            if name == run.at:
                made.append(_row(Row(title, kind, mark, mark), _journal(records, len(run.visits))))
    seen = {visit.node for visit in run.visits} | {run.at}
    if not run.status.has_ended:
        made += [Row(title, kind, "ahead", "") for name, title, kind in nodes if name not in seen]
    return made


def commands(run: Run) -> list[Evidence]:
    """The commands that the run counts as evidence, in their order; a blueprint may keep none."""
    try:
        return _EVIDENCE.validate_python(run.state.get("evidence", ()))
    except ValidationError:  # a blueprint's own field of that name
        return []


def _journal(records: Sequence[Recorded], visit: int) -> list[Entry]:
    return [record.entry for record in records if record.visit == visit]


def _row(row: Row, entries: Sequence[Entry]) -> Row:
    """The row with everything that the journal says of its visit."""
    calls: dict[str, dict[str, Any]] = {}
    for entry in entries:
        match entry:
            case Opened():
                row.prompt = "\n\n".join(str(message.get("content", "")) for message in entry.messages)
            case ModelAnswered():
                row.turns.append(_turn(entry))
            case ToolCalled():
                calls[entry.call_id] = _call(entry)
                if row.turns:
                    row.turns[-1].calls.append(calls[entry.call_id])
            case ToolReturned():
                _return(row, calls, entry)
            case Noted() | Switched() | Masked() | Mended():
                row.notes.append(_note(entry))
            case Closed():
                for call in calls.values():  # the call that ended the loop has no result of its own
                    call["ok"] = call["ok"] is not False
                row.result = "\n".join(f"{name}: {value}" for name, value in entry.result.items() if value)
            case _:
                continue
    return row


def _note(entry: Noted | Switched | Masked | Mended) -> str:
    """What the loop itself did, in a sentence."""
    match entry:
        case Noted():
            return entry.text
        case Switched():
            return f"{entry.model} goes on: {entry.why}"
        case Masked():
            return f"{len(entry.places)} older results were left out of the conversation, to make room."
        case Mended():
            return "The conversation was put in a form that the model's provider reads."


def _return(row: Row, calls: dict[str, dict[str, Any]], entry: ToolReturned) -> None:
    if entry.call_id not in calls:  # one that could not be carried out at all
        calls[entry.call_id] = {"tool": "?", "arguments": {}, "gist": entry.text}
        if row.turns:
            row.turns[-1].calls.append(calls[entry.call_id])
    calls[entry.call_id].update(text=entry.text, ok=entry.ok)


def _call(entry: ToolCalled) -> dict[str, Any]:
    gist = next((str(entry.arguments[name]) for name in _GIST if name in entry.arguments), "")
    return {"tool": entry.tool, "arguments": entry.arguments, "gist": gist, "text": "", "ok": None}


def _turn(answer: ModelAnswered) -> Turn:
    usage = answer.usage
    figures = f"{usage.input_tokens:,} tokens read, {usage.output_tokens:,} written, ${usage.usd:.4f}"
    content = answer.message.get("content") or ""
    text = content if isinstance(content, str) else "\n".join(str(part.get("text", "")) for part in content)
    return Turn(answer.turn, text, answer.seconds, figures)


def diff(patch: bytes) -> Iterator[tuple[str, str]]:
    """The lines of a patch, each with the name of its style; of a large one the first `MOST_LINES` and a remark.

    Only a line feed ends a line, as git counts: others would let a line pass for several of other styles.
    """
    styles = {"+": "added", "-": "deleted", "@": "place"}
    in_header = False
    *lines, rest = patch.split(b"\n", MOST_LINES)
    for raw in lines:
        line = raw[:MOST_WIDE].decode("utf-8", "replace") + (" […]" if len(raw) > MOST_WIDE else "")
        if line.startswith("diff --git"):
            in_header = True
        elif line.startswith("@@"):
            in_header = False
        style = "header" if in_header else styles.get(line[:1], "same")
        yield style, _UNSEEN.sub(lambda match: ascii(match[0])[1:-1], line)
    if rest:
        yield "header", f"… {len(rest):,} more bytes are left out here."
