"""How pages look to people, and to those who cannot look."""

import os
from pathlib import Path
from typing import Any, Literal

from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page


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
