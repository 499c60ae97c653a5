"""What people see, as far as its HTML says it."""

import re

import httpx
import pytest

from app.demo.github.markdown import Reader
from app.demo.github.state import Hub


@pytest.mark.parametrize(
    ("text", "wanted", "unwanted"),
    [
        ("| a | b |\n|---|---|\n| 1 | 2 |", "<td>2</td>", "|"),
        ("a <script>alert(1)</script> b", "a ", "alert"),
        ("<details><summary>more</summary>\n\n**all**\n\n</details>", "<strong>all</strong>", "&lt;details"),
        ("![x](http://evil.example/p.png)", "evil.example", "<img"),
        ("[x](javascript:alert(1))", "javascript", "href"),
        ("Hi <!-- minions:run=7 --> you", "you", "minions:run"),
        ("`<!-- kept -->`", "&lt;!-- kept --&gt;", "<!--"),
        ("```\n<!-- kept -->\n```", "&lt;!-- kept --&gt;", "<!--"),
        ("~~gone~~ **loud**", "<s>gone</s> <strong>loud</strong>", "~~"),
    ],
)
def test_markdown_is_readable_and_harmless(text: str, wanted: str, unwanted: str) -> None:
    html = Reader().html(text)
    assert wanted in html
    assert unwanted not in html


@pytest.fixture
async def told(api: httpx.AsyncClient, branch: str, hub: Hub) -> str:
    """An issue with everything on it, its check run and its pull request; answers with the commit."""
    title = "Greets <b>nobody</b>"
    hub.open_issue("acme/greeting", by="ada", title=title, body="It **should**.", labels=["minion"])
    hub.add_comment("acme/greeting", 1, "<img src=x onerror=alert(1)>", by="eve")
    await api.post("/repos/acme/greeting/issues/1/reactions", json={"content": "eyes"})
    output = {
        "title": "Green",
        "summary": "| node | outcome |\n|---|---|\n| Run the tests | green |",
        "text": "All of it",
    }
    body = {"name": "minion", "head_sha": branch, "conclusion": "success", "output": output}
    await api.post("/repos/acme/greeting/check-runs", json=body)
    pull = {"title": "Greet", "head": "minions/1-1", "base": "main", "body": "Closes #1", "draft": True}
    await api.post("/repos/acme/greeting/pulls", json=pull)
    return branch


async def test_the_issue_shows_what_was_said_and_what_came_of_it(told: str, url: str) -> None:
    async with httpx.AsyncClient(base_url=url) as browser:
        page = (await browser.get("/acme/greeting/issues/1")).text
    assert "Greets &lt;b&gt;nobody&lt;/b&gt;" in page
    assert "<strong>should</strong>" in page
    assert "onerror" not in page
    for piece in ("minion</span>", "👀 1", "<td>Run the tests</td>", "All of it", "/acme/greeting/pull/2", told[:7]):
        assert piece in page
    assert "loopback double of GitHub" in page


async def test_the_pull_request_shows_its_difference(told: str, url: str) -> None:
    async with httpx.AsyncClient(base_url=url) as browser:
        moved = await browser.get("/acme/greeting/issues/2")
        page = (await browser.get("/acme/greeting/pull/2")).text
        diff = (await browser.get("/acme/greeting/pull/2.diff")).text
    assert moved.headers["location"] == "/acme/greeting/pull/2"
    assert '<span class="removed">-def greet(name):</span>' in page
    assert '<span class="added">+def greet():</span>' in page
    assert "Draft" in page
    assert told[:7] in page
    assert diff.startswith("diff --git a/greet.py b/greet.py")


@pytest.mark.usefixtures("told")
async def test_every_link_leads_somewhere_on_this_server_and_nothing_is_loaded_from_elsewhere(url: str) -> None:
    async with httpx.AsyncClient(base_url=url, follow_redirects=True) as browser:
        waiting, seen = ["/"], set[str]()
        while waiting:
            path = waiting.pop()
            seen.add(path)
            answer = await browser.get(path)
            assert answer.status_code == 200, path
            if "text/html" in answer.headers["content-type"]:
                assert answer.headers["content-security-policy"].startswith("default-src 'none'")
                assert "<script" not in answer.text
                links = re.findall(r'(?:href|src)="([^"#]+)"', answer.text)
                ours = {link.removeprefix(url) for link in links}
                assert all(link.startswith("/") for link in ours), ours
                waiting += sorted(ours - seen - set(waiting))
    assert {"/", "/acme/greeting", "/acme/greeting/issues/1", "/acme/greeting/pull/2", "/apps/minions"} <= seen


async def test_what_is_not_there_is_said_in_one_line(url: str) -> None:
    async with httpx.AsyncClient(base_url=url) as browser:
        for path in ("/acme/nothing", "/acme/greeting/issues/99", "/acme/greeting/commit/abc", "/apps/x", "/avatars/1"):
            answer = await browser.get(path)
            assert (answer.status_code, answer.text) == (404, "404: Not Found\n"), path
