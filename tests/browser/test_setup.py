"""Making the App, as somebody does it who has just started a server for the first time."""

import asyncio
from typing import Final

import httpx
import pytest
from playwright.async_api import Page, expect

from app.core.errors import MinionsError
from app.demo.stage import furnish, seed, staged
from tests.browser.looks import narrowed, pictured, serious
from tests.browser.person import asked, page_of
from tests.forks import Forks
from tests.newcomer import NOBODY, doctor, told_url

pytestmark = pytest.mark.browser
A_PERSON_S: Final = 170.0
"""A server without an App gets ready when somebody has made one, who reads pages before."""


async def looked_at(page: Page, name: str) -> None:
    """A page that everybody can use, at a desk and on a phone."""
    await pictured(page, name)
    assert await serious(page) == []
    assert await narrowed(page) == []


async def test_from_the_log_to_a_run_in_three_steps(page: Page, forks: Forks) -> None:
    async with staged(settings=NOBODY, start=forks.start) as stage:
        headers, wanted = furnish(stage, seed()), seed()
        starting = asyncio.create_task(stage.start_app(within_s=A_PERSON_S))
        url = await told_url(stage, starting)

        await page.goto(url)
        await page.get_by_label("Organisation").fill("acme")
        await page.get_by_role("button", name="Choose").click()
        await expect(page.get_by_role("button", name="Create the App for acme")).to_be_visible()
        await looked_at(page, "setup-begin")
        await page.get_by_role("button", name="Create the App for acme").click()
        await page.get_by_role("button", name="Create GitHub App").click()
        await expect(page.get_by_role("heading", level=1)).to_contain_text("is there")
        await expect(page.locator("body")).not_to_contain_text("PRIVATE KEY")
        await starting
        await looked_at(page, "setup-done")

        await page.get_by_role("link", name="Choose the repositories").click()
        await page.get_by_role("button", name="Install on acme").click()
        await expect(page.locator("body")).to_contain_text(wanted.repository)
        assert await doctor(stage, forks) == 0
        api = f"{stage.hub.url}/api/v3/repos/{wanted.repository}"
        async with httpx.AsyncClient(base_url=api, headers=headers, timeout=30) as person:
            await page.goto(await page_of(person, await asked(person)))
        await expect(page.get_by_role("heading", level=1)).to_have_text(wanted.issue.title)
        await expect(page.locator("#visits")).to_contain_text("Turn 1", timeout=60_000)
        await page.goto("about:blank")  # before the server goes, which a live page would complain of


async def test_who_keeps_credentials_elsewhere_reads_them_once(page: Page) -> None:
    async with staged(settings={**NOBODY, "MINIONS_CREDENTIALS": "page"}) as stage:
        furnish(stage, seed())
        starting = asyncio.create_task(stage.start_app(within_s=A_PERSON_S))
        await page.goto(await told_url(stage, starting))
        await page.get_by_role("button", name="Create the App on your account").click()
        await page.get_by_role("button", name="Create GitHub App").click()
        await expect(page.locator("body")).to_contain_text("PRIVATE KEY")
        await looked_at(page, "setup-shown")
        with pytest.raises(MinionsError):  # it has ended: somebody starts it again, with these
            await starting


async def test_who_has_not_read_the_log_is_told_to(page: Page, complaints: list[str]) -> None:
    async with staged(settings=NOBODY) as stage:
        starting = asyncio.create_task(stage.start_app(within_s=A_PERSON_S))
        await told_url(stage, starting)
        for path, status in (("/", 503), ("/setup?token=guessed", 403)):
            answer = await page.goto(f"{stage.app_url}{path}")
            assert answer
            assert answer.status == status
            await expect(page.locator("main")).to_contain_text("log")
        await looked_at(page, "setup-refused")
        complaints.clear()  # the browser's own words on the two statuses
        starting.cancel()
