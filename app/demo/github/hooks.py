"""Webhook deliveries: signed, sent once each, kept with their answer, and sent again only when somebody asks."""

import asyncio
import contextlib
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx

from app.demo.github.faults import Faults
from app.demo.github.ground import Ground
from app.demo.github.objects import App, Delivery, Installation, Repository
from app.demo.github.troubles import Mishap

Payload = Mapping[str, Any]
KEPT_ANSWER = 10_000
"""Characters of a receiver's answer that are kept."""


class Hooks:
    """Tells Apps what happened.

    Before the server runs, events are remembered and told when it starts, because their payloads need its address.
    While it runs, a payload is built at the moment of the event and its delivery is a task on the running loop.
    """

    def __init__(
        self, ground: Ground, installations: Sequence[Installation], faults: Faults, *, timeout_s: float
    ) -> None:
        self._ground = ground
        self._faults = faults
        self._installations = installations
        self._timeout_s = timeout_s
        self._early: list[Callable[[], None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._client: httpx.AsyncClient | None = None
        self._answered = 0
        self._moved = asyncio.Condition()
        self.deliveries: list[Delivery] = []
        """Every attempt, oldest first."""

    # -- Telling -------------------------------------------------------------------------------------------------
    def emit(
        self, event: str, build: Callable[[], Payload], *, repository: Repository, only: App | None = None
    ) -> None:
        """Tell every App that is installed on the repository and subscribed to the event (or `only` that one)."""
        if self._client is None:
            self._early.append(lambda: self.emit(event, build, repository=repository, only=only))
            return
        payload, guid = build(), str(uuid.uuid4())
        for installation in list(self._installations):
            app = installation.app
            if repository not in installation.repositories or installation.suspended_at or only not in {None, app}:
                continue
            if app.webhook_url and event in _subscriptions(app):
                self._send(app, event, payload, guid=guid, installation=installation, repository=repository)

    def tell(
        self, app: App, event: str, build: Callable[[], Payload], installation: Installation | None = None
    ) -> None:
        """Tell one App what concerns it and no repository: ping and its installations. Nobody can unsubscribe."""
        if self._client is None:
            self._early.append(lambda: self.tell(app, event, build, installation))
            return
        self._send(app, event, build(), guid=str(uuid.uuid4()), installation=installation)

    def redeliver(self, delivery: Delivery) -> Delivery:
        """Send the same body with the same guid again, under a new id. Needs the server to run."""
        again = self._copy(delivery)
        self._start(again)
        return again

    def _copy(self, delivery: Delivery) -> Delivery:
        return self._record(
            delivery.app,
            delivery.event,
            delivery.action,
            delivery.body,
            guid=delivery.guid,
            installation_id=delivery.installation_id,
            repository_id=delivery.repository_id,
            redelivery=True,
        )

    async def settled(self) -> None:
        """Wait until every delivery has been answered or has failed, those included that start meanwhile."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    # -- The server's life ---------------------------------------------------------------------------------------
    async def open(self) -> None:
        """Begin to deliver, first of all what happened before."""
        # No proxy from the environment: receivers are on this machine.
        self._moved = asyncio.Condition()
        self._client = httpx.AsyncClient(trust_env=False, timeout=self._timeout_s, follow_redirects=False)
        early, self._early = self._early, []
        for event in early:
            event()

    async def close(self) -> None:
        """Stop; deliveries that are under way are cut off."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._client:
            await self._client.aclose()
            self._client = None

    # -- Sending -------------------------------------------------------------------------------------------------
    def _send(
        self,
        app: App,
        event: str,
        payload: Payload,
        *,
        guid: str,
        installation: Installation | None,
        repository: Repository | None = None,
    ) -> None:
        body = dict(payload)
        if installation and "installation" not in body:
            body["installation"] = {"id": installation.id, "node_id": f"I{installation.id}"}
        delivery = self._record(
            app,
            event,
            body.get("action"),
            json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode(),
            guid=guid,
            installation_id=installation.id if installation else None,
            repository_id=repository.id if repository else None,
        )
        self._start(delivery)

    def _record(
        self,
        app: App,
        event: str,
        action: str | None,
        body: bytes,
        *,
        guid: str,
        installation_id: int | None,
        repository_id: int | None,
        redelivery: bool = False,
    ) -> Delivery:
        headers = {
            "Accept": "*/*",
            "Content-Type": "application/json",
            "User-Agent": "GitHub-Hookshot/loopback",
            "X-GitHub-Delivery": guid,
            "X-GitHub-Event": event,
            "X-GitHub-Hook-ID": str(app.hook_id),
            "X-GitHub-Hook-Installation-Target-ID": str(app.id),
            "X-GitHub-Hook-Installation-Target-Type": "integration",
        }
        if app.webhook_secret:
            digest = hmac.new(app.webhook_secret.encode(), body, hashlib.sha256).hexdigest()
            headers["X-Hub-Signature-256"] = f"sha256={digest}"
        delivery = Delivery(
            id=self._ground.new_id(),
            guid=guid,
            app=app,
            event=event,
            action=action,
            installation_id=installation_id,
            repository_id=repository_id,
            redelivery=redelivery,
            delivered_at=self._ground.now(),
            request_headers=headers,
            body=body,
        )
        self.deliveries.append(delivery)
        return delivery

    def _start(self, delivery: Delivery, *, is_safe: bool = False) -> None:
        mishap = None if is_safe else self._faults.take_delivery(delivery)
        task = asyncio.get_running_loop().create_task(self._attempt(delivery, mishap))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _attempt(self, delivery: Delivery, mishap: Mishap | None) -> None:
        """One attempt and what becomes of it."""
        kind = mishap.name if mishap else ""
        if mishap and kind == "late":
            await asyncio.sleep(mishap.seconds)
        elif mishap and kind == "overtaken":
            await self._let_pass(mishap)
        elif kind == "twice":
            self._start(self._copy(delivery), is_safe=True)
        if kind == "dropped":
            delivery.status = "failed to connect to host"
        else:
            await self._deliver(delivery)
        if kind == "unheard":
            delivery.status, delivery.status_code = "timed out", 0
            delivery.response_headers, delivery.response_body = {}, ""
        elif kind == "replayed":
            await self._replay(delivery)
        async with self._moved:
            self._answered += 1
            self._moved.notify_all()

    async def _let_pass(self, mishap: Mishap) -> None:
        """Wait until others were answered that began later."""
        awaited = self._answered + mishap.behind
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(mishap.seconds), self._moved:
                await self._moved.wait_for(lambda: self._answered >= awaited)

    async def _replay(self, delivery: Delivery) -> None:
        """Send the same body under another guid, which the signature does not cover. Nobody keeps the answer."""
        headers = delivery.request_headers | {"X-GitHub-Delivery": str(uuid.uuid4())}
        with contextlib.suppress(httpx.HTTPError):
            if self._client:
                await self._client.post(delivery.app.webhook_url, content=delivery.body, headers=headers)

    async def _deliver(self, delivery: Delivery) -> None:
        """Send it; whatever goes wrong is written into the delivery."""
        began = time.monotonic()
        try:
            if self._client is None:
                raise httpx.ConnectError("the server has stopped")
            async with asyncio.timeout(self._timeout_s):
                answer = await self._client.post(
                    delivery.app.webhook_url, content=delivery.body, headers=delivery.request_headers
                )
        except TimeoutError:
            delivery.status = "timed out"
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            delivery.status = "timed out" if isinstance(error, httpx.TimeoutException) else "failed to connect to host"
        else:
            delivery.status_code = answer.status_code
            delivery.status = "OK" if answer.is_success else f"Invalid HTTP Response: {answer.status_code}"
            delivery.response_headers = dict(answer.headers)
            delivery.response_body = answer.text[:KEPT_ANSWER]
        delivery.duration = round(time.monotonic() - began, 3)


def _subscriptions(app: App) -> set[str]:
    """Whoever may write checks hears of them and cannot switch that off."""
    return set(app.events) | ({"check_run", "check_suite"} if app.permissions.get("checks") == "write" else set())
