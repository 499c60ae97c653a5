"""What Slack tells us, by slack_bolt: it checks signatures, and we keep what was asked before Slack is answered.

Slack repeats what was not answered within three seconds, up to three times. Each event has a word of its own, so that a
repeat finds what is kept already; and what could not be kept is answered with 500, so that Slack repeats it.
"""

import logging
import re
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Final

from app.adapters.slack.directory import Directory
from app.core.errors import SettingsError
from app.core.requests import Differs, Requests, Thread, Wanted
from app.core.threads import call

_log = logging.getLogger(__name__)

SHORTCUT: Final = "minion"
"""`callback_id` of the message shortcut, as the manifest names it."""
Answer = tuple[int, Mapping[str, str], str]
"""Status, headers, body."""


def receiver(
    signing_secret: str, token: str, requests: Requests, blueprints: Collection[str], directory: Directory
) -> Callable[[bytes, Mapping[str, str]], Awaitable[Answer]]:
    """What answers Slack: given the body and headers of a request. Raises SettingsError if slack_bolt is missing."""
    try:
        from slack_bolt.async_app import AsyncApp, AsyncBoltRequest  # noqa: PLC0415 - an optional extra
        from slack_bolt.authorization import AuthorizeResult  # noqa: PLC0415
    except ImportError:
        raise SettingsError("Slack needs more packages: install minions[slack].") from None

    async def authorize(enterprise_id: str | None, team_id: str | None, **_: object) -> AuthorizeResult:
        # Without a call to Slack: what it tells us is kept, whether it can be called at the moment or not.
        return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id, bot_token=token)

    desk = _Desk(requests, blueprints, directory)
    app = AsyncApp(signing_secret=signing_secret, authorize=authorize, process_before_response=True)
    app.event("app_mention")(desk.mentioned)
    app.event(re.compile(r".+"))(desk.unheard)
    app.shortcut(SHORTCUT)(desk.chosen)

    async def answer(body: bytes, headers: Mapping[str, str]) -> Answer:
        if number := headers.get("x-slack-retry-num"):
            _log.info("Slack repeats an event, time %s: %s", number, headers.get("x-slack-retry-reason", ""))
        told: Any = {name: [value] for name, value in headers.items()}
        said = await app.async_dispatch(AsyncBoltRequest(body=body.decode("utf-8", "replace"), headers=told))
        return said.status, said.first_headers_without_set_cookie(), said.body or ""

    return answer


class _Desk:
    """Keeps what is asked. What it raises is answered with 500."""

    def __init__(self, requests: Requests, blueprints: Collection[str], directory: Directory) -> None:
        self._requests = requests
        self._blueprints = blueprints
        self._directory = directory

    async def mentioned(self, event: dict[str, Any], body: dict[str, Any]) -> None:
        """Somebody wrote our name in a message."""
        if event.get("bot_id") or not event.get("user"):
            return  # machines do not ask
        at, team = str(event["ts"]), str(body.get("team_id", ""))
        thread = Thread(
            channel=str(event["channel"]), at=str(event.get("thread_ts") or at), asked_at=at, user=str(event["user"])
        )
        await self._take(f"slack/{team}/{thread.channel}/{at}", thread, str(event.get("text", "")))

    async def unheard(self, body: dict[str, Any]) -> None:
        """Whatever else the Slack app is subscribed to. Were it not answered well, Slack would repeat it."""
        _log.debug("Nothing is done on %s.", body.get("event", {}).get("type"))

    async def chosen(self, ack: Any, shortcut: dict[str, Any]) -> None:
        """Somebody chose our shortcut at a message."""
        message, team = shortcut.get("message", {}), str(shortcut.get("team", {}).get("id", ""))
        at = str(shortcut.get("action_ts", ""))
        thread = Thread(
            channel=str(shortcut.get("channel", {}).get("id", "")),
            at=str(message.get("thread_ts") or message.get("ts", "")),
            asked_at=at,
            user=str(shortcut.get("user", {}).get("id", "")),
        )
        await self._take(f"slack/{team}/{thread.channel}/shortcut/{at}", thread, "")
        await ack()

    async def _take(self, intent: str, thread: Thread, text: str) -> None:
        here = self._directory.channels.get(thread.channel, "")
        said = call(text, self._blueprints, is_known=bool(here))
        wanted = Wanted(
            door="slack",
            full_name=said.full_name or here,
            title="",
            instructions=said.instructions,
            blueprint=said.blueprint,
            login=self._directory.people.get(thread.user, ""),
            source=f"channel {thread.channel}",
            thread=thread,
        )
        try:
            await self._requests.take(intent, wanted)
        except Differs:
            _log.info("%s was kept before; settings have changed since.", intent)
