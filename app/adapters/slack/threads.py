"""Read threads in Slack, and tell in them how runs stand. Each message of ours carries a word by which it is found."""

from collections.abc import Sequence
from typing import Any, Final

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from app.adapters.slack.directory import Directory
from app.core import wording
from app.core.campaign_wish import places_begin
from app.core.errors import Denied, MinionsError, RateLimited, Unavailable
from app.core.requests import Request, Thread, Wanted
from app.core.threads import Message, task

_TIMEOUT_S: Final = 15
_KIND: Final = "minions"
_PAGE: Final = 200
_MOST_PAGES: Final = 10
"""A thread of 2,000 messages is no task."""
_USUAL_PAUSE_S: Final = 30.0
"""Where Slack does not say how long to wait."""


class SlackThreads:
    """Threads of one workspace."""

    def __init__(self, token: str, api_url: str, directory: Directory) -> None:
        self._client = AsyncWebClient(token=token, base_url=api_url, timeout=_TIMEOUT_S)
        self._directory = directory

    async def complete(self, request: Request) -> Wanted:
        """What was wanted, with the words of its thread. Raises MinionsError if that is nothing to work on."""
        wanted, thread = request.wanted, request.wanted.thread
        if thread is None:
            return wanted
        if not wanted.login:
            raise MinionsError(wording.unknown_in_slack(thread.user))
        if not wanted.full_name:
            raise MinionsError(wording.no_repository_in_slack())
        messages = [_message(one) for one in await self._replies(thread)]
        title, body = task(messages, thread.asked_at, self._directory.people)
        if title and places_begin(wanted.instructions) < len(wanted.instructions):
            # Where a change is wanted stands in the text of an issue, whoever says it.
            body = f"{body}\n\n{wanted.instructions}"
            return wanted.model_copy(update={"title": title, "body": body, "instructions": ""})
        if title:
            return wanted.model_copy(update={"title": title, "body": body})
        if not wanted.instructions:
            raise MinionsError(wording.empty_thread())
        # The message that asked began the thread: what it says is the task.
        title, _, body = wanted.instructions.partition("\n")
        return wanted.model_copy(update={"title": title, "body": body.strip(), "instructions": ""})

    async def say(self, thread: Thread, word: str, text: str, *, at: str = "") -> str:
        """Make our one message that carries `word` say `text`; answer with its `ts`."""
        at = at or await self._find(thread, word)
        if at:
            await self._call("chat.update", channel=thread.channel, ts=at, text=text)
            return at
        said = await self._call(
            "chat.postMessage",
            channel=thread.channel,
            thread_ts=thread.at,
            text=text,
            unfurl_links=False,
            metadata={"event_type": _KIND, "event_payload": {"word": word}},
        )
        return str(said["ts"])

    async def _find(self, thread: Thread, word: str) -> str:
        for one in await self._replies(thread):
            metadata = one.get("metadata") or {}
            if metadata.get("event_type") == _KIND and metadata.get("event_payload", {}).get("word") == word:
                return str(one["ts"])
        return ""

    async def _replies(self, thread: Thread) -> Sequence[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        cursor = ""
        for _ in range(_MOST_PAGES):
            more = {"cursor": cursor} if cursor else {}
            said = await self._call(
                "conversations.replies",
                channel=thread.channel,
                ts=thread.at,
                limit=_PAGE,
                include_all_metadata=1,
                **more,
            )
            found += said.get("messages", [])
            cursor = str((said.get("response_metadata") or {}).get("next_cursor") or "")
            if not cursor:
                break
        return found

    async def _call(self, method: str, **words: Any) -> dict[str, Any]:
        """Raises RateLimited, Unavailable, and Denied if Slack does not let us."""
        try:
            if method.startswith("conversations."):
                answer = await self._client.api_call(method, http_verb="GET", params=words)
            else:
                answer = await self._client.api_call(method, json=words)
        except SlackApiError as error:
            told = str(error.response.get("error", "")) if hasattr(error.response, "get") else ""
            if told in {"ratelimited", "rate_limited"} or getattr(error.response, "status_code", 0) == 429:
                wait_s = float(error.response.headers.get("Retry-After", _USUAL_PAUSE_S))
                raise RateLimited("Slack asks to slow down.", retry_after_s=wait_s) from None
            if told in {"internal_error", "fatal_error", "service_unavailable", "request_timeout", ""}:
                raise Unavailable("Slack does not answer.", detail=told) from None
            raise Denied(f"Slack does not let us do that ({told}): is the app in the channel?", detail=method) from None
        except Exception as error:  # aiohttp's, and what slack_sdk makes of an answer that is no JSON
            raise Unavailable("Slack does not answer.", detail=f"{method}: {type(error).__name__}") from None
        said: Any = answer.data
        if not isinstance(said, dict):
            raise Unavailable("Slack's answer cannot be read.", detail=method)
        return said


def _message(said: dict[str, Any]) -> Message:
    return Message(
        at=str(said.get("ts", "0")),
        user=str(said.get("user", "")),
        text=str(said.get("text", "")),
        is_bot=bool(said.get("bot_id")),
    )
