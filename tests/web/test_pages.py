import asyncio
import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import httpx
import pytest
from fastapi import FastAPI
from markupsafe import escape

from app.adapters.store import PostgresStore
from app.core.blueprint import Kind
from app.core.budget import Usage
from app.core.evidence import Evidence, Where
from app.core.journal import (
    Closed,
    Entry,
    Masked,
    Mended,
    ModelAnswered,
    Opened,
    Switched,
    ToolCalled,
    ToolReturned,
)
from app.core.run import Run, Status, Visit
from app.core.store import Draft
from app.core.task import Person, Repository, Task
from app.web.access import Access, OnLoopback, Shut
from app.web.change import MOST_BYTES, MOST_LINES, MOST_WIDE, diff, files
from app.web.frame import Frame
from app.web.html import Paper
from app.web.live import Live
from app.web.pages import Pages
from blueprints import BLUEPRINTS

HOSTILE = "<script>alert(1)</script>"


@asynccontextmanager
async def browsing(
    store: PostgresStore, access: Access, base_url: str = "http://127.0.0.1:8030"
) -> AsyncIterator[httpx.AsyncClient]:
    pages = Pages(
        store,
        store.reader(),
        BLUEPRINTS,
        access,
        github_url="https://github.test",
        own_url=base_url,
        budget_usd=6.0,
    )
    app = FastAPI()
    app.include_router(pages.router())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base_url) as http:
        yield http
    await pages.live.close()


@pytest.fixture
async def client(store: PostgresStore) -> AsyncIterator[httpx.AsyncClient]:
    async with browsing(store, OnLoopback()) as http:
        yield http


TASK = Task(
    repository=Repository(id=5, full_name="octo/cat", installation_id=3),
    number=7,
    title=f"Broken {HOSTILE}",
    body=HOSTILE,
    requester=Person(id=1, login="ann"),
    asked_at=datetime(2026, 1, 2, tzinfo=UTC),
)


async def started(store: PostgresStore) -> Run:
    draft = Draft(intent="one", task=TASK, blueprint="fix", blueprint_version=1, start="prepare")
    receipt = await store.accept(None, draft, "why")
    return await store.load(receipt.run_id or 0)


def visit(node: str, kind: Kind = Kind.STEP) -> Visit:
    at = datetime(2026, 1, 2, tzinfo=UTC)
    return Visit(node=node, title=node.title(), kind=kind, outcome="changed", started_at=at, seconds=1)


JOURNAL: Sequence[Entry] = [
    Opened(
        messages=({"role": "user", "content": f"Do it {HOSTILE}"},),
        model="some/model",
        tokens={"contract": 900, "rules": 1_200, "issue": 300, "orientation": 1_100, "linked": 0},
    ),
    ModelAnswered(
        turn=1,
        message={"role": "assistant", "content": f"I say {HOSTILE}"},
        usage=Usage(turns=1, input_tokens=1_000, output_tokens=5, usd=0.5),
        finish_reason="tool_calls",
        seconds=2,
    ),
    ToolCalled(call_id="c", tool="bash", arguments={"command": f"echo {HOSTILE}"}),
    ToolReturned(call_id="c", text=f"told {HOSTILE}", ok=True, seconds=1),
    Masked(places=(2, 4)),
    Switched(model="second/model", why=f"busy {HOSTILE}"),
    Mended(),
    ToolCalled(call_id="d", tool="submit", arguments={"summary": "done"}),
    Closed(result={"kind": "submission", "summary": f"It works {HOSTILE}"}),
]


async def test_the_page_shows_turns_calls_and_the_change(client: httpx.AsyncClient, store: PostgresStore) -> None:
    run = await started(store)
    visits = (visit("prepare"), visit("implement", Kind.AGENT))
    patch = b"diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-old\n+new " + HOSTILE.encode() + b"\n"
    for entry in JOURNAL:
        await store.journal(run.id, 1).append(entry)
    saved = run.model_copy(update={"status": Status.RUNNING, "at": "lint", "visits": visits})
    await store.save(saved, patch=patch)
    page = (await client.get(f"/runs/{run.key}")).text
    shown = ("Implement", "Tidy the code", "at work", "I say", "told", "1,000 tokens read", "+new")
    for words in (*shown, "2 older results", "second/model goes on", "a form that"):
        assert words in page, words
    for words in ("contract 900<", "rules 1,200 of 8,000", "orientation 1,100 of 2,000", "together about 3,500 tokens"):
        assert words in page, words
    assert '<a href="https://github.test/octo/cat/issues/7">#7</a>' in page
    assert page.count("<script") == 1
    assert page.count("&lt;script&gt;") >= 7


