"""The App itself on GitHub: who it is, where it is installed, and what was delivered to it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from app.adapters.github.auth import AppAuth
from app.adapters.github.errors import API_VERSION, Unauthorized, from_answer, translated, watch_age
from app.adapters.github.known import Answer, Known
from app.adapters.github.pace import Pace, Paces
from app.core.errors import Unavailable
from app.core.pace import THE_APP, Allowance
from app.core.vitals import Look

USER_AGENT: Final = "minions"
TIMEOUT_S: Final = 15.0
"""GitHub cuts a call after 10 seconds; the rest is for the way."""
_DOWNLOAD_S: Final = 60.0
"""For a whole download: some hundred megabytes, of which the end is kept."""
_PAUSES_S: Final = (0.5, 2.0)
"""Pauses in seconds between three tries of a call that does no harm when it is repeated."""


class Identity(BaseModel, frozen=True):
    """Who we are on GitHub."""

    id: int
    slug: str
    permissions: Mapping[str, str] = {}
    events: Sequence[str] = ()

    @property
    def login(self) -> str:
        """The account that our comments and pull requests are from."""
        return f"{self.slug}[bot]"


class Account(BaseModel, frozen=True):
    """Whose installation it is."""

    login: str = ""


class Installation(BaseModel, frozen=True):
    """Where the App is installed."""

    id: int
    account: Account | None = None
    created_at: datetime | None = None
    permissions: Mapping[str, str] = {}
    events: Sequence[str] = ()
    repository_selection: str = ""
    suspended_at: datetime | None = None


class Delivery(BaseModel, frozen=True):
    """A delivery as GitHub remembers it; `guid` names the event and is the same in each attempt."""

    id: int
    guid: str
    delivered_at: datetime
    redelivery: bool = False
    status_code: int
    event: str
    action: str | None = None
    installation_id: int | None = None
    repository_id: int | None = None

    @property
    def arrived(self) -> bool:
        """Whether we answered that we took it."""
        return 200 <= self.status_code < 400


class App:
    """Calls that are made as the App and not as one of its installations."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        api_url: str,
        auth: AppAuth,
        *,
        pace: Pace | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`api_url` is `https://api.github.com` or `https://HOST/api/v3`, without a slash at its end.

        `pace` is that of the App's own calls, and without limits where it is not given.
        """
        self._http = http
        self._api_url = api_url
        self._auth = auth
        self._pace = pace or Paces(Allowance(write_spacing_s=0)).of(THE_APP)
        self._sleep = sleep
        self._answers = Known()
        self._identity: Identity | None = None
        self._calls_left: float | None = None

    def seen(self) -> Look:
        """What answers said by the way, since this was asked last."""
        left, self._calls_left = self._calls_left, None
        return Look(clock_off_s=self._auth.skew_s, calls_left=left)

    async def identity(self) -> Identity:
        """Who we are; asked once. Raises Denied if the App's id and key do not fit."""
        if self._identity is None:
            answer = await self._known("GET", "/app", "read who this App is")
            self._identity = read(Identity, answer)
        return self._identity

    async def installations(self) -> Sequence[Installation]:
        """Every installation, suspended ones included."""
        found: list[Installation] = []
        path: str | None = "/app/installations?per_page=100"
        while path:
            answer = await self._known("GET", path, "read where this App is installed")
            found += read(list[Installation], answer)
            path = self.next_page(answer)
        return found

    async def deliveries(
        self, *, since: datetime, status: Literal["success", "failure"] | None = None, at_most: int = 1000
    ) -> Sequence[Delivery]:
        """Deliveries from `since` on, newest first."""
        found: list[Delivery] = []
        path: str | None = "/app/hook/deliveries?per_page=100" + (f"&status={status}" if status else "")
        while path and len(found) < at_most:
            answer = await self._known("GET", path, "read what was delivered to this App")
            page = read(list[Delivery], answer)
            found += [delivery for delivery in page if delivery.delivered_at >= since]
            path = self.next_page(answer) if page and page[-1].delivered_at >= since else None
        return found[:at_most]

    async def redeliver(self, delivery_id: int) -> None:
        """Ask GitHub to deliver once more; it arrives with the guid of the first time."""
        await self._known("POST", f"/app/hook/deliveries/{delivery_id}/attempts", "ask for a delivery once more")

    async def revoke(self, token: str) -> None:
        """Have a token of an installation end now. Raises ForgeErrors, Unauthorized if it has ended already."""
        async with self._pace.read():
            _good("end a token", await self._once("DELETE", "/installation/token", "end a token", None, token=token))

    async def read_as(self, token: str, path: str, doing: str) -> httpx.Response:
        """Make one call that reads, with a token of an installation and in its pace. Raises ForgeErrors."""
        for pause in _PAUSES_S:
            try:
                return await self._read(path, doing, token)
            except Unavailable:
                await self._sleep(pause)
        return await self._read(path, doing, token)

    async def _read(self, path: str, doing: str, token: str) -> httpx.Response:
        known = self._answers.find(token, path)
        answer = await self._once("GET", path, doing, None, token=token, etag=known.etag if known else "")
        if answer.status_code == httpx.codes.NOT_MODIFIED and known:
            headers = {"link": known.link} if known.link else {}
            return httpx.Response(httpx.codes.OK, headers=headers, text=known.body, request=answer.request)
        good = _good(doing, answer)
        self._answers.keep(token, path, Answer(good.headers.get("etag", ""), good.headers.get("link", ""), good.text))
        return good

    async def download_as(self, token: str, path: str, doing: str, *, most_bytes: int) -> bytes:
        """The end of what lies at another address, to which GitHub leads from `path`. Raises ForgeErrors.

        That address is a credential by itself and somebody else's: it gets no header of ours, and leads no further.
        """
        answer = await self._once("GET", path, doing, None, token=token)
        if not answer.has_redirect_location:
            return _good(doing, answer).content[-most_bytes:]
        here = httpx.URL(self._api_url)
        with translated(doing):
            url = here.join(answer.headers["location"])
            if url.scheme not in {"https", here.scheme}:
                raise Unavailable(f"GitHub leads to an address that is not safe to {doing}.")
            async with asyncio.timeout(_DOWNLOAD_S):
                return await self._end_of(url, doing, most_bytes)

    async def _end_of(self, url: httpx.URL, doing: str, most_bytes: int) -> bytes:
        agent = {"User-Agent": USER_AGENT}
        end = bytearray()
        async with self._http.stream("GET", url, headers=agent, timeout=TIMEOUT_S, follow_redirects=False) as answer:
            if not answer.is_success:
                raise from_answer(doing, answer.status_code, None, {})
            async for chunk in answer.aiter_bytes():
                end += chunk
                if len(end) > 2 * most_bytes:
                    del end[:-most_bytes]
        return bytes(end[-most_bytes:])

    async def ask(
        self, verb: str, path: str, doing: str, *, json: Mapping[str, Any] | None = None, is_safe: bool = False
    ) -> httpx.Response:
        """Make one call as the App; answer with its good answer. Raises ForgeErrors.

        A call that `is_safe` to repeat is repeated twice when there was no answer. A word that was not accepted because
        our clock is wrong is made anew once, on GitHub's clock.
        """
        pauses = _PAUSES_S if is_safe or verb == "GET" else ()
        async with self._pace.read():
            for pause in pauses:
                try:
                    return await self._on_the_right_clock(verb, path, doing, json)
                except Unavailable:
                    await self._sleep(pause)
            return await self._on_the_right_clock(verb, path, doing, json)

    async def _on_the_right_clock(
        self, verb: str, path: str, doing: str, json: Mapping[str, Any] | None
    ) -> httpx.Response:
        answer = await self._once(verb, path, doing, json)
        if self._auth.observe(answer.headers.get("date", "")) and answer.status_code == 401:
            answer = await self._once(verb, path, doing, json)
        return _good(doing, answer)

    async def _once(
        self, verb: str, path: str, doing: str, json: Mapping[str, Any] | None, *, token: str = "", etag: str = ""
    ) -> httpx.Response:
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {token or self._auth.word()}",
            "User-Agent": USER_AGENT,
            "X-GitHub-Api-Version": API_VERSION,
        }
        if etag:
            headers["If-None-Match"] = etag
        with translated(doing):
            answer = await self._http.request(
                verb, f"{self._api_url}{path}", headers=headers, json=json, timeout=TIMEOUT_S, follow_redirects=False
            )
        watch_age(answer.headers)
        left = _part_left(answer.headers)
        if left is not None:
            self._calls_left = left if self._calls_left is None else min(left, self._calls_left)
        return answer

    async def _known(self, verb: str, path: str, doing: str) -> httpx.Response:
        try:
            return await self.ask(verb, path, doing)
        except Unauthorized as error:
            # Now and then for a moment, and until somebody mends the settings: no run has to end for either.
            raise Unavailable(
                "GitHub does not accept the App's id and private key: do they belong to the same App?",
                detail=error.detail,
            ) from None

    def next_page(self, answer: httpx.Response) -> str | None:
        """Path of the next page, if there is one on the same server."""
        url = answer.links.get("next", {}).get("url", "")
        return url.removeprefix(self._api_url) if url.startswith(f"{self._api_url}/") else None


def _part_left(headers: Mapping[str, str]) -> float | None:
    """Part of the hour's calls that is left to who called, as GitHub says it.

    https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#checking-the-status-of-your-rate-limit
    """
    left, limit = headers.get("x-ratelimit-remaining", ""), headers.get("x-ratelimit-limit", "")
    is_said = left.isdecimal() and limit.isdecimal() and headers.get("x-ratelimit-resource", "core") == "core"
    return min(int(left) / int(limit), 1.0) if is_said and int(limit) else None


def _good(doing: str, answer: httpx.Response) -> httpx.Response:
    if answer.is_success:
        return answer
    raise from_answer(doing, answer.status_code, _json(answer), answer.headers)


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None


def read(kind: Any, answer: httpx.Response) -> Any:
    """An answer's JSON as `kind` (a type, with only the fields that are used). Raises Unavailable if it is not so."""
    try:
        return TypeAdapter(kind).validate_json(answer.content)
    except ValidationError:
        raise Unavailable("GitHub's answer cannot be read.", detail="not the JSON expected") from None
