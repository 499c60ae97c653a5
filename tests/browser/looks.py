"""How pages look to people, and to those who cannot look."""

import os
from pathlib import Path
from typing import Any, Final, Literal

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

_STICKS_OUT: Final = """() => {
  const room = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth <= room) return [];
  return [...document.querySelectorAll("main *, header *")]
    .filter((one) => one.getBoundingClientRect().right > room + 1 && !one.closest(".scroll, pre"))
    .map((one) => one.outerHTML.slice(0, 120));
}"""


async def serious(page: Page) -> list[str]:
    """What axe-core finds on a page that keeps people from using it, by day and by night."""
    complaints: list[str] = []
    schemes: tuple[Literal["dark", "light"], ...] = ("dark", "light")
    for scheme in schemes:
        await page.emulate_media(color_scheme=scheme)
        found: Any = (await Axe().run(page)).response
        complaints += [
            f"{scheme}: {one['id']}: {one['nodes'][0]['html'][:200]}"
            for one in found["violations"]
            if one["impact"] in {"serious", "critical"}
        ]
    return complaints


async def narrowed(page: Page, width: int = 390) -> list[str]:
    """What sticks out of a page at the width of a phone, beyond what scrolls by itself."""
    before = page.viewport_size
    await page.set_viewport_size({"width": width, "height": 844})
    found: list[str] = await page.evaluate(_STICKS_OUT)
    if before:
        await page.set_viewport_size(before)
    return found


async def tabbed_to(page: Page, words: str, at_most: int = 40) -> None:
    """Go on by the Tab key, until what has the focus says these words, and can be seen to have it."""
    for _ in range(at_most):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.textContent.trim()") == words:
            assert await page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
            return
    raise AssertionError(f"the Tab key does not lead to “{words}”")


async def pictured(page: Page, name: str) -> None:
    """Pictures for people who work on pages, where PICTURES names a folder."""
    folder = os.environ.get("PICTURES")
    if not folder:
        return
    for scheme in ("light", "dark"):
        await page.emulate_media(color_scheme=scheme)
        for width in (1280, 390):
            await page.set_viewport_size({"width": width, "height": 900})
            await page.screenshot(path=Path(folder) / f"{name}-{scheme}-{width}.png", full_page=True)
    await page.emulate_media(color_scheme="light")
    await page.set_viewport_size({"width": 1280, "height": 900})
