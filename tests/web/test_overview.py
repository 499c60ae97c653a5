import csv
import io
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx
import pytest
from fastapi import FastAPI

from app.adapters.store import PostgresStore
from app.core.figures import DEFINITIONS
from app.core.store import Draft
from app.core.task import Person, Repository, Task
from app.web.access import OnLoopback, Shut
from app.web.overview import OverviewPages, _cell
from app.web.pages import Pages
from blueprints import BLUEPRINTS

HOSTILE = "=cmd|' /C calc'!A0 <script>alert(1)</script>"


@pytest.fixture
async def client(store: PostgresStore) -> AsyncIterator[httpx.AsyncClient]:
    pages = Pages(
        store,
        store.reader(),
        BLUEPRINTS,
        OnLoopback(),
        github_url="https://github.test",
        own_url="http://127.0.0.1:8030",
        budget_usd=6.0,
    )
    app = FastAPI()
    app.include_router(OverviewPages(store.figures(), pages).router())
    for number in range(1, 54):
        task = Task(
            repository=Repository(id=5, full_name="octo/cat", installation_id=3),
            number=number,
            title=HOSTILE,
            body="",
            requester=Person(id=1, login="ann"),
            asked_at=datetime(2026, 1, 2, tzinfo=UTC),
        )
        draft = Draft(intent=f"{number}", task=task, blueprint="fix", blueprint_version=1, start="prepare")
        await store.accept(None, draft, "why")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8030") as http:
        yield http


async def test_the_overview_shows_runs_page_by_page_and_defines_each_figure(client: httpx.AsyncClient) -> None:
    first = (await client.get("/overview", params={"requester": "ann"})).text
    assert first.count('<a href="/runs/') == 25
    assert 'href="/overview?repository=&amp;blueprint=&amp;model=&amp;outcome=&amp;requester=ann' in first
    second = (await client.get("/overview", params={"page": "3"})).text
    assert second.count('<a href="/runs/') == 3
    for one in DEFINITIONS:
        assert f'href="#def-{one.anchor}"' in first
        assert f'id="def-{one.anchor}"' in first
    assert "<script" not in first
    assert " style=" not in first


@pytest.mark.injection
async def test_what_is_taken_along_runs_nothing_in_a_spreadsheet(client: httpx.AsyncClient) -> None:
    answer = await client.get("/overview/runs.csv")
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(rows) == 53
    assert {row["title"] for row in rows} == {f"'{HOSTILE}"}
    assert "key" not in rows[0]
    assert answer.headers["content-disposition"] == 'attachment; filename="minions-runs.csv"'


async def test_figures_are_to_be_had_for_programs(client: httpx.AsyncClient) -> None:
    told = (await client.get("/overview/figures.json")).json()
    assert {(group["by"], group["runs"]) for group in told["groups"]} >= {("all", 53), ("repository", 53), ("week", 53)}
    assert set(told["definitions"]) == set(told["groups"][0]) - {"by", "name"}, "every figure is defined"
    rows = list(csv.DictReader(io.StringIO((await client.get("/overview/figures.csv")).text)))
    assert [row["runs"] for row in rows if row["by"] == "blueprint"] == ["53"]
    assert set(rows[0]) == set(told["groups"][0])


@pytest.mark.parametrize(("query", "runs"), [("", 53), ("text=%237", 1), ("requester=bob", 0), ("page=3", 53)])
async def test_what_is_taken_along_is_what_was_looked_for(client: httpx.AsyncClient, query: str, runs: int) -> None:
    written = (await client.get(f"/overview/runs.csv?{query}")).text
    rows = list(csv.DictReader(io.StringIO(written)))
    told = (await client.get(f"/overview/runs.json?{query}")).json()
    assert len(rows) == len(told["runs"]) == runs
    assert written.startswith("run_id,repository,number,title,requester,blueprint,model,outcome,asked_at,usd,")
    assert [row["number"] for row in rows] == [str(run["number"]) for run in told["runs"]]
    figures = (await client.get(f"/overview/figures.json?{query}")).json()
    assert [group["runs"] for group in figures["groups"] if group["by"] == "all"] == [runs]
    assert figures["wanted"] == told["wanted"]


@pytest.mark.injection
@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_no_cell_begins_with_what_a_spreadsheet_runs(first: str) -> None:
    assert _cell(f"{first}1+1") == f"'{first}1+1"
    assert (_cell(-1.5), _cell(None), _cell("a=1")) == (-1.5, "", "a=1")


@pytest.mark.parametrize("query", ["page=x", "weeks=-", "page=1e9"])
async def test_an_address_that_makes_no_sense_is_refused(client: httpx.AsyncClient, query: str) -> None:
    assert (await client.get(f"/overview?{query}")).status_code == 400


@pytest.mark.parametrize(
    "query", ["page=-5", "page=999999999", "weeks=999999999", "outcome=odd", "nothing=1", "text=%00"]
)
async def test_an_address_that_asks_for_too_much_is_answered(client: httpx.AsyncClient, query: str) -> None:
    assert (await client.get(f"/overview?{query}")).status_code == 200


async def test_where_nobody_can_sign_in_no_run_is_listed(store: PostgresStore) -> None:
    pages = Pages(
        store,
        store.reader(),
        BLUEPRINTS,
        Shut(),
        github_url="https://github.test",
        own_url="https://minions.test",
        budget_usd=6.0,
    )
    app = FastAPI()
    app.include_router(OverviewPages(store.figures(), pages).router())
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://minions.test") as http:
        for path in ("/overview", "/overview/runs.csv", "/overview/figures.json", "/overview/figures.csv"):
            assert (await http.get(path)).status_code == 503
