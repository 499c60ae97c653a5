"""What a run is likely to cost is told before a model is asked, by what runs like it did."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.adapters.store import PostgresStore
from app.core.rollout import Role
from tests.engine.conftest import FakeGitHub
from tests.engine.test_rollout import GOOD, WORK, Trial

ROLES: Mapping[str, Role] = {"implement": Role(model=GOOD)}


@dataclass
class Noting(FakeGitHub):
    """A GitHub that keeps what comments said earlier."""

    told: list[str] = field(default_factory=list)

    async def put_comment(self, number: int, marker: str, text: str, *, comment_id: int | None) -> int:
        self.told.append(text)
        return await super().put_comment(number, marker, text, comment_id=comment_id)


async def test_the_comment_says_what_it_will_likely_cost_until_that_is_known(store: PostgresStore) -> None:
    """From the third run like it on, and before its model was asked anything; at the end what it did cost stands."""
    github = Noting()
    trial = Trial(store, github=github, blueprints={"work": WORK}, roles=ROLES)
    for number in (100, 101, 102):
        await trial.once(number)
    assert not any("Likely to cost" in text for text in github.told)
    github.told.clear()
    run = await trial.once(103)
    first, *_, last = github.told
    assert "Likely to cost $0.01: the median of the last 3 runs of `work` here; the dearest did $0.01." in first
    assert "0 nodes visited" in first
    assert ("Likely to cost" in last, run.usage.usd) == (False, 0.01)