async def test_each_entry_has_an_address_and_is_shown_in_full(client: httpx.AsyncClient, store: PostgresStore) -> None:
    run = await started(store)
    for entry in JOURNAL:
        await store.journal(run.id, 0).append(entry)
    page = (await client.get(f"/runs/{run.key}")).text
    for number, words in {0: "Do it", 1: "I say", 2: "echo", 3: "told", 5: "busy", 8: "It works"}.items():
        address = f"/runs/{run.key}/events/0/{number}"
        assert f'"{address}"' in page or number == 5, number
        for shown in ((await client.get(address)).text, (await client.get(f"{address}?part")).text):
            assert f"{words} &lt;script&gt;" in shown
            assert "<script" not in shown
    assert (await client.get(f"/runs/{run.key}/events/0/99")).status_code == 404
    last = (await client.get(f"/runs/{run.key}/events/0/{len(JOURNAL) - 1}")).text
    assert "Entry before" in last
    assert "Entry after" not in last
    assert "Entry after" in (await client.get(f"/runs/{run.key}/events/0/0")).text


async def test_the_page_shows_the_commands_and_what_they_reached(
    client: httpx.AsyncClient, store: PostgresStore
) -> None:
    run = await started(store)
    connections = ("connected: pypi.org:443, 10 bytes up, 20 down", f"refused: {HOSTILE} is not an allowed registry")
    installed = Evidence(command="npm ci", exit_code=7, seconds=2, where=Where.SET_UP, connections=connections)
    state = {"evidence": [installed.model_dump(mode="json")]}
    await store.save(run.model_copy(update={"status": Status.RUNNING, "state": state}))
    page = (await client.get(f"/runs/{run.key}")).text
    for words in ("set-up", "npm ci", "exit code 7", connections[0], "is not an allowed registry"):
        assert words in page, words
    assert page.count("<script") == 1


@pytest.mark.parametrize(("detail", "shown"), [("Which release?", "Which release?"), ("", "needs_human")])
async def test_who_gave_up_says_why_in_their_own_words(
    client: httpx.AsyncClient, store: PostgresStore, detail: str, shown: str
) -> None:
    run = await started(store)
    gave_up = {"kind": "gave up", "reason": "needs_human", "detail": detail}
    await store.journal(run.id, 0).append(Closed(result=gave_up))
    ended = {"status": Status.DONE, "error": f"It gave up: {detail}", "visits": (visit("implement", Kind.AGENT),)}
    await store.save(run.model_copy(update=ended))
    page = (await client.get(f"/runs/{run.key}")).text
    assert f'<p class="said result">{shown}</p>' in page
    assert '<strong class="status nothing">done</strong>' in page, "nothing that looks like a success"


async def test_a_reviewer_is_told_in_short_what_was_done_and_what_shows_it(
    client: httpx.AsyncClient, store: PostgresStore
) -> None:
    run = await started(store)
    ran = [Evidence(command="pytest", exit_code=code, seconds=1, where=Where.NEW_TESTS) for code in (1, 0)]
    state = {"summary": f"Accents are kept. {HOSTILE}", "evidence": [one.model_dump(mode="json") for one in ran]}
    assert "In short" not in (await client.get(f"/runs/{run.key}")).text
    await store.save(run.model_copy(update={"status": Status.RUNNING, "state": state}))
    page = (await client.get(f"/runs/{run.key}")).text
    short = page[page.index("In short") : page.index('aria-label="On this page"')]
    for words in ("Accents are kept. &lt;script&gt;", "The new tests fail without the change."):
        assert words in short
    assert '<td class="good">exit code 1, as it should</td>' in page
    assert '<td class="bad">exit code 0, so it shows nothing</td>' in page


async def test_a_blueprint_may_call_something_else_evidence(client: httpx.AsyncClient, store: PostgresStore) -> None:
    run = await started(store)
    await store.save(run.model_copy(update={"status": Status.RUNNING, "state": {"evidence": "a sentence"}}))
    assert ">None.<" in (await client.get(f"/runs/{run.key}")).text


async def test_a_page_that_loads_nothing_from_elsewhere_and_runs_no_script_but_ours(
    client: httpx.AsyncClient, store: PostgresStore
) -> None:
    run = await started(store)
    answer = await client.get(f"/runs/{run.key}")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy
    assert answer.headers["referrer-policy"] == "same-origin"
    assert "http://" not in answer.text.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert " style=" not in answer.text
    assert re.findall(r"<[^>]+ on[a-z]+=", answer.text) == []


