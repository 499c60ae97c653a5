"""The kinds of trouble: what GitHub, and the way to it, answer when they do not answer as they should.

A `Trouble` is for a request and gets the exchange in hand; a `Mishap` is for a webhook's delivery.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

Headers = Mapping[str, str]
DOCS = "https://docs.github.com/rest"
UNICORN = "<!DOCTYPE html>\n<html><head><title>Unicorn! &middot; GitHub</title></head><body>\U0001f984</body></html>\n"


class Exchange(Protocol):
    """A request that meets trouble."""

    async def real(self) -> tuple[int, dict[str, str], bytes]:
        """Carry it out; answer with what would have been said. Once only."""

    async def pass_on(self) -> None:
        """Serve it as if nothing were."""

    async def say(self, status: int, headers: Headers, body: bytes) -> None:
        """Answer with this."""

    async def cut(self, headers: Headers, body: bytes) -> None:
        """Begin to answer, and close the connection."""

    async def silence(self) -> None:
        """Say nothing until the caller goes away."""

    def moved(self) -> str:
        """The address of the same by the repository's id."""

    def now(self) -> float:
        """GitHub's clock, in seconds since 1970."""


@dataclass(frozen=True)
class Trouble:
    """One kind: a name for the record, and what is done."""

    name: str
    meet: Callable[[Exchange], Awaitable[None]]


def answered(
    status: int, body: str = '{"message": "Server Error"}', headers: Headers | None = None, *, is_done: bool = False
) -> Trouble:
    """This answer, whatever was asked; `is_done`: after it was carried out."""

    async def meet(exchange: Exchange) -> None:
        if is_done:
            await exchange.real()
        await exchange.say(status, headers or {}, body.encode())

    return Trouble(f"{status}{' after the work' if is_done else ''}", meet)


def bad_gateway(*, is_done: bool = False) -> Trouble:
    """502 with a page, as the servers before GitHub's own say it."""
    return answered(502, UNICORN, {"Content-Type": "text/html"}, is_done=is_done)


def refused(status: int, message: str, headers: Headers | None = None) -> Trouble:
    """GitHub's own refusal in its own words, before anything was done."""
    return answered(status, json.dumps({"message": message, "documentation_url": DOCS}), headers)


def too_many(retry_after_s: int | None = None) -> Trouble:
    """429."""
    words = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
    return refused(429, words, {} if retry_after_s is None else {"Retry-After": str(retry_after_s)})


def secondary_limit(retry_after_s: int | None = None) -> Trouble:
    """403: too much in too short a time, or too many things made."""
    words = (
        "You have exceeded a secondary rate limit and have been temporarily blocked from content creation. Please"
        " retry your request again later."
    )
    return refused(403, words, {} if retry_after_s is None else {"Retry-After": str(retry_after_s)})


def primary_limit(reset_in_s: int) -> Trouble:
    """403: the hour's requests are used up until the reset."""

    async def meet(exchange: Exchange) -> None:
        reset = str(int(exchange.now()) + reset_in_s)
        headers = {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}
        body = {"message": "API rate limit exceeded for installation.", "documentation_url": DOCS}
        await exchange.say(403, headers, json.dumps(body).encode())

    return Trouble("primary rate limit", meet)


def bad_credentials() -> Trouble:
    """401: what GitHub says of a token that not all of its servers know yet, that expired, or that is none."""
    challenge = {"WWW-Authenticate": 'Basic realm="GitHub"'}
    return refused(401, "Bad credentials", challenge)


def truncated() -> Trouble:
    """The work is done, and only the first half of the JSON comes, as a whole answer."""

    async def meet(exchange: Exchange) -> None:
        status, headers, body = await exchange.real()
        await exchange.say(status, headers, body[: len(body) // 2])

    return Trouble("half of the JSON", meet)


def page_instead(*, is_done: bool = False) -> Trouble:
    """200, and a page for people where JSON was asked for."""
    return answered(200, UNICORN, {"Content-Type": "text/html"}, is_done=is_done)


def redirected(status: Literal[301, 302, 307, 308]) -> Trouble:
    """The repository was renamed: the same is to be found by its id."""

    async def meet(exchange: Exchange) -> None:
        place = exchange.moved()
        body = {"message": "Moved", "url": place, "documentation_url": DOCS}
        await exchange.say(status, {"Location": place}, json.dumps(body).encode())

    return Trouble(str(status), meet)


def cut(*, is_done: bool = False) -> Trouble:
    """The connection breaks in the middle of the answer; `is_done`: it is the real one, of work that was done."""

    async def meet(exchange: Exchange) -> None:
        headers, body = {"Content-Type": "application/json"}, b'{"message": "'
        if is_done:
            _, headers, whole = await exchange.real()
            body = whole[: len(whole) // 2]
        await exchange.cut(headers, body)

    return Trouble(f"cut connection{' after the work' if is_done else ''}", meet)


def silent(*, is_done: bool = False) -> Trouble:
    """No answer: the caller's patience ends first."""

    async def meet(exchange: Exchange) -> None:
        if is_done:
            await exchange.real()
        await exchange.silence()

    return Trouble(f"no answer{' after the work' if is_done else ''}", meet)


def late(seconds: float) -> Trouble:
    """The right answer, later."""

    async def meet(exchange: Exchange) -> None:
        await asyncio.sleep(seconds)
        await exchange.pass_on()

    return Trouble(f"{seconds:g} s late", meet)


def meanwhile(name: str, deed: Callable[[], object]) -> Trouble:
    """Something happens just before the request, which is then served as things stand: a suspension, a lock, a push."""

    async def meet(exchange: Exchange) -> None:
        happening = deed()
        if isinstance(happening, Awaitable):
            await happening
        await exchange.pass_on()

    return Trouble(name, meet)


@dataclass(frozen=True)
class Mishap:
    """What becomes of a delivery.

    dropped     it does not arrive, and GitHub's list says that it failed
    unheard     it arrives, and its answer does not: the list says that it failed
    late        it is sent after `seconds`
    twice       it is sent again at once with the same guid
    replayed    the same body arrives again with another guid, which GitHub knows nothing of: somebody recorded it
    overtaken   it is held back until the next `behind` were answered, for at most `seconds`
    """

    name: Literal["dropped", "unheard", "late", "twice", "replayed", "overtaken"]
    seconds: float = 2.0
    behind: int = 1
