"""Signing in with GitHub. A browser holds one signed word in a cookie that no script can read; all else is ours."""

import base64
import hashlib
import hmac
import logging
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

import jwt
from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from app.core.errors import Denied, MinionsError
from app.core.sessions import LASTS, Gate, Sessions
from app.core.store import StoreDown
from app.web.access import TurnedAway, Visitor, check_origin
from app.web.html import HEADERS, Paper

_log = logging.getLogger(__name__)

_ALGORITHM: Final = "HS256"
_ON_THE_WAY: Final = timedelta(minutes=10)
"""GitHub's codes live as long: https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app"""
_BACK: Final = "/signed-in"


class SignIn:
    """`Access` for those whom GitHub knows."""

    def __init__(self, gate: Gate, sessions: Sessions, paper: Paper, *, own_url: str, secret: str) -> None:
        """`secret` is the App's client secret, from which the key is made that signs cookies."""
        self._gate = gate
        self._sessions = sessions
        self._paper = paper
        self._own_url = own_url
        self._key = hmac.digest(secret.encode(), b"cookies of the pages", "sha256")
        self._is_secure = own_url.startswith("https://")
        prefix = "__Host-" if self._is_secure else ""  # which browsers take from the host itself alone
        self._session_cookie, self._way_cookie = f"{prefix}minions", f"{prefix}minions-way"

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter(include_in_schema=False)
        router.add_route("/sign-in", self.leave, methods=["GET"], include_in_schema=False)
        router.add_route(_BACK, self.come_back, methods=["GET"], include_in_schema=False)
        router.add_route("/sign-out", self.sign_out, methods=["POST"], include_in_schema=False)
        return router

    async def visitor(self, request: Request) -> Visitor:
        """Whoever is signed in. Raises TurnedAway, to where one signs in."""
        word = self._read(request, self._session_cookie, "session").get("word", "")
        session = await self._sessions.find(word) if word else None
        if session is None:
            if request.method != "GET" or request.headers.get("accept", "").startswith("text/event-stream"):
                raise TurnedAway("You are signed out: reload the page.", status=401)
            wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            raise TurnedAway("Sign in first.", to=f"/sign-in?{_query(wanted)}")
        return Visitor(session.person, frozenset(session.readable), frozenset(session.writable))

    async def leave(self, request: Request) -> Response:
        """Send somebody to GitHub, with a word in their browser by which we know them when they come back."""
        state, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        address = self._gate.address(state=state, challenge=challenge, back=self._own_url + _BACK)
        answer = RedirectResponse(address, 303, headers=HEADERS)
        way = {"state": state, "verifier": verifier, "next": _safe(request.query_params.get("next", ""))}
        self._write(answer, self._way_cookie, "way", way, _ON_THE_WAY)
        return answer

    async def come_back(self, request: Request) -> Response:
        """Take somebody in whom GitHub sent back, if it was us who sent them there."""
        way = self._read(request, self._way_cookie, "way")
        state, code = request.query_params.get("state", ""), request.query_params.get("code", "")
        if not way or not code or not secrets.compare_digest(way["state"].encode(), state.encode()):
            return self._refused("This did not begin here, or it took too long: sign in once more.", 400)
        try:
            session = await self._gate.enter(code=code, verifier=way["verifier"], back=self._own_url + _BACK)
            word = await self._sessions.begin(session)
        except Denied as error:
            _log.info("Somebody could not sign in: %s", error.detail)
            return self._refused("GitHub does not say who you are: sign in once more.", 403)
        except (MinionsError, StoreDown) as error:
            _log.warning("Nobody can sign in now: %s %s", error, error.detail)
            return self._refused("Nobody can sign in just now. Try again in a minute.", 503)
        _log.info("%s signed in, and can read %s repositories.", session.person.login, len(session.readable))
        answer = RedirectResponse(way["next"], 303, headers=HEADERS)
        self._write(answer, self._session_cookie, "session", {"word": word}, LASTS)
        answer.delete_cookie(self._way_cookie, secure=self._is_secure, httponly=True, samesite="lax")
        return answer

    async def sign_out(self, request: Request) -> Response:
        """End the session."""
        try:
            check_origin(request, self._own_url)
        except TurnedAway as away:
            return self._refused(str(away), away.status)
        if word := self._read(request, self._session_cookie, "session").get("word"):
            await self._sessions.end(word)
        answer = self._paper.page("closed.html", title="Signed out", why="You are signed out.", may_sign_in=True)
        answer.delete_cookie(self._session_cookie, secure=self._is_secure, httponly=True, samesite="lax")
        return answer

    def _refused(self, why: str, status: int) -> Response:
        return self._paper.page("closed.html", status, why=why, may_sign_in=True)

    def _write(self, answer: Response, name: str, kind: str, said: dict[str, str], lasts: timedelta) -> None:
        claims = said | {"aud": kind, "exp": datetime.now(UTC) + lasts}
        answer.set_cookie(
            name,
            jwt.encode(claims, self._key, algorithm=_ALGORITHM),
            max_age=int(lasts.total_seconds()),
            httponly=True,
            secure=self._is_secure,
            samesite="lax",  # not strict: people come from links on GitHub
        )

    def _read(self, request: Request, name: str, kind: str) -> dict[str, Any]:
        """What we once wrote into a cookie; nothing if it was not us, or is too old."""
        try:
            return dict(
                jwt.decode(
                    request.cookies.get(name, ""),
                    self._key,
                    algorithms=[_ALGORITHM],
                    audience=kind,
                    options={"require": ["exp", "aud"]},
                )
            )
        except jwt.InvalidTokenError:
            return {}


def _query(wanted: str) -> str:
    return urlencode({"next": wanted})


def _safe(wanted: str) -> str:
    """A place on this server, or the overview: nobody is to be led elsewhere by a link to us."""
    is_ours = wanted.startswith("/") and not wanted.startswith(("//", "/\\")) and wanted.isprintable()
    return wanted if is_ours and "\\" not in wanted else "/overview"
