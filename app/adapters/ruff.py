"""Static analysis of Python by ruff's rules of flake8-bandit.

On the host, and not in the box: boxes have the machine's programs, of which ruff is none, and a program that a
repository brings could say what it likes. The text comes in by a pipe, no file and no configuration of the repository
is read, `noqa` does not count, and ruff parses what it is given and runs nothing of it.
"""

import asyncio
import json
import logging
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Sequence
from typing import Final

from ruff import find_ruff_bin

from app.core.analysis import Flaw

_log = logging.getLogger(__name__)

_SECONDS: Final = 20.0
"""A file of a megabyte takes half a second."""
_MEMORY_BYTES: Final = 2 * 1024**3
_RULES: Final = (
    "S102,S113,S301,S302,S306,S307,S323,S324,S501,S502,S503,S504,S505,S506,S507,S602,S604,S605,S608,S609,S701"
)
"""https://docs.astral.sh/ruff/rules/#flake8-bandit-s. Left out is what ordinary code is full of, and secrets."""


class RuffAnalysis:
    """`Analysis` of `app.core.analysis`, for Python."""

    async def flaws(self, path: str, text: str) -> Sequence[Flaw] | None:
        """As `Analysis` says."""
        if not path.endswith(".py"):
            return None
        process = await asyncio.create_subprocess_exec(
            *("prlimit", f"--as={_MEMORY_BYTES}", "--core=0", "--", find_ruff_bin(), "check"),
            *("--isolated", "--no-cache", "--ignore-noqa", "--quiet", "--exit-zero", "--output-format=json"),
            *("--target-version=py311", f"--select={_RULES}", "--stdin-filename=text.py", "-"),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env={},
            cwd="/",
        )
        try:
            async with asyncio.timeout(_SECONDS):
                out, _ = await process.communicate(text.encode(errors="replace"))
            return [_flaw(one) for one in json.loads(out) if (one.get("code") or "").startswith("S")]
        except (TimeoutError, ValueError, KeyError, TypeError) as error:
            _log.info("Static analysis tells nothing of %s: %r", path, error)
            return None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


def _flaw(said: dict[str, object]) -> Flaw:
    place = said["location"]
    if not isinstance(place, dict):
        raise TypeError("no location")
    return Flaw(rule=str(said["code"]), line=int(place["row"]), message=str(said["message"]))
