"""Every page that no other test opens: nobody is kept from using it, and nothing sticks out on a phone."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
from playwright.async_api import Page, expect

from app.adapters.store import connected
from app.adapters.store.rollouts import PostgresRollouts
from app.core.rollout import Candidate
from app.demo.script import Act, Call, Script, Turn
from app.demo.stage import Stage, furnish, seed, staged
from tests.browser.looks import narrowed, pictured, serious
from tests.browser.person import asked, page_of
from tests.forks import Forks
from tests.summaries import fill, tried
from tests.turns import lengthen

pytestmark = pytest.mark.browser

WORD = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft_" * 2
GIVES_UP = Script(
    acts=(
        Act(
            when="",
            turns=(
                Turn(text=f"What is {WORD}?", calls=(Call(tool="bash", arguments={"command": f"grep -rn {WORD} ."}),)),
                Turn(calls=(Call(tool="give_up", arguments={"reason": "needs_human", "detail": f"Which {WORD}?"}),)),
            ),
        ),
    )
)
LONG = "filled-7"
TURNS = 600
"""Of one run: as many as a page shows, and two stretches more."""
MODELS = """
[models.slugs]
name = "openai/slugs"
api_base = "{base}"
key = "MINIONS_MODEL_API_KEY"
price = [1.25, 10]
[models.other]
name = "openai/another-model-with-quite-a-long-name-2026-11-01-preview"
api_base = "{base}"
key = "MINIONS_MODEL_API_KEY"
[models.gone]
name = "openai/a-model-that-was-tried-before"
api_base = "{base}"
key = "MINIONS_MODEL_API_KEY"
[roles.implement]
model = "slugs"
fallback = "other"
candidates = [{{ model = "other", share = 0.01 }}, {{ model = "gone", share = 0.01, round = 2 }}]
[roles.review]
model = "none"
"""


@pytest.fixture(scope="module")
async def stage(forks: Forks) -> AsyncIterator[tuple[Stage, str]]:
    """A running Minions, and the address of a run that came to nothing."""
    async with staged(scripts={"slugs": GIVES_UP, "other": GIVES_UP}, start=forks.start) as stage:
        headers = furnish(stage, seed())
        models = stage.home / "models.toml"
        models.write_text(MODELS.format(base=stage.models.url))
        stage.environment = {**stage.environment, "MINIONS_MODEL": "", "MINIONS_MODELS_FILE": str(models)}
        await stage.start_app(within_s=150)
        api = f"{stage.hub.url}/api/v3/repos/{seed().repository}"
        async with httpx.AsyncClient(base_url=api, headers=headers, timeout=30) as person:
            run = await page_of(person, await asked(person, title=f"Rename {WORD}", body=f"{WORD}\n" * 3))
        database = f"postgresql+psycopg://postgres@/postgres?host={stage.home / 'minions' / 'postgres'}"
        await fill(database, runs=10, repositories={stage.hub.repository(seed().repository).id: seed().repository})
        lengthen(database, LONG, TURNS)
        await tried(database, role="implement", stable="slugs", model="other")
        async with connected(database) as engine:
            gone = Candidate(model="gone", share=0.01, round=2)
            await PostgresRollouts(engine).roll_back("implement", "slugs", gone, "Of 20 runs, 3 ended well.")
        yield stage, run


async def test_a_run_that_came_to_nothing_says_why(stage: tuple[Stage, str], page: Page) -> None:
    await page.goto(stage[1])
    await expect(page.locator("#head .status")).to_have_text("done", timeout=120_000)
    await expect(page.locator("#head .notice")).to_be_visible()
    await expect(page.locator("#files")).to_be_empty()
    await pictured(page, "run-nothing")
    assert await serious(page) == []
    assert await narrowed(page) == []
    await page.get_by_role("link", name="Turn 1 in full").click()
    await expect(page.get_by_role("navigation", name="Other entries")).to_be_visible()
    await pictured(page, "entry")
    assert await serious(page) == []
    assert await narrowed(page) == []


@pytest.mark.parametrize(
    ("name", "path", "status", "words"),
    [
        ("home", "/", 200, "/minion fix"),
        ("run-failed", "/runs/filled-10", 200, "The box ran out of memory."),
        ("models", "/models", 200, "is tried on 1 %"),
        ("reference", "/api/v1/docs", 200, "HTTP API"),
        ("overview-empty", "/overview?text=nothing-is-called-so", 200, "No run fits."),
        ("missing", "/runs/nobody-knows-this-key", 404, "There is no such page"),
        ("lost", "/somewhere/else", 404, "There is no such page"),
    ],
)
async def test_each_page(
    stage: tuple[Stage, str], page: Page, complaints: list[str], name: str, path: str, status: int, words: str
) -> None:
    answer = await page.goto(f"{stage[0].app_url}{path}")
    assert answer
    assert answer.status == status
    await expect(page.locator("main")).to_contain_text(words)
    await pictured(page, name)
    assert await serious(page) == []
    assert await narrowed(page) == []
    if status != 200:  # which the browser itself puts into its console
        complaints.clear()


async def test_older_turns_of_a_long_run_are_unfolded_by_the_keyboard(stage: tuple[Stage, str], page: Page) -> None:
    await page.goto(f"{stage[0].app_url}/runs/{LONG}")
    older = page.locator("details.older")
    await expect(older.locator("summary")).to_have_text(["Turns 1 to 50", "Turns 51 to 100"])
    await expect(page.locator(".turn")).to_have_count(500)
    assert await narrowed(page) == []
    first = older.first
    await first.locator("summary").focus()
    await page.keyboard.press("Enter")
    await expect(first.locator(".turn")).to_have_count(50)
    call = first.locator("details.call").first
    await call.locator("summary").focus()
    await page.keyboard.press("Enter")
    await expect(call.locator(".fetched pre").first).to_contain_text("pytest -x tests/test_parser.py")
    await first.get_by_role("link", name="On a page of their own").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Turns 1 to 50")
    await pictured(page, "turns")
    assert await serious(page) == []
    assert await narrowed(page) == []
    await page.get_by_role("link", name="Turns 51 to 100").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Turns 51 to 100")
    await expect(page.get_by_role("link", name="Turns 101 to 150")).to_be_visible()


async def test_models_are_compared_and_what_was_taken_back_says_why(stage: tuple[Stage, str], page: Page) -> None:
    await page.goto(f"{stage[0].app_url}/models")
    main = page.locator("main")
    await expect(main).to_contain_text(
        "Of these, 5 of 5 (100 %) ended well; of those of slugs in the same time, 2 of 5"
    )
    await expect(main).to_contain_text(re.compile(r"it cost \d\.\d times as much; [\d.]+ times is allowed"))
    await expect(main).to_contain_text(
        re.compile(r"gone, round 2,\s+was rolled back on .* UTC: Of 20 runs, 3 ended well")
    )


async def test_another_name_of_this_machine_is_turned_away(stage: tuple[Stage, str]) -> None:
    """A stranger's page cannot read ours under a name that leads to loopback."""
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{stage[0].app_url}/overview", headers={"Host": "evil.example"})
    assert answer.status_code == 403
    assert "for this machine alone" in answer.text
