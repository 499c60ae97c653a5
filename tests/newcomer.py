"""A Minions that nobody has made an App for, and where it says to begin."""

import asyncio
import os
import re
from typing import Final

from app.demo.stage import Stage
from tests.forks import Forks

NOBODY: Final = {"MINIONS_APP_ID": "", "MINIONS_PRIVATE_KEY_FILE": "", "MINIONS_WEBHOOK_SECRETS": ""}
"""Settings that take the App from a stage."""


async def told_url(stage: Stage, starting: asyncio.Task[None]) -> str:
    """Where the server says to begin."""
    while not (found := re.search(r"Make one: (\S+)", stage.log_end())):
        assert not starting.done(), stage.log_end()
        await asyncio.sleep(0.05)
    return found[1]


async def doctor(stage: Stage, forks: Forks) -> int:
    """The exit code of `minions doctor` with the settings of this installation."""
    process = await forks.heard("doctor", environment={**os.environ, **stage.environment})
    await process.communicate()
    return await process.wait()
