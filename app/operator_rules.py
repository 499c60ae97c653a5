"""The operator's rules for every repository."""

from pathlib import Path

from app.agent.rules import MOST_OF_OPERATOR
from app.core.errors import SettingsError


def operators_rules(file: Path) -> str:
    """What the operator wants of minions everywhere. Raises SettingsError."""
    try:
        text = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"MINIONS_RULES_FILE cannot be read: {error}") from None
    if not 0 < len(text) <= MOST_OF_OPERATOR:
        raise SettingsError(
            f"MINIONS_RULES_FILE holds {len(text):,} characters; there have to be some, and at most "
            f"{MOST_OF_OPERATOR:,}, so that there is room for the rules of repositories."
        )
    return text
