"""What somebody does on GitHub before they look at a page."""

import asyncio

import httpx

from app.demo.stage import seed


async def asked(person: httpx.AsyncClient, *, title: str = "", body: str = "") -> int:
    """File the seed's issue, or one of other words, and label it; answer with its number."""
    wanted = seed()
    words = {"title": title or wanted.issue.title, "body": body or wanted.issue.body}
    issue = await person.post("/issues", json=words)
    number = int(issue.json()["number"])
    await person.post(f"/issues/{number}/labels", json={"labels": [wanted.label]})
    return number


async def page_of(person: httpx.AsyncClient, number: int) -> str:
    """The address of the run's page, from its check run, as people find it."""
    for _ in range(600):
        for ref in (await person.get("/git/matching-refs/heads/minions/")).json():
            if f"/{number}-" in ref["ref"] or f"-{number}-" in ref["ref"]:
                found = (await person.get(f"/commits/{ref['object']['sha']}/check-runs")).json()["check_runs"]
                if found:
                    return str(found[0]["details_url"])
        await asyncio.sleep(0.1)
    raise AssertionError(f"no page for #{number}")
