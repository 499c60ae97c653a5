"""The page of a run, from the label to its record."""

from collections.abc import AsyncIterator

import httpx
import pytest
from playwright.async_api import Page, expect

from app.demo.stage import Stage, furnish, seed, staged
from tests.browser.looks import narrowed, pictured, serious, tabbed_to
from tests.browser.person import asked, page_of
from tests.forks import Forks

pytestmark = pytest.mark.browser
MOVES = "getComputedStyle(document.querySelector('#drawing .pulse')).animationName"


@pytest.fixture(scope="module")
async def stage(forks: Forks) -> AsyncIterator[tuple[Stage, httpx.AsyncClient]]:
    """A running Minions, and the person who asks it for something."""
    async with staged(start=forks.start) as stage:
        wanted = seed()
        headers = furnish(stage, wanted)
        await stage.start_app(within_s=150)
        api = f"{stage.hub.url}/api/v3/repos/{wanted.repository}"
        async with httpx.AsyncClient(base_url=api, headers=headers, timeout=30) as person:
            yield stage, person


async def test_a_run_is_watched_from_its_start_to_its_end(stage: tuple[Stage, httpx.AsyncClient], page: Page) -> None:
    _, person = stage
    await page.goto(await page_of(person, await asked(person)))
    await expect(page.locator("#head .status")).to_have_text("running")
    await page.emulate_media(reduced_motion="reduce")
    assert await page.evaluate(MOVES) == "none"
    await page.emulate_media(reduced_motion="no-preference")
    assert await page.evaluate(MOVES) == "breathe"
    await pictured(page, "run-live")
    assert await serious(page) == []
    assert await narrowed(page) == []
    await expect(page.locator("#head .status")).to_have_text("done", timeout=120_000)
    await expect(page.locator("#files")).to_contain_text("slugs.py")
    await expect(page.locator("#drawing .box.done").first).to_be_visible()
    await expect(page.get_by_role("button", name="Stop")).to_be_hidden()
    call = page.locator("details.call").first
    await call.locator("summary").click()
    await expect(call.locator(".fetched pre").first).to_be_visible()
    await expect(page.locator("#gist")).to_contain_text("The new tests fail without the change.")
    await pictured(page, "run-done")
    assert await serious(page) == []
    assert await narrowed(page) == []
    said = await page.locator("#visits").inner_text()
    await page.reload()
    assert len(await page.locator("#visits").inner_text()) >= len(said) // 2


async def test_a_run_is_stopped_by_the_keyboard(stage: tuple[Stage, httpx.AsyncClient], page: Page) -> None:
    _, person = stage
    await page.goto(await page_of(person, await asked(person)))
    await tabbed_to(page, "Skip to the content", 1)
    await page.keyboard.press("Enter")
    assert await page.evaluate("document.activeElement.id") == "main"
    await tabbed_to(page, "Stop")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Really stop?")).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.locator("#head .status")).to_have_text("stopped", timeout=60_000)
    await expect(page.locator("#head .error")).to_contain_text("ann")
    await expect(page.get_by_role("button", name="Retry")).to_be_visible()


async def test_a_run_is_told_from_its_page_to_wrap_up(stage: tuple[Stage, httpx.AsyncClient], page: Page) -> None:
    here, person = stage
    with here.models.slow(after=1):
        await page.goto(await page_of(person, await asked(person)))
        await page.get_by_role("button", name="Wrap up").click()
        await expect(page.locator("#connection")).to_have_text("Asked for: wrap up.")
    await expect(page.locator("#visits .note").first).to_contain_text("wants it to come to an end now", timeout=60_000)
