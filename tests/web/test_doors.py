"""Every way in to the web server, by name, and how whoever has no right to it is answered.

What is added to the server is added here, too: a test compares.
"""

import re
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Final

import httpx
import pytest
from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute, Mount

from app.adapters.store import PostgresStore
from app.server import web_app
from tests.web.door import FOREIGN, OURS, SAME, Door, opened_door, run_in, settings_of

AWAY: Final = 303
"""To where one signs in, without a word of what is there."""

LOOKED_AT: Final = {
    "/": AWAY,
    "/overview": AWAY,
    "/overview/figures.csv": AWAY,
    "/overview/figures.json": AWAY,
    "/overview/runs.csv": AWAY,
    "/overview/runs.json": AWAY,
    "/models": AWAY,
    "/runs/{key}": AWAY,
    "/runs/{key}/live": AWAY,
    "/runs/{key}/events/{visit:int}/{number:int}": AWAY,
    "/runs/{key}/turns/{visit:int}/{number:int}": AWAY,
    "/runs/{key}/change.patch": AWAY,
    "/metrics": 404,  # without a token that is set there are no figures
    "/api/v1/runs": 401,
    "/api/v1/runs/{key}": 401,
}
"""What is read, and how a stranger is answered."""
OPEN: Final = {
    "/sign-in",
    "/signed-in",
    "/healthz",
    "/readyz",
    "/minion.schema.json",  # the same for every installation: what `.github/minion.yml` may say
    "/runs/{key}/statement",  # signed, about what was published, and found by a key that cannot be guessed
    "/.well-known/minions-signing-keys.pem",
    "/api/v1/docs",
    "/api/v1/openapi.json",
    "/static",
}
"""What is read by anybody: nothing of a repository's stands there."""
PRESSED: Final = {"/runs/{key}/orders": 401, "/sign-out": 403}
"""What forms of our own pages send, and how a stranger is answered who cannot name one of them as the sender."""
SENT: Final = {"/webhook": 401, "/slack/events": 401, "/api/v1/runs": 401, "/api/v1/runs/{key}/stop": 401}
"""What programs send: nothing in a browser gives them a right, only a signature or a token of their own does."""


@pytest.fixture
async def door(store: PostgresStore, tmp_path: Path) -> AsyncIterator[Door]:
    async with opened_door(store, tmp_path) as door:
        yield door


def ways(routes: Sequence[BaseRoute], before: str = "") -> Iterator[tuple[str, str]]:
    """Verb and path of each, also of what is mounted."""
    for one in iter_route_contexts(routes):
        route, path = one.original_route, f"{before}{one.path}"
        if isinstance(route, Mount):
            inner = list(ways(route.routes, path))
            yield from inner or [("GET", path)]
        else:
            assert one.methods, f"{route!r} is no way in that this table knows"
            yield from ((verb, path) for verb in one.methods if verb != "HEAD")


def filled(path: str, key: str) -> str:
    """An address of this form."""
    return re.sub(r"\{\w+:int\}", "0", path).replace("{key}", key)


async def test_every_way_in_stands_in_the_table(door: Door) -> None:
    known = [("GET", path) for path in (*LOOKED_AT, *OPEN)] + [("POST", path) for path in (*PRESSED, *SENT)]
    assert sorted(ways(door.site.routes)) == sorted(known)


async def test_a_stranger_sees_nothing_and_does_nothing(door: Door, store: PostgresStore) -> None:
    for path, status in LOOKED_AT.items():
        answer = await door.http.get(filled(path, door.shown.key))
        assert answer.status_code == status, path
        assert "octo/shown" not in answer.text, path
    for path, status in (PRESSED | SENT).items():
        for headers in ({}, FOREIGN):
            answer = await door.http.post(filled(path, door.shown.key), headers=headers, data={"order": "stop"})
            assert answer.status_code == status, path
    assert await store.orders(door.shown.id) == []


async def test_a_page_of_somebody_else_does_nothing_in_the_name_of_who_may_write(
    door: Door, store: PostgresStore
) -> None:
    await door.sign_in("ann")
    for path in PRESSED | SENT:
        for headers in ({}, FOREIGN, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "none"}):
            answer = await door.http.post(filled(path, door.shown.key), headers=headers, data={"order": "stop"})
            assert answer.status_code in {401, 403}, path
    assert await store.orders(door.shown.id) == []
    assert (await door.http.get("/overview")).status_code == 200, "nobody was signed out either"


@pytest.mark.parametrize("order", ["stop", "wrap up", "retry"])
@pytest.mark.parametrize(("login", "status"), [("tim", 403), ("eve", 404)])
async def test_who_may_not_write_presses_in_vain(
    door: Door, store: PostgresStore, login: str, status: int, order: str
) -> None:
    await door.sign_in(login)
    for path in PRESSED.keys() - {"/sign-out"}:
        answer = await door.http.post(filled(path, door.shown.key), headers=SAME, data={"order": order})
        assert answer.status_code == status, path
        assert ("octo/shown" in answer.text) == (status == 403), path
    for path in SENT:  # a session is no signature and no token
        assert (await door.http.post(filled(path, door.shown.key), headers=SAME)).status_code == 401, path
    assert await store.orders(door.shown.id) == []


async def test_what_changes_something_is_not_done_by_looking(door: Door) -> None:
    """A link or a picture in somebody else's page sends the cookie along."""
    await door.sign_in("ann")
    for path in (PRESSED | SENT).keys() - LOOKED_AT.keys():
        for verb in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"):
            answer = await door.http.request(verb, filled(path, door.shown.key), headers=SAME)
            assert answer.status_code in {404, 405}, (verb, path)


async def test_where_nobody_signs_in_a_page_of_somebody_else_does_nothing_either(
    store: PostgresStore, tmp_path: Path
) -> None:
    """A browser at this machine opens a stranger's page, which knows where we listen."""
    site, run = web_app(settings_of(tmp_path), store), await run_in(store, 5, "octo/shown")
    transport = httpx.ASGITransport(site)
    async with site.router.lifespan_context(site), httpx.AsyncClient(transport=transport, base_url=OURS) as http:
        assert (await http.get(f"/runs/{run.key}")).status_code == 200
        rebound = {"Host": "evil.example", "Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"}
        for verb, path in ways(site.routes):
            if verb == "GET":
                continue
            for headers in ({}, FOREIGN, rebound):
                answer = await http.request(verb, filled(path, run.key), headers=headers, data={"order": "stop"})
                assert answer.status_code in {401, 403}, (path, headers)
        assert await store.orders(run.id) == []
