"""What a conversation in Slack asks for: its words as Markdown, who said them, and which repository is meant.

https://docs.slack.dev/messaging/formatting-message-text
"""

import html
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from pydantic import BaseModel

from app.core.campaign_wish import places_begin

_MENTION: Final = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^>]*)?>")
_CHANNEL: Final = re.compile(r"<#C[A-Z0-9]+\|([^>]*)>")
_GROUP: Final = re.compile(r"<!(?:subteam\^[A-Z0-9]+(?:\|([^>]*))?|(here|channel|everyone)(?:\|[^>]*)?)>")
_LINK: Final = re.compile(r"<((?:https?|mailto):[^|>]+)(?:\|([^>]*))?>")
_NAME: Final = r"([A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9_.-]*[A-Za-z0-9_-])/?[:,.]?(?=\s|$)"
_REPOSITORY: Final = re.compile(rf"(?:^|\s)(?:in\s+)?(?:https?://[^/\s]+/)?{_NAME}")
_CLEARLY: Final = re.compile(
    rf"(?:^(?:in\s+)?(?:https?://[^/\s]+/)?|\sin\s+(?:https?://[^/\s]+/)?|\s(?:in\s+)?https?://[^/\s]+/){_NAME}"
)
"""First of all, behind `in`, or as an address: what stands elsewhere with a stroke may be `yes/no`, or a folder."""
_FILE: Final = re.compile(
    r"\.(?:py|pyi|ts|tsx|jsx|go|rs|rb|java|c|h|cpp|cs|md|rst|txt|toml|ya?ml|json|cfg|ini|sh|sql|html|css)$"
)
"""Ends of names that files have, and hardly a repository."""
MOST: Final = 50_000
"""Characters of a thread that go in one issue: its end, where people usually agreed on something."""


class Message(BaseModel, frozen=True):
    """One message of a thread, as Slack tells it."""

    at: str
    """Its `ts`."""
    user: str = ""
    text: str = ""
    is_bot: bool = False


class Call(BaseModel, frozen=True):
    """What was said to us in the message that asked."""

    blueprint: str
    full_name: str
    """Empty if no repository was named."""
    instructions: str


def call(text: str, blueprints: Collection[str], *, usual: str = "fix", is_known: bool = False) -> Call:
    """`@minions fix in acme/slugs mind the README`: each part may be missing.

    `is_known` says that the channel has a repository of its own: only a clear word means another one.
    """
    words = plain(_MENTION.sub(" ", text), {}).strip()
    blueprint = usual
    first, *rest = words.split(maxsplit=1) or [""]
    if first.lower().rstrip(":,") in blueprints:
        blueprint, words = first.lower().rstrip(":,"), "".join(rest).strip()
    full_name = ""
    # Repositories that stand in a list are those of a campaign, not the one of its issue.
    pattern = _CLEARLY if is_known else _REPOSITORY
    if (found := pattern.search(words, 0, places_begin(words))) and not _FILE.search(found[1]):
        full_name = found[1]
        words = f"{words[: found.start()]} {words[found.end() :]}".strip()
    return Call(blueprint=blueprint, full_name=full_name, instructions=words)


def plain(text: str, people: Mapping[str, str]) -> str:
    """Slack's way of writing as Markdown. People become their logins where those are known; nobody is mentioned."""
    text = _MENTION.sub(lambda found: people.get(found[1], "somebody"), text)
    text = _CHANNEL.sub(lambda found: f"#{found[1]}", text)
    text = _GROUP.sub(lambda found: found[1] or found[2] or "a group", text)
    text = _LINK.sub(lambda found: f"[{found[2]}]({found[1]})" if found[2] else found[1], text)
    return html.unescape(text)


def task(messages: Sequence[Message], asked_at: str, people: Mapping[str, str]) -> tuple[str, str]:
    """Title and body: what people said up to the moment of asking, the message that asked left out.

    Both are empty where nobody said anything else.
    """
    said = [one for one in messages if not one.is_bot and moment(one.at) <= moment(asked_at) and one.text.strip()]
    others = [one for one in said if one.at != asked_at]
    if not others:
        return "", ""
    first = _MENTION.sub(" ", others[0].text).strip()
    title = plain(first.partition("\n")[0], people).strip()
    parts = [f"{people.get(one.user, 'somebody')}:\n\n{plain(one.text, people).strip()}" for one in others]
    return title, "\n\n".join(parts)[-MOST:]


def moment(at: str) -> tuple[int, int]:
    """A `ts` as something that can be compared: as text, it cannot be once its length changes."""
    seconds, _, part = at.partition(".")
    return int(seconds or 0), int(part or 0)


def escaped(text: str) -> str:
    """Words of others in a message of ours: https://docs.slack.dev/messaging/formatting-message-text#escaping"""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
