"""From nothing to a labelled issue: one command, two clicks, one label."""

import asyncio
import html
import re
import stat

import httpx
import pytest

from app.demo.stage import furnish, seed, staged
from tests.forks import Forks
from tests.newcomer import NOBODY, doctor, told_url

pytestmark = pytest.mark.story


def form(page: httpx.Response, button: str) -> tuple[str, dict[str, str]]:
    """The address and the hidden fields of the form with this button."""
    assert page.status_code == 200, page.text
    forms = re.findall(r"<form.*?</form>", page.text, re.DOTALL)
    wanted = next(one for one in forms if button in one)
    action = re.search(r'action="([^"]*)"', wanted)
    assert action
    fields = re.findall(r'type="hidden" name="([^"]*)" value="([^"]*)"', wanted)
    return html.unescape(action[1]), {name: html.unescape(value) for name, value in fields}


async def test_from_nothing_to_a_labelled_issue_and_a_content_doctor(forks: Forks) -> None:
    async with staged(settings=NOBODY, start=forks.start) as stage, httpx.AsyncClient(timeout=30) as browser:
        headers, wanted = furnish(stage, seed()), seed()
        starting = asyncio.create_task(stage.start_app())
        url = await told_url(stage, starting)

        assert (await browser.get(f"{stage.app_url}/")).status_code == 503
        assert (await browser.get(f"{stage.app_url}/setup")).status_code == 403
        address, fields = form(await browser.get(url), "Create the App")
        proposed = await browser.post(address, data=fields)
        address, fields = form(proposed, "Create GitHub App")
        done = await browser.post(f"{stage.hub.url}{address}", data=fields, follow_redirects=True)
        assert done.status_code == 200
        link = re.search(r'href="([^"]*/installations/new)"', done.text)
        assert link
        assert "PRIVATE KEY" not in done.text
        await starting

        kept = stage.home / "minions" / "github-app.json"
        assert stat.S_IMODE(kept.stat().st_mode) == 0o600
        assert (await browser.get(url)).status_code == 404, "what makes an App is gone when there is one"
        await browser.post(link[1], data={"repositories": [wanted.repository]})
        assert await doctor(stage, forks) == 0

        api = f"{stage.hub.url}/api/v3/repos/{wanted.repository}"
        wish = wanted.issue.model_dump()
        number = (await browser.post(f"{api}/issues", json=wish, headers=headers)).json()["number"]
        await browser.post(f"{api}/issues/{number}/labels", json={"labels": [wanted.label]}, headers=headers)
        while not (await browser.get(f"{api}/pulls", headers=headers)).json():
            await asyncio.sleep(0.1)
