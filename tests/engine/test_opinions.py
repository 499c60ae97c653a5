"""Asking what people think, pull request by pull request."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from app.core.errors import Denied, ForgeError, RateLimited
from app.core.opinions import Posts, Thumbs
from app.core.task import Repository
from app.engine.opinions import Poll

HERE = Repository(id=5, full_name="octo/cat", installation_id=3)


@dataclass
class People:
    """Implements `Opinions` and `Reactions`: what they think of each run, or why that cannot be told."""

    think: dict[int, Thumbs | ForgeError]
    noted: list[tuple[int, Thumbs | None]] = field(default_factory=list)

    async def due(self, at_most: int) -> Sequence[Posts]:
        times = [run_id for run_id, _ in self.noted]
        numbers = sorted(self.think, key=lambda number: (times.count(number), number))[:at_most]
        return [Posts(run_id=number, repository=HERE, pull_request_number=number) for number in numbers]

    async def note(self, run_id: int, thumbs: Thumbs | None) -> None:
        self.noted.append((run_id, thumbs))

    async def thumbs(self, posts: Posts) -> Thumbs:
        found = self.think[posts.run_id]
        if isinstance(found, ForgeError):
            raise found
        return found


async def test_each_has_its_turn_and_a_repository_that_is_lost_holds_up_no_other() -> None:
    people = People({1: Thumbs(up=1), 2: Denied("The App was taken from it."), 3: Thumbs(down=1), 4: Thumbs()})
    poll = Poll(people, people, at_once=3)
    await poll.ask()
    assert people.noted == [(1, Thumbs(up=1)), (2, None), (3, Thumbs(down=1))]
    await poll.ask()
    assert [run_id for run_id, _ in people.noted[3:]] == [4, 1, 2]


async def test_when_github_says_stop_the_rest_is_asked_about_later() -> None:
    people = People({1: Thumbs(), 2: RateLimited("Slow down.", retry_after_s=60), 3: Thumbs()})
    with pytest.raises(RateLimited):
        await Poll(people, people).ask()
    assert [run_id for run_id, _ in people.noted] == [1]
