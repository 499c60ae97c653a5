"""What GitHub tells of checks: collected, handed on once a second, dropped where nobody waits."""

from collections.abc import Collection
from functools import partial
from typing import Any

import pytest

from app.adapters.github import payloads
from app.adapters.github.reading import PayloadError
from app.core.events import ChecksMoved, Event, Ignored
from app.core.store import StoreDown
from app.web import hints
from app.web.hints import Hints

SHA = "a" * 40
parse = partial(payloads.parse, app_id="42")


class Stirring:
    """A store that notes what is stirred; `down` says how often it cannot be reached."""

    def __init__(self, down: int = 0) -> None:
        self.down = down
        self.told: list[set[tuple[int, str]]] = []

    async def stir(self, heads: Collection[tuple[int, str]]) -> int:
        if self.down:
            self.down -= 1
            raise StoreDown("The database cannot be reached.")
        self.told.append(set(heads))
        return len(heads)


def event(name: str, **subject: Any) -> tuple[str, dict[str, Any]]:
    about = {"head_sha": SHA, "app": {"id": 7, "client_id": "Iv7"}} | subject
    return name, {"action": "completed", "repository": {"id": 5}, name: about}


@pytest.mark.parametrize(
    "told",
    [
        event("check_run"),
        event("check_suite"),
        event("workflow_run", app=None),
        event("check_run", app=None),
        ("status", {"repository": {"id": 5}, "sha": SHA, "state": "failure"}),
        ("status", {"repository": {"id": 5}, "sha": SHA, "state": "success"}),
    ],
)
def test_what_ended_is_a_hint(told: tuple[str, dict[str, Any]]) -> None:
    assert parse(*told) == ChecksMoved(repository_id=5, sha=SHA)


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (event("check_run", app={"id": 42}), "is our own"),
        (event("check_suite", app={"id": 3, "client_id": "42"}), "is our own"),
        (("status", {"repository": {"id": 5}, "sha": SHA, "state": "pending"}), "pending"),
        (("check_run", {"action": "created"}), "Nothing is done on check_run.created"),
        (("check_suite", {"action": "requested"}), "Nothing is done"),
        (("workflow_run", {"action": "in_progress"}), "Nothing is done"),
    ],
)
def test_what_began_and_what_we_said_ourselves_is_none(told: tuple[str, dict[str, Any]], words: str) -> None:
    said: Event = parse(*told)
    assert isinstance(said, Ignored)
    assert words in said.reason


@pytest.mark.parametrize(
    "told",
    [
        ("check_run", {"action": "completed", "repository": {"id": 5}}),
        event("check_run", head_sha="main"),
        ("status", {"repository": None, "sha": SHA}),
    ],
)
def test_what_says_too_little_is_refused(told: tuple[str, dict[str, Any]]) -> None:
    with pytest.raises(PayloadError):
        parse(*told)


async def test_a_thousand_hints_are_handed_on_together() -> None:
    store = Stirring()
    collected = Hints(store, every_s=0)  # type: ignore[arg-type]
    for number in range(1_000):
        collected.add(5, f"{number % 3:040x}")
    await collected.close()
    assert store.told == [{(5, f"{number:040x}") for number in range(3)}]


async def test_without_hints_nothing_runs() -> None:
    store = Stirring()
    collected = Hints(store, every_s=0)  # type: ignore[arg-type]
    await collected.close()
    collected.add(5, SHA)
    assert collected._flushing is not None
    await collected._flushing
    assert store.told == [{(5, SHA)}]
    await collected.close()
    assert store.told == [{(5, SHA)}]


async def test_hints_outlast_a_database_that_is_away() -> None:
    store = Stirring(down=2)
    collected = Hints(store, every_s=0)  # type: ignore[arg-type]
    collected.add(5, SHA)
    assert collected._flushing is not None
    await collected._flushing
    assert store.told == [{(5, SHA)}]


async def test_a_flood_of_hints_takes_no_more_than_so_much_memory() -> None:
    store = Stirring()
    collected = Hints(store, every_s=0)  # type: ignore[arg-type]
    for number in range(hints.MOST + 100):
        collected.add(5, f"{number:040x}")
    await collected.close()
    assert len(store.told[0]) == hints.MOST
