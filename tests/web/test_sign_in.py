"""Signing in, with a real GitHub on loopback and a browser that only keeps cookies."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest

from app.adapters.store import PostgresStore
from app.core.run import Run
from tests.web.door import SAME, Door, opened_door


@pytest.fixture
async def door(store: PostgresStore, tmp_path: Path) -> AsyncIterator[Door]:
    async with opened_door(store, tmp_path) as door:
        yield door


async def test_who_signs_in_sees_the_runs_of_what_they_can_read(door: Door) -> None:
    back = await door.sign_in("tim", f"/runs/{door.shown.key}")
    assert back.headers["location"] == f"/runs/{door.shown.key}"
    cookie = next(one for one in back.headers.get_list("set-cookie") if one.startswith("minions="))
    assert {"HttpOnly", "SameSite=lax"} <= {part.strip() for part in cookie.split(";")}
    assert "ghu_" not in str(back.headers)
    page = await door.http.get(f"/runs/{door.shown.key}")
    assert page.status_code == 200
    assert "tim" in page.text
    assert "Stop" not in page.text
    listed = (await door.http.get("/overview")).text
    assert "octo/shown" in listed
    assert "octo/secret" not in listed
    for path in ("", "/live", "/change.patch", "/events/0/0"):
        assert (await door.http.get(f"/runs/{door.secret.key}{path}")).status_code == 404


async def test_who_may_write_may_stop_and_who_may_only_read_may_not(door: Door, store: PostgresStore) -> None:
    async def stop(run: Run) -> int:
        pressed = await door.http.post(f"/runs/{run.key}/orders", data={"order": "stop"}, headers=SAME)
        return pressed.status_code

    await door.sign_in("tim")
    assert await stop(door.shown) == 403
    await door.sign_in("ann")
    assert "Stop" in (await door.http.get(f"/runs/{door.shown.key}")).text
    assert await stop(door.secret) == 404
    assert await stop(door.shown) == 303
    given = await store.orders(door.shown.id)
    assert [(one.order.kind, one.requester.login if one.requester else "") for one in given] == [("stop", "ann")]


async def test_who_signed_out_is_out(door: Door) -> None:
    await door.sign_in("ann")
    kept = {"Cookie": f"minions={door.http.cookies['minions']}"}
    assert (await door.http.post("/sign-out", headers={"Origin": "https://evil.example"})).status_code == 403
    assert (await door.http.get("/overview")).status_code == 200
    out = await door.http.post("/sign-out", headers=SAME)
    assert (out.status_code, 'href="/sign-in"' in out.text) == (200, True)
    assert (await door.http.get("/overview", headers=kept)).status_code == 303
    assert (await door.http.post(f"/runs/{door.shown.key}/orders", headers=SAME)).status_code == 401


@pytest.mark.parametrize("path", ["/", "/overview", "/overview/runs.csv", "/runs/{key}", "/runs/{key}/change.patch"])
async def test_a_stranger_is_sent_to_sign_in_and_told_nothing(door: Door, path: str) -> None:
    answer = await door.http.get(path.format(key=door.shown.key))
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in?next=%2F")
    assert answer.text == ""
    assert (await door.http.get(f"/runs/{door.shown.key}/statement")).status_code == 404  # signed, and by its key alone


@pytest.mark.parametrize("wanted", ["https://evil.example", "//evil.example", "/\\evil.example", "/x\\y", "/a\nb", ""])
async def test_nobody_is_led_elsewhere_after_signing_in(door: Door, wanted: str) -> None:
    to_github = await door.http.get("/sign-in", params={"next": wanted})
    query = urlsplit(to_github.headers["location"]).query
    back = await door.github.get(f"{door.hub.url}/login/oauth/approve?{query}&login=ann")
    assert (await door.http.get(back.headers["location"])).headers["location"] == "/overview"


async def test_a_code_that_was_not_fetched_here_opens_nothing(door: Door) -> None:
    """Somebody signs in and gives another person the address that they were sent back to."""
    theirs = await door.http.get("/sign-in")
    query = urlsplit(theirs.headers["location"]).query
    back = (await door.github.get(f"{door.hub.url}/login/oauth/approve?{query}&login=eve")).headers["location"]
    door.http.cookies.clear()
    assert (await door.http.get(back)).status_code == 400
    await door.http.get("/sign-in")
    assert (await door.http.get(back)).status_code == 400  # the state is another one
    state = parse_qs(urlsplit((await door.http.get("/sign-in")).headers["location"]).query)["state"][0]
    code = parse_qs(urlsplit(back).query)["code"][0]
    assert (await door.http.get("/signed-in", params={"state": state, "code": code})).status_code == 403
    assert (await door.http.get("/overview")).status_code == 303


@pytest.mark.parametrize("key", [b"", b"another key of thirty-two bytes!!"])
async def test_a_cookie_that_somebody_made_is_none(door: Door, key: bytes) -> None:
    claims = {"word": "x", "aud": "session", "exp": 4_000_000_000}
    forged = jwt.encode(claims, key or None, algorithm="HS256" if key else "none")  # type: ignore[arg-type]
    assert (await door.http.get("/overview", headers={"Cookie": f"minions={forged}"})).status_code == 303


async def test_no_token_and_no_word_of_a_session_is_kept(door: Door, store: PostgresStore) -> None:
    await door.sign_in("ann")
    cookie = jwt.decode(door.http.cookies["minions"], options={"verify_signature": False})
    async with store._engine.connect() as connection:
        kept = str((await connection.exec_driver_sql("SELECT * FROM sessions")).all())
    assert "ann" in kept
    assert "ghu_" not in kept
    assert cookie["word"] not in kept
