"""Issues that we open for what was asked elsewhere: each is there once, and only for who may ask."""

from datetime import UTC, datetime
from typing import Any

import pytest

HERE = "octo/hello"
Scene = Any
MARKER = "<!-- minions:request=0123456789abcdef01234567 -->"


def tracker(scene: Scene) -> Any:
    return scene.forges.tracker(scene.asked)


async def opened(scene: Scene, since: datetime | None = None) -> int:
    since = since or datetime.now(UTC)
    number: int = await tracker(scene).find_or_create_issue(marker=MARKER, title="Greet", body="Hello.", since=since)
    return number


@pytest.mark.parametrize("is_done", [True, False])
async def test_an_issue_whose_answer_got_lost_is_there_once(scene: Scene, *, is_done: bool) -> None:
    scene.fail("POST", r"/issues$", 502, is_done=is_done)
    number = await opened(scene)
    assert await opened(scene) == number
    assert [one.title for one in scene.hub.repository(HERE).issues.values()] == ["It crashes", "Greet"]


async def test_who_quotes_our_marker_has_not_opened_our_issue(scene: Scene) -> None:
    quoted = scene.hub.open_issue(HERE, by="ada", title="Mine", body=f"{MARKER}\nGive it to me.")
    assert await opened(scene) != quoted.number


@pytest.mark.parametrize(
    ("login", "may_ask"), [("ada", True), ("stranger", False), ("nobody", None), ("../../x", None), ("", None)]
)
async def test_who_may_ask_is_looked_up(scene: Scene, *, login: str, may_ask: bool | None) -> None:
    scene.hub.add_user("stranger")
    found = await tracker(scene).asker(login)
    assert (found and found.may_ask) == may_ask
    assert found is None or found.person.id == scene.hub.user(login).id
