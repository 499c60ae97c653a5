"""Pages of a running Minions in a real browser, without its window."""

import shutil
from collections.abc import AsyncIterator
from typing import Final

import pytest
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, async_playwright

CHROMIUM: Final = "/usr/bin/chromium"


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """Debian's chromium: no browser is fetched from elsewhere."""
    if not shutil.which(CHROMIUM):
        pytest.skip("Debian's chromium is not installed: apt-get install chromium")
    async with async_playwright() as playwright:
        # Root's has no sandbox of its own; it sees nothing but pages of these tests.
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        await browser.close()


@pytest.fixture
def complaints() -> list[str]:
    """What pages logged as errors, and what they asked others for, so far."""
    return []


@pytest.fixture
async def context(chromium: Browser, complaints: list[str]) -> AsyncIterator[BrowserContext]:
    """A fresh profile, in which every page that logs an error or asks somebody else for something fails its test."""
    context = await chromium.new_context(viewport={"width": 1280, "height": 900})
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    context.on("console", lambda said: complaints.append(said.text) if _is_ours(said) else None)
    context.on(
        "request",
        lambda request: None if request.url.startswith("http://127.0.0.1:") else complaints.append(request.url),
    )
    yield context
    await context.close()
    assert complaints == []


@pytest.fixture
async def page(context: BrowserContext) -> Page:
    """An empty page."""
    return await context.new_page()


def _is_ours(said: ConsoleMessage) -> bool:
    """Whether a page of ours complains: the loopback GitHub has no icon, which browsers ask every server for."""
    return said.type == "error" and not said.location["url"].endswith("/favicon.ico")
