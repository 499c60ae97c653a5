"""Signing in, and looking for runs, as somebody does it with a browser."""

import csv
import io
import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, expect

from app.demo.stage import Stage, furnish, seed, staged
from tests.browser.looks import narrowed, pictured, serious
from tests.forks import Forks
from tests.summaries import fill

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
async def stage(forks: Forks) -> AsyncIterator[Stage]:
    """A Minions that people sign in to, with the runs of some weeks in two repositories."""
    async with staged(sign_in=True, start=forks.start) as stage:
        furnish(stage, seed())
        stage.hub.add_user("eve")
        stage.add_repository("corp/hidden", {"README.md": "hidden"})
        ids = [stage.hub.repository(name).id for name in (seed().repository, "corp/hidden")]
        await stage.start_app("--no-work", within_s=150)
        database = f"postgresql+psycopg://postgres@/postgres?host={stage.home / 'minions' / 'postgres'}"
        await fill(database, runs=400, repositories=dict(zip(ids, ("acme/slugs", "corp/hidden"), strict=True)))
        yield stage


async def signed_in(page: Page, stage: Stage, login: str) -> None:
    await page.goto(f"{stage.app_url}/overview")
    await page.get_by_role("link", name=f"Continue as {login}").click()
    await page.wait_for_url(f"{stage.app_url}/overview")


async def test_somebody_signs_in_and_looks_for_runs(stage: Stage, page: Page) -> None:
    await signed_in(page, stage, "ann")
    await expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    await expect(page.locator("body")).not_to_contain_text("corp/hidden")
    satisfied = page.locator("dt", has=page.get_by_role("link", name="Satisfaction")).locator("+ dd")
    await expect(satisfied).to_contain_text(re.compile(r"\d+ % [\d,]+ 👍 [\d,]+ 👎"))
    await pictured(page, "overview")
    assert await serious(page) == []
    assert await narrowed(page) == []
    await page.get_by_label("Outcome").select_option("merged")
    await page.get_by_label("Search").fill("parser")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**text=parser**")
    rows = page.locator("section[aria-labelledby=runs-title] tbody tr")
    await expect(rows.first).to_contain_text("merged")
    for said in await rows.all_inner_texts():
        assert "merged" in said
        assert "parser" in said
    async with page.expect_download() as taken:
        await page.get_by_role("link", name="These runs as CSV").click()
    file = await (await taken.value).path()
    titles = {(row["title"], row["outcome"]) for row in csv.DictReader(io.StringIO(file.read_text(encoding="utf-8")))}
    assert titles == {("The parser is slow on long lines", "merged")}
    await page.get_by_role("link", name="Untouched").first.click()
    await expect(page.locator("#def-untouched")).to_be_in_viewport()
    await rows.first.get_by_role("link").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("parser")
    await page.get_by_role("button", name="Sign out").click()
    await pictured(page, "closed")
    assert await serious(page) == []
    assert await narrowed(page) == []
    await page.get_by_role("link", name="Sign in with GitHub").click()
    await expect(page.get_by_role("heading", name="Sign in to Minions")).to_be_visible()
    await page.goto(f"{stage.app_url}/overview")
    await expect(page.get_by_role("heading", name="Sign in to Minions")).to_be_visible()


async def test_who_can_read_nothing_sees_nothing(stage: Stage, page: Page) -> None:
    await signed_in(page, stage, "eve")
    await expect(page.locator("main")).to_contain_text("No run fits.")
    await expect(page.locator("body")).not_to_contain_text("acme/slugs")
