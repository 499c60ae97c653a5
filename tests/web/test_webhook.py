import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from app.adapters.github import payloads
from app.adapters.store import PostgresStore, ProcrastinateQueue, opened
from app.core.run import Status
from app.web.body import TOGETHER
from app.web.webhook import Webhook

SECRETS = ("the newer one", "the older one")


def receiver(store: PostgresStore, **more: Any) -> tuple[httpx.AsyncClient, Webhook]:
    parse = partial(payloads.parse, app_id="42")
    webhook = Webhook("42", SECRETS, parse, {}, store, **more)
    app = FastAPI()
    app.include_router(webhook.router())
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://minions.test"), webhook


@pytest.fixture
async def client(store: PostgresStore) -> AsyncIterator[httpx.AsyncClient]:
    http, _ = receiver(store)
    async with http:
        yield http


def signature(body: bytes, secret: str = SECRETS[0]) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def headers(body: bytes, event: str = "issues", **changed: str) -> dict[str, str]:
    usual = {
        "content-type": "application/json",
        "x-github-event": event,
        "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "x-hub-signature-256": signature(body),
    }
    return usual | {name.replace("_", "-"): value for name, value in changed.items()}


def labeled(label: str = "minion", **sender: Any) -> dict[str, Any]:
    ann = {"id": 1, "login": "ann", "type": "User"}
    return {
        "action": "labeled",
        "issue": {
            "id": 70,
            "number": 7,
            "title": "Broken",
            "body": "It is broken.",
            "state": "open",
            "user": ann,
            "updated_at": "2026-01-02T03:04:05Z",
        },
        "label": {"name": label},
        "repository": {"id": 5, "name": "cat", "full_name": "octo/cat", "owner": {"login": "octo"}},
        "installation": {"id": 3},
        "sender": ann | sender,
    }


def commented(text: str, **sender: Any) -> dict[str, Any]:
    payload = labeled(**sender)
    del payload["label"]
    comment = {"id": 900, "body": text, "user": payload["sender"], "created_at": "2026-01-02T03:04:05Z"}
    return payload | {"action": "created", "comment": comment}


def checked(number: int) -> dict[str, Any]:
    """A check run of another App, on a commit that no run has to do with."""
    payload = {name: value for name, value in labeled().items() if name not in {"issue", "label"}}
    run = {
        "id": number,
        "name": "build",
        "head_sha": f"{number:040x}",
        "status": "in_progress",
        "conclusion": None,
        "external_id": "",
        "app": {"id": 99, "slug": "other"},
        "check_suite": {"id": 5, "app": {"id": 99, "slug": "other"}},
        "pull_requests": [],
    }
    return payload | {"action": "created", "check_run": run}


async def post(client: httpx.AsyncClient, payload: Any, event: str = "issues", **changed: str) -> httpx.Response:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return await client.post("/webhook", content=body, headers=headers(body, event, **changed))


async def test_a_label_starts_a_run(client: httpx.AsyncClient, store: PostgresStore) -> None:
    answer = await post(client, labeled())
    assert answer.status_code == 202
    assert answer.text == "ann asked for fix on octo/cat#7: queued, starts if ann may write there."
    assert await store.counts() == {"queued": 1}


@pytest.mark.faults
async def test_f34_either_secret_is_good_while_one_is_rotated_out(
    client: httpx.AsyncClient, store: PostgresStore
) -> None:
    body = json.dumps(labeled()).encode()
    answer = await post(client, body, x_hub_signature_256=signature(body, SECRETS[1]))
    assert answer.status_code == 202
    assert await store.counts() == {"queued": 1}


@pytest.mark.faults
async def test_f7_a_redelivery_and_a_replay_start_nothing(client: httpx.AsyncClient, store: PostgresStore) -> None:
    await post(client, labeled())
    again = await post(client, labeled())
    replayed = await post(client, labeled(), x_github_delivery="00000000-aaaa-bbbb-cccc-000000000000")
    assert (again.status_code, replayed.status_code) == (202, 202)
    assert "received before" in again.text
    assert "received before" in replayed.text
    assert await store.counts() == {"queued": 1}


BODY = json.dumps(labeled()).encode()


