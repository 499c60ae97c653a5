"""An installation that was removed without our hearing of it is found out, and none is for any lesser reason."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
from sqlalchemy import text

from app.adapters.store import PostgresStore, connected
from app.core.errors import ForgeError, Unavailable
from app.core.events import InstallationChanged
from app.core.installations import Listed
from app.engine.installations import Installations

pytestmark = pytest.mark.faults
PAST = """
UPDATE installations SET
    changed_at = changed_at - make_interval(days => :days), missing_since = missing_since - make_interval(days => :days)
"""


@dataclass
class GitHub:
    """Implements `Installed` for one App."""

    there: set[int]
    hidden: set[int] = field(default_factory=set)
    """Those that are there and that the list leaves out."""
    fault: ForgeError | None = None
    """What it says instead of an answer by an id."""
    asked: list[int] = field(default_factory=list)

    async def listed(self) -> Sequence[Listed]:
        return [Listed(id=one, account="octo", is_suspended=False) for one in sorted(self.there - self.hidden)]

    async def is_gone(self, installation_id: int) -> bool:
        self.asked.append(installation_id)
        if self.fault is not None:
            raise self.fault
        return installation_id not in self.there


@dataclass
class Scene:
    """A database that Apps share."""

    store: PostgresStore
    url: str

    async def look(self, github: GitHub, app_id: str = "1") -> None:
        await Installations(self.store, self.store.register(app_id), github).look()

    async def told(self, installation: int) -> None:
        created = InstallationChanged(installation_id=installation, account="octo", change="created")
        await self.store.accept(None, created, "why")

    async def days_pass(self, days: int = 2) -> None:
        async with connected(self.url) as engine, engine.begin() as connection:
            await connection.execute(text(PAST), {"days": days})

    async def states(self) -> dict[int, str]:
        async with connected(self.url) as engine, engine.connect() as connection:
            found = await connection.execute(text("SELECT id, state FROM installations"))
            return {int(number): str(state) for number, state in found}


@pytest.fixture
def scene(store: PostgresStore, database_url: str) -> Scene:
    return Scene(store, database_url)


async def test_f31_what_github_denies_twice_a_day_apart_was_removed(scene: Scene) -> None:
    github = GitHub({3, 4})
    await scene.look(github)
    github.there.remove(3)
    for _ in range(2):
        await scene.look(github)
        assert await scene.states() == {3: "active", 4: "active"}, "GitHub may be mistaken for some hours"
    await scene.days_pass()
    await scene.look(github)
    assert await scene.states() == {3: "deleted", 4: "active"}
    await scene.look(github)
    assert github.asked == [3, 3, 3], "what is known to be gone is not asked for"


async def test_f31_the_last_installation_may_be_removed_too(scene: Scene) -> None:
    github = GitHub({3})
    for _ in range(3):
        await scene.look(github)
        github.there.clear()
        await scene.days_pass()
    assert await scene.states() == {3: "deleted"}


@pytest.mark.parametrize("hidden", [{3}, {3, 4}])
async def test_a_list_that_is_short_removes_nothing(scene: Scene, hidden: set[int]) -> None:
    github = GitHub({3, 4})
    await scene.look(github)
    github.hidden |= hidden
    for _ in range(3):
        await scene.look(github)
        await scene.days_pass()
    assert await scene.states() == {3: "active", 4: "active"}


async def test_what_is_there_in_between_was_not_missing(scene: Scene) -> None:
    github = GitHub({3, 4})
    await scene.look(github)
    github.hidden.add(3)
    for is_there in (False, True, False):
        github.there = {3, 4} if is_there else {4}
        await scene.look(github)
        await scene.days_pass()
    assert (await scene.states())[3] == "active"


async def test_an_answer_that_says_nothing_removes_nothing(scene: Scene) -> None:
    github = GitHub({3})
    await scene.look(github)
    github.there, github.fault = set(), Unavailable("GitHub had trouble.")
    for _ in range(3):
        with pytest.raises(Unavailable):
            await scene.look(github)
        await scene.days_pass()
    assert await scene.states() == {3: "active"}


async def test_what_another_app_has_or_nobody_listed_is_left_alone(scene: Scene) -> None:
    await scene.told(9)
    await scene.look(GitHub({3}), app_id="1")
    other = GitHub({5})
    for _ in range(3):
        await scene.look(other, app_id="2")
        await scene.days_pass()
    assert await scene.states() == {9: "active", 3: "active", 5: "active"}
    assert other.asked == []


async def test_what_is_listed_after_all_is_there_again_but_for_a_list_that_lags(scene: Scene) -> None:
    github = GitHub({3})
    await scene.look(github)
    removed = InstallationChanged(installation_id=3, account="octo", change="deleted")
    await scene.store.accept(None, removed, "why")
    await scene.look(github)
    assert await scene.states() == {3: "deleted"}
    await scene.days_pass()
    await scene.look(github)
    assert await scene.states() == {3: "active"}
