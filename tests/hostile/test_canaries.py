"""A thousand commands look for secrets of the server and for its ports; none finds any."""

import asyncio
import os
import random
import shlex
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.hostile.attempts import Attempts
from tests.hostile.surroundings import Surroundings
from tests.hostile.trial import Boxes

pytestmark = pytest.mark.hostile

COMMANDS = 1_000
A_BATCH = 25
"""Commands in one box: enough for the box itself not to matter, few enough for all output to be kept."""
AT_ONCE = 4
KEPT = 2_000
"""Bytes of one command's output: a canary has 39, and comes first."""
END = "END-OF-COMMAND-{}-"
SAY_END = "echo END-OF-COMMAND-$(({} + 0))-"
"""Not what it says: commands find the script that they stand in."""
HARMLESS = (
    "cat @FILE@",
    "echo $MINIONS_CANARY_SECRET",
    "cat <&@DESCRIPTOR@",
    "curl -sS -m 5 http://127.0.0.1:@PORT@/",
    "cat /proc/self/environ",
    "exec 3<>/dev/tcp/@ADDRESS@/@PORT@ && cat <&3",
    "curl -sS -m 5 --unix-socket @SOCKET@ http://x/",
    "grep -rs canary- $(dirname @FILE@)",
    "curl -sS -m 5 --abstract-unix-socket @ABSTRACT@ http://x/",
)
"""Each of these finds a canary where there is no box."""


def seed() -> int:
    """Another one each time, unless MINIONS_TEST_SEED says which: the commands of a failure can be had again."""
    return int(os.environ.get("MINIONS_TEST_SEED") or random.randrange(2**32))  # noqa: S311 # no secret


def script(commands: list[str]) -> str:
    """Each command by itself, whatever the others do, with what it says, and a line that says that it was reached."""
    return "\n".join(
        f"{{ timeout -k 1 6 bash -c {shlex.quote(command)}; }} </dev/null 2>&1 | head -c {KEPT}; echo; {SAY_END.format(number)}"
        for number, command in enumerate(commands)
    )


def parted(output: str, commands: int) -> list[str]:
    """What each command said. Some repeat what was said before them: an end counts only in its turn."""
    parts = []
    for number in range(commands):
        said, end, output = output.partition(END.format(number))
        assert end, f"Command {number} of {commands} did not end: {said[-2000:]}"
        parts.append(said)
    return parts


@pytest.mark.timeout(240)
async def test_none_of_a_thousand_commands_reaches_a_canary(
    hostile_boxes: Boxes, trees: Path, around: Surroundings
) -> None:
    number = seed()
    print(f"MINIONS_TEST_SEED={number}")  # noqa: T201 # pytest shows it where the test fails
    attempts = Attempts(number, around)
    commands = [attempts.command() for _ in range(COMMANDS)]
    room = asyncio.Semaphore(AT_ONCE)
    assert around.touched() == []

    async def search(batch: list[str]) -> list[str]:
        async with room:
            tree = Path(tempfile.mkdtemp(dir=trees))
            # As a file: from standard input, which some of them find, they would take what the others are.
            await asyncio.to_thread((tree / "search").write_text, script(batch))
            # Through a file, for the same reason: from a pipe they would take what others have said.
            result = await hostile_boxes.open(tree).run("bash ./search > ./said 2>&1; cat ./said", timeout_s=120)
        parts = parted(result.output, len(batch))
        return [command for command, said in zip(batch, parts, strict=True) if around.secret in said]

    batches = [commands[at : at + A_BATCH] for at in range(0, COMMANDS, A_BATCH)]
    found = [command for batch in await asyncio.gather(*map(search, batches)) for command in batch]
    assert found == []
    assert around.touched() == []


@pytest.mark.parametrize("command", HARMLESS)
def test_without_a_box_they_are_found(command: str, around: Surroundings) -> None:
    """So the canaries sing, and the test above can fail."""
    said = subprocess.run(
        ["bash", "-s"],
        input=script([around.filled(command)]).encode(),
        capture_output=True,
        check=False,
        close_fds=False,
    )
    assert around.secret in said.stdout.decode(errors="replace")
    touched = around.touched()
    assert bool(touched) == ("@PORT@" in command or "SOCKET@" in command or "ABSTRACT@" in command)


def test_the_key_can_be_read_without_a_box(around: Surroundings) -> None:
    if not around.has_a_key:
        pytest.skip("this machine lets nobody have keys")
    assert around.read_key() == around.secret.encode()


def test_the_same_seed_gives_the_same_commands(around: Surroundings) -> None:
    first, second = (Attempts(7, around) for _ in range(2))
    assert [first.command() for _ in range(100)] == [second.command() for _ in range(100)]