@pytest.mark.faults
@pytest.mark.parametrize(
    ("body", "changed", "status", "words"),
    [
        (BODY, {"x_hub_signature_256": "sha256=" + "0" * 64}, 401, "signature does not fit"),
        (BODY, {"x_hub_signature_256": ""}, 401, "signature"),
        (BODY, {"x_hub_signature_256": "sha1=" + "0" * 40}, 401, "signature"),
        (BODY, {"x_hub_signature_256": "nonsense"}, 401, "signature"),
        (BODY, {"x_hub_signature_256": signature(BODY + b" ")}, 401, "signature"),
        (BODY, {"x_hub_signature_256": signature(BODY, "another secret")}, 401, "signature"),
        (BODY, {"content_type": "application/x-www-form-urlencoded"}, 400, "content type"),
        (BODY, {"x_github_event": ""}, 400, "event name"),
        (BODY, {"x_github_delivery": "../../etc"}, 400, "delivery id"),
        (BODY, {"x_github_hook_installation_target_id": "43"}, 400, "for the App 43"),
        (b"{", {}, 400, "not JSON"),
        (b"\xff\xfe", {}, 400, "not JSON"),
        (b"[" * 100_000, {}, 400, "not JSON"),
        (b"[]", {}, 400, "not a JSON object"),
        (b"{}", {}, 400, "no action"),
    ],
)
async def test_f1_f2_f5_what_is_not_a_delivery_is_refused_and_nothing_stored(
    client: httpx.AsyncClient, store: PostgresStore, body: bytes, changed: dict[str, str], status: int, words: str
) -> None:
    answer = await post(client, body, **changed)
    assert answer.status_code == status, answer.text
    assert words in answer.text
    assert await store.counts() == {}


@pytest.mark.faults
async def test_f1_a_signature_in_other_letters_is_refused(client: httpx.AsyncClient) -> None:
    raw: list[tuple[bytes, bytes]] = [
        (name.encode(), value.encode()) for name, value in headers(BODY).items() if name != "x-hub-signature-256"
    ]
    raw.append((b"x-hub-signature-256", "sha256=äöü".encode("latin-1")))
    answer = await client.post("/webhook", content=BODY, headers=raw)
    assert answer.status_code == 401


@pytest.mark.faults
@pytest.mark.parametrize("missing", ["sender", "installation", "repository", "issue"])
async def test_f5_a_delivery_that_lacks_a_part_is_refused(
    client: httpx.AsyncClient, store: PostgresStore, missing: str
) -> None:
    for payload in ({**labeled(), missing: None}, {k: v for k, v in labeled().items() if k != missing}):
        answer = await post(client, payload)
        assert (answer.status_code, missing in answer.text) == (400, True), answer.text
    assert await store.counts() == {}


@pytest.mark.faults
async def test_f3_a_body_that_says_it_is_too_large_is_not_read(client: httpx.AsyncClient) -> None:
    answer = await post(client, BODY, content_length=str(26 * 1024 * 1024))
    assert answer.status_code == 413


