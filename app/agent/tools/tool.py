"""What every tool is: a name, arguments that are checked before anything happens, and an act with an answer."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Generic, TypeVar, get_origin

from pydantic import BaseModel, ValidationError

from app.agent.arguments import parsed
from app.agent.background import Background
from app.core.minion import GaveUp, Submission
from app.core.sandbox import Sandbox, in_tree
from app.core.workspace import Workspace

MOST_OUTPUT: Final = 16_000
"""Characters of a tool's answer: what OpenHands' editor shows, between mini-swe-agent's 10,000 and SSA's 20,000."""
_HEAD_SHARE: Final = 0.4
"""Failures stand at the end of what a command prints, so the tail gets more."""
_NUMBER: Final = re.compile(r"\s*(-?\d{1,12})(?![\d.])")


class Arguments(BaseModel, frozen=True, extra="forbid"):
    """Base of all arguments; unknown ones are refused, so that a misspelt one is not silently left out."""


A_contra = TypeVar("A_contra", bound=Arguments, contravariant=True)


@dataclass(frozen=True)
class Desk:
    """What a tool works with."""

    sandbox: Sandbox
    workspace: Workspace
    seconds_left: float
    """Of the budget: no command may run for longer."""
    background: Background = field(default_factory=Background)
    """What goes on beside the calls."""


@dataclass(frozen=True)
class Told:
    """What the model is told about its call."""

    text: str
    ok: bool = True
    ends: Submission | GaveUp | None = None
    """The result of the whole node, if this call ends it."""


@dataclass(frozen=True)
class Tool(Generic[A_contra]):
    """One tool. `run` may raise what Workspace and Sandbox raise; a failing command is an answer, not an error."""

    name: str
    purpose: str
    """For the model: what it does, and when to use it."""
    arguments: type[Arguments]
    run: Callable[[A_contra, Desk], Awaitable[Told]]
    repeatable: bool
    """Whether a call that was interrupted may simply be carried out again: it reaches nothing but files of the tree,
    and finds that as it was saved last, which is as it was before the call.
    """
    alters: bool = False
    """Whether a call may alter the work tree."""
    only_reads: bool = False
    """Whether it does nothing but look: such calls of one answer are carried out together."""

    @cached_property  # pydantic takes 1 ms for one, and every node of every run asks for all
    def schema(self) -> dict[str, Any]:
        """The tool in the chat-completions form."""
        parameters = _untitled(self.arguments.model_json_schema())
        parameters.pop("description", None)
        parameters = _inlined(parameters, parameters.pop("$defs", {}))
        return {
            "type": "function",
            "function": {"name": self.name, "description": self.purpose, "parameters": parameters},
        }

    def parse(self, given: object) -> Arguments:
        """The checked arguments. Raises ValueError with a sentence for the model."""
        if not isinstance(given, dict):
            raise ValueError(f"{self.name}: the arguments must be a JSON object. {self._expected()}")  # noqa: TRY004
        plain = eased(given, self.arguments)
        if strange := _unprintable(plain):
            raise ValueError(f"{self.name}: {strange}")
        try:
            return self.arguments.model_validate(plain)
        except ValidationError as error:
            wrong = "; ".join(f"{_place(each['loc'])}: {each['msg']}" for each in error.errors(include_url=False))
            raise ValueError(f"{self.name}: {wrong}. {self._expected()}") from None

    def _expected(self) -> str:
        fields = self.arguments.model_fields
        listed = ", ".join(
            name if field.is_required() else f"{name} (may be left out)" for name, field in fields.items()
        )
        return f"Expected: {listed}."


def eased(given: dict[str, Any], arguments: type[Arguments]) -> dict[str, Any]:
    """What was given, with what models write in place of what is wanted made that.

    For a number or a list: `"1, 80"`, `"[1, 2]"`, the one item. For what is left out: null. For a path from the root of
    the repository: where commands see it.
    """
    result = dict(given)
    for name, value in given.items():
        field = arguments.model_fields.get(name)
        if field is None:
            continue
        if value is None and not field.is_required():
            del result[name]
        elif field.annotation is int and isinstance(value, str) and (number := _NUMBER.match(value)):
            result[name] = int(number[1])
        elif get_origin(field.annotation) is list and isinstance(value, str | dict):
            found = parsed(value) if isinstance(value, str) else value
            result[name] = found if isinstance(found, list) else [found if isinstance(found, dict) else value]
        elif name == "path" and isinstance(value, str):
            result[name] = in_tree(value)
    return result


def clipped(text: str, limit: int = MOST_OUTPUT) -> str:
    """`text` with its middle left out if it has more than `limit` characters."""
    if len(text) <= limit:
        return text
    head = int(limit * _HEAD_SHARE)
    tail = limit - head
    return f"{text[:head]}\n[… {len(text) - limit:,} characters left out …]\n{text[-tail:]}"


def storable(text: str) -> str:
    """`text` without NUL and lone surrogates, which PostgreSQL cannot store."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location) or "arguments"


def _unprintable(value: object) -> str:
    if isinstance(value, str):
        if "\0" in value:
            return "a NUL character stands in the arguments; write binary files with bash, for example by printf"
        if any("\ud800" <= character <= "\udfff" for character in value):
            return "half a surrogate pair stands in the arguments; send the whole character"
    if isinstance(value, dict):
        return next(filter(None, (_unprintable(part) for pair in value.items() for part in pair)), "")
    if isinstance(value, list):
        return next(filter(None, map(_unprintable, value)), "")
    return ""


def _untitled(schema: Any) -> Any:
    """Pydantic's titles repeat the names; models read every character of them, and we pay for it."""
    if isinstance(schema, dict):
        return {key: _untitled(part) for key, part in schema.items() if key != "title" or not isinstance(part, str)}
    if isinstance(schema, list):
        return [_untitled(part) for part in schema]
    return schema


def _inlined(schema: Any, parts: dict[str, Any]) -> Any:
    """References in the place of what they mean: not every server follows them."""
    if isinstance(schema, dict):
        if "$ref" in schema:
            return _inlined(parts[schema["$ref"].rpartition("/")[2]], parts)
        return {key: _inlined(part, parts) for key, part in schema.items()}
    if isinstance(schema, list):
        return [_inlined(part, parts) for part in schema]
    return schema
