"""Budgets at every level, with a real box, a real database and a model server that counts what it is asked."""

import asyncio
from pathlib import Path

import pytest

from app.adapters.litellm_library import warm_up
from app.adapters.local import LocalForge
from app.adapters.store import PostgresStore
from app.core.purse import Caps
from app.core.run import Run, Status
from app.demo import models
from app.demo.script import Act, Call, Script, Tokens, Turn
from app.evaluation.exercise import exercises
from app.evaluation.trial import make_repository
from app.local import carried_out, draft, without_pages
from app.outside import Outside
from app.settings import Settings

pytestmark = pytest.mark.timeout(600)

EACH = Tokens(input=1_000, output=2_000)
"""Of each answer: with the price below, 25 cents. Before it, 50 are set aside, or 2 dollars where there is so much."""
PRICE = (0.0, 125.0)
BUDGET = 1.25
LEVELS = {
    "run": "run's budget of 1.25 US dollars",
    "repository": "MINIONS_REPOSITORY_USD",
    "requester": "MINIONS_REQUESTER_USD",
    "organisation": "MINIONS_ORGANISATION_USD",
    "month": "MINIONS_MONTH_USD",
}


def turn(number: int) -> Turn:
    if number == 0:
        calls = (Call(tool="write", arguments={"path": "begun.txt", "text": "Half of it.\n"}),)
    else:
        calls = (Call(tool="bash", arguments={"command": f"echo {number} >> begun.txt"}),)
    return Turn(calls=calls, usage=EACH)


SPENDER = Script(acts=(Act(when=".", turns=tuple(turn(number) for number in range(60))),))


async def worker_of(
    settings: Settings, store: PostgresStore, url: str, level: str, *, budget: float = BUDGET
) -> Outside:
    known = {
        "model": "openai/spender",
        "model_api_base": url,
        "model_price": PRICE,
        "most_usd": 100.0,
        "run_usd": 100.0,
    }
    known |= {"run_usd": budget} if level == "run" else {}
    caps = Caps() if level == "run" else Caps(**{level: budget})
    return await without_pages(settings.model_copy(update=known), PostgresStore(store._engine, store._queue, caps=caps))


async def one(worker: Outside, folder: Path, number: int) -> Run:
    """One run in the repository of this number."""
    repository = folder / f"repository-{number}"
    make_repository(repository, exercises("fix")["paginate"].files)
    forge = LocalForge(repository, folder / f"{number}.md")
    wanted = draft("paginate", "Change the file", "fix", number=number).model_copy(update={"intent": str(folder)})
    return await carried_out(worker, forge, await forge.default_head(), wanted, tell=print)


@pytest.mark.parametrize("level", LEVELS)
async def test_a_run_that_reaches_a_budget_makes_no_call_beyond_it(
    settings: Settings, store: PostgresStore, home: Path, level: str
) -> None:
    """It is told before, keeps its change, and says which budget it was, how much, and what to do.

    Another one, of the same repository, person and organisation, does not begin when nothing is left.
    """
    async with models.serve({"spender": SPENDER}) as server:
        await warm_up()
        worker = await worker_of(settings, store, server.url, level)
        run = await one(worker, home, 1)
        assert len(server.requests) == 4, "after four calls 1.00 is spent, and the next one might cost 0.50"
        assert "[budget] " in str(server.requests[-1]["messages"]), "it was told to wrap up"
        if level != "run":
            used_up = await worker_of(settings, store, server.url, level, budget=run.usage.usd)
            another = await one(used_up, home / "another", 1)
            assert (another.status, another.visits, len(server.requests)) == (Status.REFUSED, (), 4)
            assert LEVELS[level] in another.error
    assert (run.status, run.trail.pull_request_number) == (Status.DONE, None)
    assert b"begun.txt" in await store.patch(run.id)
    assert run.usage.usd == pytest.approx(1.0)
    for words in (LEVELS[level], "1.25 US dollars", "The change so far is kept with the run.", "/minion budget"):
        assert words in run.error, run.error


async def test_two_runs_at_once_share_a_budget(settings: Settings, store: PostgresStore, home: Path) -> None:
    """Together they make no more calls than one alone could."""
    async with models.serve({"spender": SPENDER}) as server:
        await warm_up()
        worker = await worker_of(settings, store, server.url, "month")
        runs = await asyncio.gather(one(worker, home / "1", 1), one(worker, home / "2", 2))
        assert len(server.requests) <= 4
        assert sum(run.usage.usd for run in runs) <= BUDGET
        assert all("this month's budget" in run.error for run in runs)
