"""Who is who in Slack, and which channel is about which repository: the operator's file."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ValidationError

from app.core.errors import SettingsError


class Directory(BaseModel, frozen=True, extra="forbid"):
    """What the file says. Nobody else may ask, and channels that are not in it have no repository of their own."""

    people: Mapping[str, str] = {}
    """GitHub logins by Slack's ids, such as `U024BE7LH = "ann"`."""
    channels: Mapping[str, str] = {}
    """`OWNER/NAME` by Slack's ids, such as `C024BE91L = "acme/slugs"`."""


def directory(file: Path | None) -> Directory:
    """Read it. Raises SettingsError."""
    if file is None:
        raise SettingsError("Set MINIONS_SLACK_FILE to a file that says who is who in Slack; README.md shows one.")
    try:
        return Directory.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except OSError as error:
        raise SettingsError(f"MINIONS_SLACK_FILE: {file} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"MINIONS_SLACK_FILE: {file} is no TOML: {error}") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"MINIONS_SLACK_FILE: {file}: {place}: {first['msg']}") from None
