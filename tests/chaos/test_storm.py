"""Never lost, never twice: a tenth of GitHub's answers are wrong, and workers are killed all the time."""

import pytest

from app.core.run import Run, Status
from tests.chaos.storm import REPOSITORIES, Storm, storm
from tests.forks import Forks

pytestmark = pytest.mark.chaos


async def all_is_well(one: Storm, issues: list[tuple[str, int]]) -> None:
    """Every issue has one of everything, and every cent is accounted for."""
    runs = await one.runs()
    ended = {(run.task.repository.full_name, run.task.number): run for run in runs}
    assert sorted(ended) == sorted(issues), "an issue has no run, or a run no issue"
    assert len(runs) == len(issues), "an issue was worked on twice"
    assert {(run.status, run.is_reported) for run in runs} == {(Status.DONE, True)}, [
        (run.id, run.status, run.at, run.error) for run in runs if run.status is not Status.DONE
    ]
    for name, number in issues:
        assert await one.left_on(name, number) == {
            "branches": 1,
            "pull requests": 1,
            "open pull requests": 1,
            "comments": 1,
            "checks of the head": 1,
            "green checks of the head": 1,
        }, _how_it_went(ended[name, number])
    assert await one.unfinished_checks() == 0
    ledger = await one.ledger()
    assert ledger["charged"] == ledger["answered"] == ledger["asked"]


def _how_it_went(run: Run) -> str:
    nodes = "\n".join(f"{visit.node}: {visit.outcome}" for visit in run.visits)
    return f"run {run.id} of {run.task.repository.full_name}#{run.task.number}\n{nodes}\n{run.error}"


@pytest.mark.timeout(900)
async def test_a_short_storm_loses_nothing_and_does_nothing_twice(forks: Forks) -> None:
    async with storm(7, forks.start) as one:
        issues = list(one.fleet.label(6, REPOSITORIES))
        try:
            await one.blow(issues, restarts=1, within_s=600)
        except TimeoutError:
            pytest.fail(one.fleet.log_ends())
        assert one.kills >= 3
        assert one.restarts == 1
        await all_is_well(one, issues)


@pytest.mark.soak
@pytest.mark.timeout(7_200)
@pytest.mark.parametrize(("chance", "restarts"), [(1, 0), (2, 2)])
async def test_a_long_storm_loses_nothing_and_does_nothing_twice(forks: Forks, chance: int, restarts: int) -> None:
    async with storm(chance, forks.start) as one:
        issues = list(one.fleet.label(200, REPOSITORIES))
        try:
            await one.blow(issues, restarts=restarts, within_s=7_000)
        except TimeoutError:
            pytest.fail(one.fleet.log_ends())
        assert one.restarts == restarts
        await all_is_well(one, issues)
