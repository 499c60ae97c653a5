"""Run a command in the box."""

import re
import shlex
from hashlib import sha256
from typing import Final

from pydantic import Field

from app.agent.background import MOST, STARTED
from app.agent.tools.tool import Arguments, Desk, Told, Tool, clipped
from app.core.sandbox import CommandResult

_ESCAPES: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-_])")
"""ECMA-48 control sequences: colours, cursor movement, window titles."""
_LONGEST_S: Final = 600
_KEEP_S: Final = 60.0
"""To write down what is not shown, which takes milliseconds."""


class BashArguments(Arguments, frozen=True):
    """A command."""

    command: str = Field(
        min_length=1, max_length=100_000, description="For `bash -c`, in the root of the repository. No input is given."
    )
    timeout_s: int = Field(default=120, ge=1, le=_LONGEST_S, description="After so many seconds it is killed.")
    background: bool = Field(
        default=False,
        description="Do not wait for it: its output goes to a log. It is killed at the end of your work at the latest.",
    )


async def _run(arguments: BashArguments, desk: Desk) -> Told:
    if arguments.background:
        return _start(arguments, desk)
    timeout_s = max(min(float(arguments.timeout_s), desk.seconds_left), 1.0)
    result = await desk.sandbox.run(arguments.command, timeout_s=timeout_s)
    text = plain(result.output)
    shown = clipped(text)
    kept = await _kept(text, desk) if shown != text else ""
    return Told(f"{_verdict(result, timeout_s)}\n{kept}{shown}".rstrip(), ok=result.ok)


async def _kept(text: str, desk: Desk) -> str:
    """Where the minion finds a long output, so that it need not run the command again to see more of it.

    The name follows from the text: played again from its record, a run is told the same.
    """
    path = desk.background.logs / f"output-{sha256(text.encode()).hexdigest()[:12]}.log"
    written = await desk.sandbox.run(f"cat >{shlex.quote(str(path))}", timeout_s=_KEEP_S, stdin=text.encode())
    return f"[more of it: {path}]\n" if written.ok else ""


def _start(arguments: BashArguments, desk: Desk) -> Told:
    if desk.background.running >= MOST:
        return Told(f"[{MOST} commands are running in the background already: wait for one to end]", ok=False)
    own = "timeout_s" in arguments.model_fields_set
    timeout_s = max(min(float(arguments.timeout_s), desk.seconds_left) if own else desk.seconds_left, 1.0)
    try:
        log = desk.background.start(desk.sandbox, arguments.command, timeout_s)
    except ValueError as error:
        return Told(f"[{error}]", ok=False)
    return Told(f"{STARTED}its output goes to {log}, with `[exit code N]` as its last line. Look with: tail {log}]")


def plain(output: str) -> str:
    """`output` as a terminal would show it in the end: no escapes, of a progress bar only its last state."""
    text = _ESCAPES.sub("", output).replace("\r\n", "\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))


def _verdict(result: CommandResult, timeout_s: float) -> str:
    if result.timed_out:
        return f"[killed after {timeout_s:.0f} s; everything that it started is dead]"
    left_out = f", {result.left_out_bytes:,} bytes left out in the middle" if result.left_out_bytes else ""
    return f"[exit code {result.exit_code}, {result.seconds:.1f} s{left_out}]"


BASH: Final = Tool(
    name="bash",
    purpose=(
        "Run a command in the repository's sandbox: tests, linters, git diff, file operations. Each call is a new "
        "shell in the repository's root; nothing that it starts lives on after it. There is no network, no terminal. "
        "Answers with the exit code and the output, shortened in the middle if it is long: a log then has more of it. "
        "With `background` a long build or test run goes on beside other calls; a server is better started and asked "
        "in one command."
    ),
    arguments=BashArguments,
    run=_run,
    repeatable=False,
    alters=True,
)
