"""Where Slack's events arrive."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from fastapi import APIRouter, Request, Response

from app.web import body

PATH: Final = "/slack/events"
LARGEST: Final = 1024 * 1024
"""Bytes; a message of Slack has 40,000 characters at most."""
_PATIENCE_S: Final = 10.0

Receive = Callable[[bytes, Mapping[str, str]], Awaitable[tuple[int, Mapping[str, str], str]]]


@dataclass(frozen=True)
class Slack:
    """Takes what Slack tells; `receive` answers it."""

    receive: Receive
    room: body.Room = field(default_factory=body.Room)

    def router(self) -> APIRouter:
        """The route."""
        router = APIRouter()
        router.add_route(PATH, self.answer, methods=["POST"], include_in_schema=False)
        return router

    async def answer(self, request: Request) -> Response:
        """Take one request."""
        try:
            async with asyncio.timeout(_PATIENCE_S):
                raw = await body.read(request.headers, request.stream(), self.room, largest=LARGEST)
        except (body.TooLarge, body.TooMany):
            return Response("The body is too large.", 413)
        except TimeoutError:
            return Response("The body did not arrive in time.", 408)
        status, headers, text = await self.receive(raw, request.headers)
        return Response(text, status, dict(headers))