@pytest.mark.parametrize("key", ["1", "nothing", "../../etc/passwd"])
async def test_a_run_is_found_by_its_key_only(client: httpx.AsyncClient, store: PostgresStore, key: str) -> None:
    await started(store)
    answer = await client.get(f"/runs/{key}")
    assert answer.status_code == 404


async def test_home_lists_the_blueprints_and_no_run(client: httpx.AsyncClient, store: PostgresStore) -> None:
    run = await started(store)
    page = (await client.get("/")).text
    assert "/minion fix" in page
    assert run.key not in page


@pytest.mark.parametrize(
    ("access", "host", "status"),
    [
        (OnLoopback(), "127.0.0.1:8030", 200),
        (OnLoopback(), "localhost:8030", 200),
        (OnLoopback(), "evil.example", 403),
        (Shut(), "127.0.0.1:8030", 503),
    ],
)
async def test_who_sees_pages_where_nobody_can_sign_in(
    store: PostgresStore, access: Access, host: str, status: int
) -> None:
    run = await started(store)
    async with browsing(store, access) as http:
        for path in (f"/runs/{run.key}", f"/runs/{run.key}/live", f"/runs/{run.key}/change.patch"):
            async with http.stream("HEAD" if "live" in path else "GET", path, headers={"Host": host}) as answer:
                assert answer.status_code in {status, 405}
        assert (await http.get("/.well-known/minions-signing-keys.pem")).status_code == 404


@pytest.mark.parametrize(
    ("headers", "order", "status", "told"),
    [
        ({"Origin": "http://127.0.0.1:8030"}, "stop", 303, ("stop",)),
        ({"Sec-Fetch-Site": "same-origin"}, "wrap up", 303, ("wrap up",)),
        ({"Origin": "https://evil.example"}, "stop", 403, ()),
        ({"Origin": "null"}, "stop", 403, ()),
        ({"Sec-Fetch-Site": "cross-site"}, "stop", 403, ()),
        ({}, "stop", 403, ()),
        ({"Origin": "http://127.0.0.1:8030"}, "discard", 400, ()),
        ({"Origin": "http://127.0.0.1:8030"}, "x" * 5_000, 413, ()),
    ],
)
async def test_buttons_work_on_our_own_pages_only(
    client: httpx.AsyncClient, store: PostgresStore, headers: dict[str, str], order: str, status: int, told: object
) -> None:
    run = await started(store)
    await store.save(run.model_copy(update={"status": Status.RUNNING}))
    answer = await client.post(f"/runs/{run.key}/orders", data={"order": order}, headers=headers)
    assert answer.status_code == status
    assert (await store.reader().standing(run.key)).told == told


async def test_who_looks_on_is_told_what_changes_and_when_it_is_over(store: PostgresStore) -> None:
    run = await started(store)
    await store.save(run.model_copy(update={"status": Status.RUNNING}))
    run = await store.load(run.id)

    def make(key: str) -> Frame:
        return Frame(
            key,
            store.reader(),
            Paper(),
            github_url="https://github.test",
            blueprint_of=BLUEPRINTS.get,
            budget_usd=6.0,
        )

    live = Live(store.reader(), make, every_s=0.01)
    frame = await live.frame(run.key)
    watchers = [live.watch(run.key, frame.mark, frame.seq) for _ in range(3)]
    firsts = [asyncio.ensure_future(anext(watcher)) for watcher in watchers]
    for entry in JOURNAL:
        await store.journal(run.id, 0).append(entry)
    seen = [await first for first in firsts]
    assert {kind for _, kind, _ in seen} == {"put"}
    ended = {"status": Status.DONE, "ended_at": datetime(2026, 1, 3, tzinfo=UTC), "is_reported": True}
    await store.save(run.model_copy(update=ended), patch=b"diff --git a/x b/x\n@@ -0,0 +1 @@\n+new\n")
    for first, watcher in zip(seen, watchers, strict=True):
        rest = [first, *[step async for step in watcher]]
        assert rest[-1][1] == "end"
        pieces = {piece["id"]: piece["html"] for _, kind, data in rest if kind == "put" for piece in json.loads(data)}
        assert "I say &lt;script&gt;" in pieces["e-0-1"]
        assert 'data-state="ended"' in pieces["head"]
        assert any("+new" in html for name, html in pieces.items() if name.startswith("f-"))
    await live.close()


