"""People who say who they are by GitHub: the App's user-to-server flow.

Their token is used at once, to read what they may see, and kept nowhere.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

import httpx
from pydantic import BaseModel

from app.adapters.github.app import TIMEOUT_S, USER_AGENT, read
from app.adapters.github.errors import API_VERSION, from_answer, translated
from app.core.errors import Denied
from app.core.sessions import Session
from app.core.task import Person

_DOING: Final = "sign somebody in"
_MOST_PAGES: Final = 100
"""Of 100 installations or repositories each."""


class _User(BaseModel):
    id: int
    login: str


class _Installation(BaseModel):
    id: int


class _Installations(BaseModel):
    installations: list[_Installation]


class _Repository(BaseModel):
    id: int
    permissions: Mapping[str, bool] = {}


class _Repositories(BaseModel):
    repositories: list[_Repository]


class GitHubGate:
    """`Gate` on GitHub."""

    def __init__(
        self, http: httpx.AsyncClient, *, github_url: str, api_url: str, client_id: str, client_secret: str
    ) -> None:
        self._http = http
        self._github_url = github_url
        self._api_url = api_url
        self._client_id = client_id
        self._client_secret = client_secret

    def address(self, *, state: str, challenge: str, back: str) -> str:
        """GitHub's page on which somebody allows us to know who they are."""
        query = {
            "client_id": self._client_id,
            "redirect_uri": back,
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{self._github_url}/login/oauth/authorize?{urlencode(query)}"

    async def enter(self, *, code: str, verifier: str, back: str) -> Session:
        """Whoever came back with this code, and what they may see. Raises ForgeErrors."""
        token = await self._exchange(code, verifier, back)
        user = read(_User, await self._get(token, "/user"))
        readable: set[int] = set()
        writable: set[int] = set()
        for installation in await self._all(token, "/user/installations", _Installations, "installations"):
            path = f"/user/installations/{installation.id}/repositories"
            for repository in await self._all(token, path, _Repositories, "repositories"):
                readable.add(repository.id)
                if any(repository.permissions.get(right) for right in ("push", "maintain", "admin")):
                    writable.add(repository.id)
        person = Person(id=user.id, login=user.login)
        return Session(person=person, readable=tuple(sorted(readable)), writable=tuple(sorted(writable)))

    async def _exchange(self, code: str, verifier: str, back: str) -> str:
        said = {
            "client_id": self._client_id,
            "client_secret": self._client_secret,
            "code": code,
            "redirect_uri": back,
            "code_verifier": verifier,
        }
        headers = {"Accept": "application/json", "User-Agent": USER_AGENT}
        url = f"{self._github_url}/login/oauth/access_token"
        with translated(_DOING):
            answer = await self._http.post(url, data=said, headers=headers, timeout=TIMEOUT_S)
            if not answer.is_success:
                raise from_answer(_DOING, answer.status_code, None, {})
            told: Any = answer.json()
        token = told.get("access_token") if isinstance(told, dict) else None
        if not isinstance(token, str) or not token:
            why = str(told.get("error", ""))[:100] if isinstance(told, dict) else ""
            raise Denied("GitHub does not say who this is: sign in once more.", detail=why)
        return token

    async def _all(self, token: str, path: str, page: type[Any], name: str) -> list[Any]:
        """Everything of a list, page by page."""
        found: list[Any] = []
        at: str | None = f"{path}?per_page=100"
        for _ in range(_MOST_PAGES):
            if at is None:
                break
            answer = await self._get(token, at)
            found += getattr(read(page, answer), name)
            at = self._next(answer)
        return found

    def _next(self, answer: httpx.Response) -> str | None:
        url = str(answer.links.get("next", {}).get("url", ""))
        return url.removeprefix(self._api_url) if url.startswith(f"{self._api_url}/") else None

    async def _get(self, token: str, path: str) -> httpx.Response:
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {token}",
            "User-Agent": USER_AGENT,
            "X-GitHub-Api-Version": API_VERSION,
        }
        with translated(_DOING):
            answer = await self._http.get(f"{self._api_url}{path}", headers=headers, timeout=TIMEOUT_S)
        if not answer.is_success:
            raise from_answer(_DOING, answer.status_code, None, {})
        return answer
