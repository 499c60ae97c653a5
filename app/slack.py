"""Slack, where the settings name a workspace."""

from typing import TYPE_CHECKING

from app.adapters.slack.directory import directory
from app.core.errors import SettingsError
from app.settings import Settings

if TYPE_CHECKING:
    from app.adapters.slack.threads import SlackThreads


def threads(settings: Settings) -> "SlackThreads | None":
    """The threads of the settings' workspace, if they name one. Raises SettingsError."""
    if not settings.slack_bot_token.get_secret_value():
        return None
    known = directory(settings.slack_file)
    try:
        from app.adapters.slack.threads import SlackThreads  # noqa: PLC0415 - an optional extra
    except ImportError:
        raise SettingsError("Slack needs more packages: install minions[slack].") from None
    return SlackThreads(settings.slack_bot_token.get_secret_value(), settings.slack_api_url, known)