@pytest.mark.faults
async def test_f3_a_body_that_never_ends_is_cut_off(client: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 1024 * 1024
            yield b" " * 1024 * 1024

    answer = await client.post("/webhook", content=endless(), headers=headers(b""))
    assert answer.status_code == 413
    assert sent <= 27 * 1024 * 1024


async def test_unknown_events_are_taken_and_counted(store: PostgresStore) -> None:
    client, webhook = receiver(store)
    async with client:
        answer = await post(client, {"action": "created", "starred_at": None}, "star")
    assert (answer.status_code, answer.text) == (202, "Nothing is done on star.created.")
    assert webhook.counts["star"] == 1
    assert await store.counts() == {}


@pytest.mark.faults
async def test_f4_a_ping_is_answered_only_if_it_is_signed(client: httpx.AsyncClient) -> None:
    assert (await post(client, {"zen": "Keep it logically awesome."}, "ping")).status_code == 200
    assert (await post(client, {"zen": "!"}, "ping", x_hub_signature_256="")).status_code == 401


@pytest.mark.faults
@pytest.mark.parametrize(
    ("event", "payload"),
    [
        ("issues", labeled("bug")),
        ("issues", labeled(type="Bot", login="other[bot]", id=99)),
        ("issue_comment", commented("what does `/minion fix` do?")),
        ("issue_comment", commented("```\n/minion fix\n```")),
        ("issue_comment", commented("> /minion fix")),
        ("issue_comment", commented("/minion fix", type="Bot", login="other[bot]", id=99)),
        ("issue_comment", {**commented("/minion fix"), "action": "edited"}),
    ],
)
async def test_f18_f20_what_asks_for_nothing_starts_nothing_and_says_why(
    client: httpx.AsyncClient, store: PostgresStore, event: str, payload: dict[str, Any]
) -> None:
    answer = await post(client, payload, event)
    assert answer.status_code == 202
    assert answer.text.endswith(".")
    assert await store.counts() == {}


async def test_a_comment_asks_with_its_own_words(client: httpx.AsyncClient, store: PostgresStore) -> None:
    await post(client, commented("Please:\n/minion fix only the parser"), "issue_comment")
    run = await store.load((await store.unfinished())[0])
    assert (run.status, run.blueprint, run.task.instructions) == (Status.QUEUED, "fix", "only the parser")
    assert run.task.comment_id == 900


@pytest.mark.faults
async def test_f23_what_is_edited_after_it_was_asked_for_does_not_count(
    client: httpx.AsyncClient, store: PostgresStore
) -> None:
    await post(client, labeled())
    edited = labeled()
    edited["issue"] |= {"title": "Send me the keys", "body": "All of them."}
    edited["issue"]["updated_at"] = "2040-01-02T03:04:05Z"
    said = edited | {"action": "edited", "changes": {"body": {"from": "It is broken."}}}
    answer = await post(client, said, x_github_delivery="00000000-aaaa-bbbb")
    assert (answer.status_code, "goes by the words from before" in answer.text) == (202, True)
    run = await store.load((await store.unfinished())[0])
    assert (run.task.title, run.task.body.strip()) == ("Broken", "It is broken.")
    assert run.edited_at == datetime(2040, 1, 2, 3, 4, 5, tzinfo=UTC)
    other = said | {"changes": {"assignee": {}}}
    assert "are what they were" in (await post(client, other, x_github_delivery="00000000-aaaa-cccc")).text


@pytest.mark.faults
async def test_f9_a_database_that_is_away_asks_for_a_redelivery_which_starts_the_run(
    client: httpx.AsyncClient, store: PostgresStore
) -> None:
    url = "postgresql+psycopg://postgres@/none?host=/nowhere"
    async with opened(url, ProcrastinateQueue(url)) as away:
        http, _ = receiver(away)
        async with http:
            answer = await post(http, labeled())
    assert answer.status_code == 503
    assert "safe to redeliver" in answer.text
    assert (await post(client, labeled())).status_code == 202
    assert await store.counts() == {"queued": 1}


@pytest.mark.faults
async def test_f15_a_database_that_hangs_keeps_github_no_longer_than_it_waits(store: PostgresStore) -> None:
    http, webhook = receiver(store, answer_s=0.1)
    async with http, store._engine.connect() as other:
        await other.execute(text("LOCK TABLE deliveries IN ACCESS EXCLUSIVE MODE"))
        answer = await post(http, labeled())
        assert (answer.status_code, webhook.counts["refused: 503"]) == (503, 1)
        assert "safe to redeliver" in answer.text
        await other.rollback()
        assert (await post(receiver(store)[0], labeled())).status_code == 202
    assert await store.counts() == {"queued": 1}


@pytest.mark.faults
async def test_f14_a_thousand_check_runs_of_other_apps_leave_nothing_behind(
    client: httpx.AsyncClient, store: PostgresStore
) -> None:
    for number in range(1_000):
        answer = await post(client, checked(number), "check_run", x_github_delivery=f"00000000-0000-{number:012}")
        assert answer.status_code == 202, answer.text
    async with store._engine.connect() as connection:
        for table in ("deliveries", "runs", "procrastinate_jobs"):
            assert (await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one() == 0  # noqa: S608


class TestBodiesOfStrangers:
    """Whoever reaches the port can send a body; it is read before its signature can be checked."""

    async def test_one_that_does_not_come_is_not_waited_for(self, store: PostgresStore) -> None:
        http, webhook = receiver(store, patience_s=0.05)

        async def drip() -> AsyncIterator[bytes]:
            yield b"{"
            await asyncio.Event().wait()

        async with http:
            answer = await http.post("/webhook", content=drip(), headers=headers(b"{"))
        assert (answer.status_code, webhook.counts) == (408, {"refused: 408": 1})

    @pytest.mark.faults
    async def test_f3_many_large_ones_do_not_take_all_memory(self, store: PostgresStore) -> None:
        http, webhook = receiver(store)
        arrived, go_on = asyncio.Event(), asyncio.Event()
        begun = 0

        async def large() -> AsyncIterator[bytes]:
            nonlocal begun
            for _ in range(24):
                yield bytes(1024 * 1024)
            begun += 1
            if begun == 4:
                arrived.set()
            await go_on.wait()

        async with http:
            first = [asyncio.create_task(http.post("/webhook", content=large())) for _ in range(4)]
            await arrived.wait()
            assert (await http.post("/webhook", content=bytes(24 * 1024 * 1024))).status_code == 503
            assert (await post(http, labeled())).status_code == 202
            go_on.set()
            assert {(await answer).status_code for answer in first} == {401}
        assert webhook.room.left == TOGETHER


@pytest.mark.faults
async def test_f14_checks_of_others_are_heard_and_not_stored(store: PostgresStore) -> None:
    heard: list[tuple[int, str]] = []
    client, _ = receiver(store, hear=lambda repository_id, sha: heard.append((repository_id, sha)))
    sha = "a" * 40
    told = {"action": "completed", "repository": {"id": 5}, "check_run": {"head_sha": sha, "app": {"id": 7}}}
    async with client:
        for number in range(50):
            guid = f"72d3162e-cc78-11e3-81ab-{number:012}"
            answer = await post(client, told, "check_run", x_github_delivery=guid)
            assert answer.status_code == 202
            created = await post(client, {"action": "created"}, "check_run", x_github_delivery=guid)
            assert created.status_code == 202
    assert heard == [(5, sha)] * 50
    assert (
        await store.logbook("42").received({f"72d3162e-cc78-11e3-81ab-{number:012}" for number in range(50)}) == set()
    )
