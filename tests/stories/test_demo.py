"""`minions demo` where something goes wrong on the way; that it goes well, other stories show."""

import asyncio
import signal

import pytest

from app.demo.show import Play
from app.demo.stage import seed, staged
from tests.forks import Forks
from tests.stories.patience import until

pytestmark = pytest.mark.story


async def test_it_ends_with_the_log_when_minions_ends(forks: Forks, capsys: pytest.CaptureFixture[str]) -> None:
    """Otherwise it would ask a GitHub on which nothing happens any more, for as long as that lets it."""
    async with staged(start=forks.start) as stage:
        play = Play(stage, seed())
        playing = asyncio.create_task(play.perform(600))

        async def is_asked_for() -> bool:
            return "label" in play.told

        await until(is_asked_for)
        await stage.stop_app(signal.SIGKILL)
        assert await playing == 1
    said = capsys.readouterr()
    assert said.err.startswith("Minions ended, with -9. Its log ends:\n")
    assert "Uvicorn running on" in said.err
