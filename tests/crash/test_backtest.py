"""`minions backtest` is told to stop by Ctrl-C in the middle of a trial: what was measured stays, and nothing else."""

import json
import os
import re
import secrets
import signal
from pathlib import Path
from typing import Any

import pytest

from app.demo import models
from app.demo.script import Act, Call, Script, Turn
from tests.backtest.merged import UNITS, begin, script, title
from tests.forks import Forks
from tests.stories.patience import until

pytestmark = [pytest.mark.crash, pytest.mark.timeout(300)]

COMMAND = f"sleep 600.0631{secrets.randbelow(10**8):08}"
"""Nothing else on the machine sleeps for so long."""
BLOCKED = Act(
    when=f"(?m)^.*{re.escape(title('yards'))}",
    turns=(Turn(calls=(Call(tool="bash", arguments={"command": COMMAND}),)),),
)


async def test_ctrl_c_keeps_what_was_measured_and_leaves_nothing_else(
    tmp_path: Path, reachable_folder: Path, forks: Forks, processes_of: Any, gone: Any
) -> None:
    """The signal comes while the second pair's command is under way in its box."""
    temporary = reachable_folder / f"backtest-{secrets.token_hex(4)}"
    temporary.mkdir()
    temporary.chmod(0o711)
    units, found = begin(tmp_path / "units"), tmp_path / "found.json"
    pairs = tmp_path / "pairs.json"
    pairs.write_text(json.dumps([{"name": one, "title": title(one), "merged": one} for one in ("feet", "yards")]))
    known = Script(acts=(BLOCKED, *script(UNITS).acts))
    async with models.serve({"slow": known}) as server:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("MINIONS_")} | {
            "TMPDIR": str(temporary),
            "MINIONS_HOME": str(temporary / "home"),
            "MINIONS_MODEL_API_BASE": server.url,
            "MINIONS_MODEL_API_KEY": "sk-of-the-script-1234567890",
            "MINIONS_REVIEW_MODEL": "none",
            "MINIONS_MODEL_PRICE": "0,125",
        }
        words = ("--repo", str(units), "--pairs", str(pairs), "--candidate", "openai/slow", "--jobs", "1")
        process = await forks.heard("backtest", *words, "--json", str(found), environment=environment)

        async def blocked() -> bool:
            assert process.returncode is None, (await process.communicate())[0].decode()
            return any(COMMAND in one for one in processes_of(temporary))

        await until(blocked)
        process.send_signal(signal.SIGINT)
        out = (await process.communicate())[0].decode()
    assert (process.returncode, "Traceback" in out) == (130, False), out
    assert f"Stopped. The same command goes on from {found}. Until now:" in out
    kept = json.loads(found.read_text())
    assert [(one["task"], one["verdict"]) for one in kept["trials"]] == [("feet", "solved")], out
    (solved,) = kept["trials"]
    assert kept["spent_usd"] > solved["usd"] > 0, "the trial that was broken off was paid, too"
    assert await gone(lambda: processes_of(temporary)) == []
    assert list(temporary.glob("minions-run-*")) == []
