from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import httpx
import pytest
from fastapi import FastAPI

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
from app.web.pages import Pages
from app.web.record import MOST_LINES, MOST_WIDE, diff, rows
from blueprints import BLUEPRINTS

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
async def client(store: PostgresStore) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.include_router(Pages(store, BLUEPRINTS, github_url="https://github.test").router())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://minions.test") as http:
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
    Opened(messages=({"role": "user", "content": f"Do it {HOSTILE}"},), model="some/model"),
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
    assert '<a href="https://github.test/octo/cat/issues/7">#7</a>' in page
    assert 'http-equiv="refresh"' in page
    assert 'http-equiv="refresh"' not in (await client.get(f"/runs/{run.key}?still")).text
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 7


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
    assert "<script" not in page


async def test_a_blueprint_may_call_something_else_evidence(client: httpx.AsyncClient, store: PostgresStore) -> None:
    run = await started(store)
    await store.save(run.model_copy(update={"status": Status.RUNNING, "state": {"evidence": "a sentence"}}))
    assert "Commands" not in (await client.get(f"/runs/{run.key}")).text


async def test_a_page_that_loads_nothing_from_elsewhere_and_runs_no_script(
    client: httpx.AsyncClient, store: PostgresStore
) -> None:
    run = await started(store)
    answer = await client.get(f"/runs/{run.key}")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "http://" not in answer.text.replace("http://minions.test", "")


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


def test_rows_end_with_the_nodes_ahead() -> None:
    nodes = [(node.name, node.title, node.kind) for node in BLUEPRINTS["fix"].edges]
    run = Run(
        id=1,
        key="k",
        task=TASK,
        blueprint="fix",
        blueprint_version=1,
        status=Status.RUNNING,
        at="implement",
        state={},
        visits=(visit("prepare"),),
        asked_at=TASK.asked_at,
    )
    marks = [row.mark for row in rows(run, nodes, [])]
    assert marks == ["done", "at work", *["ahead"] * (len(nodes) - 2)]


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
