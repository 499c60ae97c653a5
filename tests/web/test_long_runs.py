"""The page of a very long run: it stays small, and every event of it has an address."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest
from fastapi import FastAPI

from app.adapters.store import PostgresStore
from app.core.errors import NotFound
from app.core.glance import Place
from app.core.run import Run, Status
from app.core.store import Draft
from app.core.task import Person, Repository, Task
from app.web.access import OnLoopback
from app.web.pages import Pages
from app.web.record import Item
from app.web.stretches import LENGTH, MOST_BYTES, MOST_OPEN, Stretches
from blueprints import BLUEPRINTS
from tests.turns import write

TURNS = 1_250
"""Of four entries each: 5,000 events."""


@pytest.fixture
async def run(store: PostgresStore) -> Run:
    task = Task(
        repository=Repository(id=5, full_name="octo/cat", installation_id=3),
        number=7,
        title="Broken",
        body="",
        requester=Person(id=1, login="ann"),
        asked_at=datetime(2026, 1, 2, tzinfo=UTC),
    )
    draft = Draft(intent="one", task=task, blueprint="fix", blueprint_version=1, start="implement")
    asked = await store.load((await store.accept(None, draft, "why")).run_id or 0)
    return await store.save(asked.model_copy(update={"status": Status.RUNNING, "at": "implement"}))


@pytest.fixture
async def pages(store: PostgresStore) -> AsyncIterator[Pages]:
    here = "http://127.0.0.1:8030"
    made = Pages(
        *(store, store.reader(), BLUEPRINTS, OnLoopback()), github_url="https://g.test", own_url=here, budget_usd=6.0
    )
    yield made
    await made.live.close()


@pytest.fixture
async def client(pages: Pages) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.include_router(pages.router())
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8030") as http:
        yield http


async def test_the_page_of_5000_events_stays_under_2_mb_and_leads_to_each_of_them(
    client: httpx.AsyncClient, pages: Pages, database_url: str, run: Run
) -> None:
    await asyncio.to_thread(write, database_url, run.id, 1, TURNS)
    page = await client.get(f"/runs/{run.key}")
    assert len(page.content) < 2_000_000
    frame = await pages.live.frame(run.key)
    assert len(frame.since(0).encode()) < 2_000_000, "whoever comes again is sent less than a page, too"
    folded = re.findall(rf'data-turns="(/runs/{run.key}/turns/\d+/\d+)"', page.text)
    assert page.text.count('class="turn"') + len(folded) * LENGTH == TURNS
    found = linked(page.text)
    for address in folded:
        whole, part = (await client.get(address)).text, (await client.get(f"{address}?part")).text
        assert linked(part) == linked(whole) & linked(part)
        assert "<html" not in part
        found |= linked(part)
    assert found == set(range(4 * TURNS))


async def test_one_who_looks_on_sees_what_is_new_and_what_is_folded_for_it(
    pages: Pages, database_url: str, run: Run
) -> None:
    await asyncio.to_thread(write, database_url, run.id, 1, LENGTH * MOST_OPEN, words=3)
    frame = await pages.live.frame(run.key)
    seen = frame.seq
    assert not any('class="older"' in piece.html for piece in frame.pieces.values())
    one_more = LENGTH * MOST_OPEN + 1
    await asyncio.to_thread(write, database_url, run.id, one_more, one_more)
    await frame.look()
    pieces = {piece["id"]: piece for piece in json.loads(frame.since(seen))}
    assert 'class="older"' in pieces["s-0-0"]["html"]
    newest = 4 * LENGTH * MOST_OPEN
    assert pieces[f"s-0-{newest}"]["into"] == "vl-0"
    assert pieces[f"e-0-{newest}"]["into"] == f"s-0-{newest}"
    assert "e-0-0" not in frame.pieces


async def test_an_entry_leads_back_to_its_turn_wherever_that_is(
    client: httpx.AsyncClient, database_url: str, run: Run
) -> None:
    await asyncio.to_thread(write, database_url, run.id, 1, TURNS)
    for number, place in ((3, f"/runs/{run.key}/turns/0/0#e-0-0"), (4 * TURNS - 1, f"#e-0-{4 * TURNS - 4}")):
        entry = (await client.get(f"/runs/{run.key}/events/0/{number}")).text
        (address,) = re.findall(rf'href="(\S*{re.escape(place)})"', entry)
        path, _, anchor = address.partition("#")
        assert f'id="{anchor}"' in (await client.get(path)).text
    assert (await client.get(f"/runs/{run.key}/turns/9/0")).status_code == 404
    assert (await client.get("/runs/nobody/turns/0/0")).status_code == 404


def linked(page: str) -> set[int]:
    return {int(number) for number in re.findall(r'href="/runs/\S+/events/0/(\d+)"', page)}


# -- Pure ------------------------------------------------------------------------------------------------------------
def items(visit: int, count: int, first: int = 0) -> list[Item]:
    return [Item(visit, number, turn=number + 1) for number in range(first, first + count)]


@pytest.mark.parametrize(
    ("counts", "size", "folded"),
    [
        ([LENGTH * MOST_OPEN], 10, []),
        ([LENGTH * MOST_OPEN + 1], 10, ["Turns 1 to 50"]),
        ([1] * (MOST_OPEN + 2), 10, ["Turn 1", "Turn 1"]),  # few turns, in many visits
        ([LENGTH * 3], MOST_BYTES // LENGTH, ["Turns 1 to 50", "Turns 51 to 100"]),  # much is said in each
        ([1], 10 * MOST_BYTES, []),  # the newest is never folded
    ],
)
def test_what_is_folded(counts: list[int], size: int, folded: list[str]) -> None:
    stretches = Stretches()
    for visit, count in enumerate(counts):
        for item in items(visit, count):
            stretches.add([item])
            stretches.of(item).sizes[item.key] = size
    assert [stretch.name for stretch in stretches.too_many()] == folded


def test_each_entry_is_in_the_stretch_that_began_before_it() -> None:
    stretches = Stretches()
    stretches.add([*items(0, 2, first=3), *items(1, LENGTH + 1)])
    assert [stretch.key for stretch in stretches.all] == ["s-0-3", "s-1-0", f"s-1-{LENGTH}"]
    assert stretches.at(Place(0, 0)).key == stretches.at(Place(0, 99)).key == "s-0-3"
    assert stretches.at(Place(1, LENGTH - 1)).key == "s-1-0"
    assert stretches.at(Place(1, LENGTH + 7)).item(LENGTH + 7).key == f"e-1-{LENGTH}"
    with pytest.raises(NotFound):
        stretches.at(Place(2, 0))
