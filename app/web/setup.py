"""`/setup`: from nothing to a GitHub App in two clicks. It is there only while the server has no App.

Who has the one-time token, which stands in the server's own log, may make the App. GitHub brings the same person back
with a code, which is exchanged for the credentials from here; they are shown to nobody, unless the operator wants to
put them into a secret store himself.
"""

import hmac
import json
import logging
import re
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from app.adapters.github.permissions import EVENTS, PERMISSIONS
from app.core.app_manifest import REASONS, Created, manifest
from app.core.errors import MinionsError
from app.web.html import Paper

_log = logging.getLogger(__name__)

_LOGIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,38}")


@dataclass
class Setup:
    """The pages of one set-up."""

    public_url: str
    github_url: str
    exchange: Callable[[str], Awaitable[Created]]
    """Makes credentials of GitHub's code. Raises MinionsError."""
    keep: Callable[[Created], str]
    """Keeps them and says where; empty if they are to be shown instead. Raises SettingsError."""
    finished: Callable[[], None]
    """Called when the App is there."""
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    _state: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    _is_done: bool = False
    _paper: Paper = field(default_factory=Paper)

    @property
    def url(self) -> str:
        """Where to begin."""
        return f"{self.public_url}/setup?token={self.token}"

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/setup", self.begin, methods=["GET"], response_class=HTMLResponse)
        router.add_api_route("/setup/created", self.created, methods=["GET"], response_class=HTMLResponse)
        for path in ("/", "/readyz"):
            router.add_api_route(path, self.not_yet, methods=["GET"], response_class=HTMLResponse)
        router.add_api_route("/healthz", self.alive, methods=["GET"])
        return router

    async def alive(self) -> dict[str, str]:
        """This process answers: who starts it anew for not being ready would make a new token each time."""
        return {"status": "waits for its GitHub App"}

    async def not_yet(self) -> Response:
        """Everything else has to wait."""
        return self._page(
            "setup_refused.html", 503, why="This server has no GitHub App yet: its log says how to begin."
        )

    async def begin(self, token: str = "", organization: str = "") -> Response:
        """What will be made and why, with the button that makes it on GitHub."""
        if not hmac.compare_digest(token.encode(), self.token.encode()) or self._is_done:
            return self._page("setup_refused.html", 403, why="The token is not the one in the server's log.")
        if organization and not _LOGIN.fullmatch(organization):
            return self._page("setup_refused.html", 400, why="That is no name of an organisation.")
        path = f"organizations/{quote(organization)}/settings/apps/new" if organization else "settings/apps/new"
        name = f"minions-{secrets.token_hex(3)}"  # names of Apps are unique on all of GitHub
        return self._page(
            "setup.html",
            200,
            action=f"{self.github_url}/{path}?state={self._state}",
            manifest=json.dumps(manifest(name, self.public_url, permissions=PERMISSIONS, events=EVENTS)),
            reasons=[(permission, level, REASONS[permission]) for permission, level in PERMISSIONS.items()],
            public_url=self.public_url,
            token=self.token,
            organization=organization,
            is_local=re.match(r"https?://(localhost|127\.|\[::1\])", self.public_url) is not None,
        )

    async def created(self, code: str = "", state: str = "") -> Response:
        """Where GitHub brings back who made the App."""
        if not hmac.compare_digest(state.encode(), self._state.encode()) or self._is_done:
            return self._page("setup_refused.html", 403, why="This is not the answer to what was begun here.")
        try:
            app = await self.exchange(code)
            where = self.keep(app)
        except MinionsError as error:
            _log.warning("The App was not taken over: %s %s", error, error.detail)
            return self._page("setup_refused.html", 502, why=str(error))
        self._is_done = True
        self.finished()
        _log.info("The App %s is there. Install it: %s/installations/new", app.slug, app.html_url)
        shown = [] if where else variables(app)
        return self._page("setup_done.html", 200, app=app, where=where, variables=shown)

    def _page(self, template: str, status: int, **facts: Any) -> Response:
        policy = (
            f"default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
            f"form-action 'self' {self.github_url}; frame-ancestors 'none'"
        )
        page = self._paper.page(template, status, **facts)
        page.headers["Content-Security-Policy"] = policy
        page.headers["Referrer-Policy"] = "no-referrer"  # the address holds the token
        return page


def variables(app: Created) -> list[tuple[str, str]]:
    """The credentials as settings, for a secret store. Told once."""
    return [
        ("MINIONS_APP_ID", str(app.id)),
        ("MINIONS_WEBHOOK_SECRETS", app.webhook_secret.get_secret_value()),
        ("MINIONS_PRIVATE_KEY", app.pem.get_secret_value()),
        ("MINIONS_CLIENT_ID", app.client_id),
        ("MINIONS_CLIENT_SECRET", app.client_secret.get_secret_value()),
    ]
