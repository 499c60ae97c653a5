"""Where GitHub's deliveries arrive. Nothing is looked up here: a delivery is checked, decided on, stored, answered.

Every answer is a sentence that says what was done, or why nothing was: GitHub shows it beside the delivery.
"""

import asyncio
import json
import logging
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse

from app.adapters.github.reading import PayloadError
from app.adapters.github.signature import is_genuine
from app.core.events import ChecksMoved, Event, Ignored, Pinged
from app.core.store import Delivery, Store, StoreDown
from app.engine.dispatch import Blueprints, decide
from app.web import body

_log = logging.getLogger(__name__)

PATIENCE_S: Final = 30.0
"""For the body of a delivery: GitHub itself gives up after 10 s, GitHub Enterprise Server after 30 s.
https://docs.github.com/en/webhooks/testing-and-troubleshooting-webhooks/troubleshooting-webhooks#timed-out
"""

ANSWER_S: Final = 5.0
"""For the database: GitHub counts a delivery as failed after 10 s, and what was not stored must not look received."""
_MANY: Final = frozenset({"check_run", "check_suite", "status", "workflow_run"})
"""Events of every App and commit of an installation. Nobody reads a line of the log for each that led to nothing."""

_GUID: Final = re.compile(r"[0-9A-Za-z-]{8,64}")
_EVENT: Final = re.compile(r"[a-z_]{1,64}")


def _unheard(_repository_id: int, _sha: str) -> None:
    """What a hint leads to where nobody waits."""


class _Refused(Exception):
    """The delivery is not taken; the sentence goes back with `status`."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


@dataclass(frozen=True)
class Webhook:
    """Takes deliveries for one App."""

    app_id: str
    secrets: Sequence[str]
    """Each is tried: two while one is being rotated out."""
    parse: Callable[[str, dict[str, Any]], Event]
    """Makes our words of the event's name and payload. Raises PayloadError."""
    blueprints: Blueprints
    store: Store
    counts: Counter[str] = field(default_factory=Counter)
    """Deliveries by event name, and refused ones by reason, since this process started."""
    patience_s: float = PATIENCE_S
    answer_s: float = ANSWER_S
    room: body.Room = field(default_factory=body.Room)
    hear: Callable[[int, str], None] = _unheard
    """Told that something happened to the checks of a repository's commit."""

    def router(self) -> APIRouter:
        """The route."""
        router = APIRouter()
        # A plain route: FastAPI's own looks for what it may inject, which is a fifth of what a delivery costs.
        router.add_route("/webhook", self.receive, methods=["POST"], include_in_schema=False)
        return router

    async def receive(self, request: Request) -> PlainTextResponse:
        """Take one delivery."""
        name, guid = request.headers.get("x-github-event", ""), request.headers.get("x-github-delivery", "")
        try:
            payload = await self._genuine(request)
            self.counts[name] += 1
            event = self.parse(name, payload)
            decision = decide(event, self.blueprints)
            reason = decision.reason
            if isinstance(event, ChecksMoved):
                self.hear(event.repository_id, event.sha)
            if decision.act is not None:
                action = str(payload.get("action", ""))
                delivery = Delivery(app_id=self.app_id, guid=guid, event=name, action=action)
                async with asyncio.timeout(self.answer_s):
                    reason = (await self.store.accept(delivery, decision.act, reason)).reason
        except _Refused as refused:
            return self._refuse(refused.status, str(refused))
        except PayloadError as error:
            return self._refuse(400, str(error))
        except (StoreDown, TimeoutError) as error:
            _log.error("%s %s: not stored: %s", name, guid, getattr(error, "detail", "the database does not answer"))
            return self._refuse(503, "This delivery could not be stored; it is safe to redeliver it.")
        is_one_of_many = name in _MANY and isinstance(event, ChecksMoved | Ignored)
        _log.log(logging.DEBUG if is_one_of_many else logging.INFO, "%s %s: %s", name, guid, reason)
        return PlainTextResponse(reason, 200 if isinstance(event, Pinged) else 202)

    async def _genuine(self, request: Request) -> dict[str, Any]:
        """The payload of a delivery that GitHub signed for this App. Raises _Refused."""
        try:
            async with asyncio.timeout(self.patience_s):
                raw = await body.read(request.headers, request.stream(), self.room)
        except body.TooLarge:
            raise _Refused(413, "The body is larger than 25 MB, which GitHub never sends.") from None
        except body.TooMany:
            raise _Refused(503, "Too many large bodies arrive at once; it is safe to redeliver this one.") from None
        except TimeoutError:
            raise _Refused(408, f"The body did not arrive within {self.patience_s:.0f} seconds.") from None
        if not is_genuine(raw, request.headers.get("x-hub-signature-256"), self.secrets):
            raise _Refused(401, "The signature does not fit: is the App's secret in MINIONS_WEBHOOK_SECRETS?")
        if why := self._misdirected(request.headers):
            raise _Refused(400, why)
        try:
            payload = json.loads(raw)
        except (ValueError, RecursionError):
            raise _Refused(400, "The body is not JSON.") from None
        if not isinstance(payload, dict):
            raise _Refused(400, "The body is not a JSON object.")
        return payload

    def _misdirected(self, headers: Mapping[str, str]) -> str:
        """What is wrong with the headers of a genuine delivery; empty if nothing is."""
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return "The content type is not application/json: set it so in the App's webhook settings."
        if not _EVENT.fullmatch(headers.get("x-github-event", "")):
            return "There is no event name in X-GitHub-Event."
        if not _GUID.fullmatch(headers.get("x-github-delivery", "")):
            return "There is no delivery id in X-GitHub-Delivery."
        target = headers.get("x-github-hook-installation-target-id")
        kind = headers.get("x-github-hook-installation-target-type", "integration")
        if target and kind == "integration" and self.app_id.isdigit() and target != self.app_id:
            return f"This delivery is for the App {target}, not for {self.app_id}."
        return ""

    def _refuse(self, status: int, why: str) -> PlainTextResponse:
        self.counts[f"refused: {status}"] += 1
        _log.warning("A delivery was refused with %s: %s", status, why)
        return PlainTextResponse(why, status)
