"""What the scripted model says: files that are read by people before they are played.

summary: Fix the greeting
acts:
  - when: Implement the task          # a pattern, searched in the first user message of the conversation
    turns:
      - text: I look at the code first.
        calls:
          - tool: read
            arguments: {path: src/greeting.py}
      - calls:
          - tool: submit
            arguments: {summary: Done.}
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, Field, ValidationError, field_validator

from app.core.errors import SettingsError

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
"""Names of scripts are names of models and of files, so they hold nothing that leads out of the folder."""


class _Part(BaseModel, frozen=True, extra="forbid"):
    """Unknown words in a script are mistakes of whoever wrote it."""


class Call(_Part, frozen=True):
    """One tool call. Arguments given as text are sent as they are, broken JSON included."""

    tool: str
    arguments: dict[str, Any] | str = Field(default_factory=dict)


class Tokens(_Part, frozen=True):
    """What the answer says that it used; estimated from the length of the text where the script is silent."""

    input: int
    output: int
    cached: int = 0


class Turn(_Part, frozen=True):
    """One answer of the model."""

    text: str = ""
    calls: tuple[Call, ...] = ()
    usage: Tokens | None = None
    finish: str = ""
    """`finish_reason`; empty means `tool_calls` or `stop`, as fits."""


class Act(_Part, frozen=True):
    """The answers in one conversation."""

    when: str
    """Pattern that picks this act: the first one found in the first user message wins."""
    turns: tuple[Turn, ...]

    @field_validator("when")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from None
        return pattern


class Script(_Part, frozen=True):
    """Everything that one scripted model has to say."""

    summary: str = ""
    acts: tuple[Act, ...]

    def act(self, first_message: str) -> Act | None:
        """The act for a conversation that begins with `first_message`; None if there is none."""
        return next((act for act in self.acts if re.search(act.when, first_message, re.MULTILINE)), None)


def load(scripts: Path | Mapping[str, Script]) -> Mapping[str, Script]:
    """Every script by its name. Raises SettingsError if a file cannot be played."""
    if isinstance(scripts, Mapping):
        return scripts
    files = sorted(scripts.glob("*.yaml"))
    return {_name(file): _parsed(file) for file in files}


def _name(file: Path) -> str:
    if not NAME.fullmatch(file.stem):
        raise SettingsError(f"{file.name}: name a script with small letters, digits, - and _ only")
    return file.stem


def _parsed(file: Path) -> Script:
    try:
        return Script.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except (ValidationError, yaml.YAMLError) as error:
        raise SettingsError(f"{file.name} is no script that can be played: {error}") from None