async def test_a_run_that_has_ended_is_made_once_and_goes_on_being_shown_when_it_is_begun_again(
    store: PostgresStore,
) -> None:
    made: list[Frame] = []

    def make(key: str) -> Frame:
        facts = ("https://github.test", BLUEPRINTS.get, 6.0)
        made.append(Frame(key, store.reader(), Paper(), *facts))
        return made[-1]

    ended = {"status": Status.DONE, "ended_at": datetime(2026, 1, 3, tzinfo=UTC), "is_reported": True}
    run = await store.save((await started(store)).model_copy(update=ended))
    live = Live(store.reader(), make)
    assert await live.frame(run.key) is await live.frame(run.key)
    again = {"status": Status.RUNNING, "ended_at": None, "is_reported": False}
    await store.save(run.model_copy(update=again))
    frame = await live.frame(run.key)
    assert frame.run.status is Status.RUNNING
    assert 'data-state="going"' in frame.pieces["head"].html
    assert len(made) == 1
    await live.close()


def test_lines_of_a_diff_have_styles() -> None:
    patch = b"diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-old\n+new\xff\n same\n"
    styles = ["header", "header", "header", "place", "deleted", "added", "same"]
    assert [style for style, _ in diff(patch)] == styles


@pytest.mark.injection
def test_a_line_of_a_diff_is_one_line_and_shows_what_is_in_it() -> None:
    patch = "@@ -1 +1 @@\n+a\x0c-b\u2028@@ c\rd\u202ee\n".encode()
    assert list(diff(patch)) == [("place", "@@ -1 +1 @@"), ("added", r"+a\x0c-b\u2028@@ c\rd\u202ee")]


@pytest.mark.hostile
def test_of_a_large_diff_the_beginning_is_shown() -> None:
    shown = list(diff(b"@@ -0,0 +1,900000 @@\n" + b"+a\n" * 900_000))
    assert len(shown) == MOST_LINES + 1
    assert shown[-1] == ("header", "… 2,685,003 more bytes are left out here.")
    assert len(next(diff(b"+" + b"a" * 9_000_000 + b"\n"))[1]) < MOST_WIDE + 10


@pytest.mark.hostile
@pytest.mark.parametrize("letter", ["a", '"', "&", "é", "\u2028", "\x00"])
def test_a_diff_has_room_for_what_it_becomes_on_a_page(letter: str) -> None:
    line = f"+{letter * (1_000 // len(letter.encode()))}\n".encode()
    wide = list(diff(b"@@ -0,0 +1,4000 @@\n" + line * 4_000))
    assert sum(len(escape(line).encode()) for _, line in wide) < MOST_BYTES + 6 * MOST_WIDE
    assert wide[-1][1].endswith("more bytes are left out here.")


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("diff --git a/x b/x", "x"),
        ("diff --git a/a b.py b/a b.py", "a b.py"),
        ("diff --git a/old.py b/new.py", "new.py"),
        ('diff --git "a/\\303" "b/\\303"', "\\303"),
    ],
)
def test_files_of_a_change_have_their_names(header: str, name: str) -> None:
    found = files(f"{header}\nindex 1..2 100644\n--- a/x\n+++ b/x\n@@ -1 +1 @@\n-old\n+new\n".encode())
    assert [(file.added, file.deleted, file.lines[0]) for file in found] == [(1, 1, ("place", "@@ -1 +1 @@"))]
    assert name in found[0].name


async def test_the_signed_statement_of_a_run_is_given_to_the_byte(
    client: httpx.AsyncClient, store: PostgresStore
) -> None:
    run = await started(store)
    assert (await client.get(f"/runs/{run.key}/statement")).status_code == 404
    assert (await client.get("/runs/nobody/statement")).status_code == 404
    assert "Signed statement" not in (await client.get(f"/runs/{run.key}")).text
    await store.keep_statement(run.id, "a" * 40, '{"payload":  "older"}')
    await store.keep_statement(run.id, "b" * 40, '{"payload":  "newer"}')
    answer = await client.get(f"/runs/{run.key}/statement")
    assert answer.text == '{"payload":  "newer"}'
    assert answer.headers["content-type"] == "application/vnd.dsse.envelope.v1+json"
    assert "Signed statement" in (await client.get(f"/runs/{run.key}")).text


async def test_a_later_word_about_the_same_commit_replaces_the_earlier(
    client: httpx.AsyncClient, store: PostgresStore
) -> None:
    run = await started(store)
    for text in ("one", "two"):
        await store.keep_statement(run.id, "a" * 40, text)
    assert (await client.get(f"/runs/{run.key}/statement")).text == "two"


async def test_public_keys_are_at_a_well_known_place(client: httpx.AsyncClient, store: PostgresStore) -> None:
    assert (await client.get("/.well-known/minions-signing-keys.pem")).status_code == 404
    for name in ("one", "two", "one"):
        await store.keep_signing_key(name, f"{name}\n")
    assert (await client.get("/.well-known/minions-signing-keys.pem")).text == "one\ntwo\n"
