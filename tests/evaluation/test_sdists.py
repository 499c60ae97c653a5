"""Tasks made of real packages."""

import httpx
import pytest

from app.core.errors import SettingsError
from app.evaluation.sdists import Release, Workshop
from app.evaluation.trial import Verdict
from app.outside import Outside
from tests.evaluation.conftest import Evaluated
from tests.evaluation.scripted import no_op, oracle

pytestmark = [pytest.mark.real_input, pytest.mark.timeout(600)]


@pytest.fixture(scope="module", autouse=True)
def registry() -> None:
    """Skips where the registry cannot be reached."""
    try:
        httpx.get("https://pypi.org/simple/pip/", timeout=30, follow_redirects=True).raise_for_status()
    except httpx.HTTPError as error:
        pytest.skip(f"the registry cannot be reached: {error}")


async def test_mistakes_in_a_package_are_tasks_that_its_own_tests_decide(worker: Outside, evaluated: Evaluated) -> None:
    workshop = Workshop(worker, worker.settings.home / "made", 1, print)
    tasks = await workshop.mutants(Release.parse("inflection==0.5.1"), 1_000_000, 2)
    assert [task.name for task in tasks] == ["inflection-1-_irregular-128", "inflection-1-humanize-199"]
    assert tasks[0].title == "`_irregular` of inflection gives wrong results"
    assert "    AssertionError: assert " in tasks[0].body
    trials = await evaluated({"oracle": oracle(tasks), "no-op": no_op(tasks)}, tasks)
    verdicts = {(trial.model, trial.verdict, trial.hidden) for trial in trials}
    assert verdicts == {("openai/oracle", Verdict.SOLVED, "green"), ("openai/no-op", Verdict.STOPPED, "red")}


async def test_an_archive_that_is_another_is_refused(worker: Outside) -> None:
    workshop = Workshop(worker, worker.settings.home / "made", 1, print)
    release = Release.parse(f"inflection==0.5.1#sha256={'0' * 64}")
    with pytest.raises(SettingsError, match="is not the one with SHA-256 0000"):
        await workshop.mutants(release, 1_000_000, 1)
