"""What a minion is told by its tools of awkward files, paths and commands, in a real work tree and a real box.

An answer that helps says what is there and what to do instead; none of these may end the work or harm the tree.
"""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from app.adapters.sandbox.bubblewrap.boxes import BubblewrapBoxes
from app.adapters.workspace.workspace import GitWorkspace
from app.agent.tools.all_tools import chosen
from app.agent.tools.attempt import attempted
from app.agent.tools.tool import Desk, Told
from tests.workspaces import Origin, do, made

pytestmark = pytest.mark.contract

_AWKWARD: Final = r"""
mkfifo fifo; ln -s loop2 loop1; ln -s loop1 loop2; ln -s /etc/passwd out; ln -s nothing dangling
truncate -s 30000000 large; printf '\0\1' > binary; printf 'caf\351\n' > latin.txt; chmod 444 latin.txt
seq 1 500 > long.txt; seq 1 400 > medium.txt; head -c 800000 /dev/zero | tr '\0' y > line.txt
mkdir dir; echo in > dir/in.txt; printf 'needle\n' > dir/needle.txt
"""
OUTSIDE: Final = "leads out of the repository: give a path relative to its root."

LARGE: Final = "at most 20,971,520 can be read at once: look at a part of it by a command."


@pytest.fixture
async def workspace(home: Path, boxes: BubblewrapBoxes) -> GitWorkspace:
    origin = Origin(home / "origin", {"code.py": "def a():\n    return 1\n", "deep/down/far.py": "far = 1\n"})
    workspace = made(home / "data", boxes, "copied").open(1, 7, origin.remote)
    await workspace.check_out(origin.base)
    await do(workspace, _AWKWARD)
    return workspace


@pytest.fixture
def desk(workspace: GitWorkspace) -> Desk:
    return Desk(workspace.sandbox, workspace, seconds_left=60)


async def use(desk: Desk, name: str, given: dict[str, Any]) -> Told:
    """As the loop does: what is wrong with the arguments is an answer, too."""
    tool = chosen([name])[name]
    try:
        return await attempted(tool, tool.parse(given), desk)
    except ValueError as error:
        return Told(str(error), ok=False)


async def test_no_path_is_too_strange_to_be_told(desk: Desk, workspace: GitWorkspace) -> None:
    before = await workspace.patch()
    read = {
        "large": f"large has 30,000,000 bytes; {LARGE}",
        "fifo": "fifo is not an ordinary file.",
        "/proc/self/environ": f"/proc/self/environ {OUTSIDE}",
        "/dev/zero": f"/dev/zero {OUTSIDE}",
        "../x": f"../x {OUTSIDE}",
        "out": f"out {OUTSIDE}",
        "loop1": f"loop1 {OUTSIDE}",
        "dangling": "There is no 'dangling' in the repository. It is a link to nothing.",
        "cod.py": "There is no 'cod.py' in the repository. There is 'code.py'.",
        "src/far.py": "There is no 'src/far.py' in the repository. There is 'deep/down/far.py'.",
        "nowhere/at/all": "There is no 'nowhere/at/all' in the repository.",
        "code.py/x": "A part of 'code.py/x' is a file, not a folder.",
    }
    assert {path: (await use(desk, "read", {"path": path})).text for path in read} == read
    write = {
        "code.py/x": "A part of 'code.py/x' is a file, not a folder.",
        ".git/config": ".git/config is git's own; change files, git follows.",
        ".GIT/config": ".GIT/config is git's own; change files, git follows.",
        "dir/.git/hooks/x": "dir/.git/hooks/x is git's own; change files, git follows.",
        "out": f"out {OUTSIDE}",
        "/usr/x": f"/usr/x {OUTSIDE}",
        "fifo": "fifo is not an ordinary file.",
        "dangling": "dangling is a link to nothing; delete it first.",
        "dir": "'dir' is a folder.",
        "new/": "'new/' is a folder.",
        "y" * 300: f"{'y' * 300!r}: File name too long.",
        "nul\0": "write: a NUL character stands in the arguments",
    }
    said = {path: (await use(desk, "write", {"path": path, "content": "a"})).text for path in write}
    assert {path: text[: len(write[path])] for path, text in said.items()} == write
    for path in ("fifo", "out", "dir", "large", "binary", "missing"):
        assert not (await use(desk, "edit", {"path": path, "old": "root", "new": "b"})).ok
    assert await workspace.patch() == before


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("(setsid sleep 1000 &); sleep 1000 & echo out", "[exit code 0, T]\nout"),
        ("printf 'no newline'", "[exit code 0, T]\nno newline"),
        (r"printf '\377\376 a'", "[exit code 0, T]\n\ufffd\ufffd a"),
        (r"printf '\033[31mred\033[0m\r\n10%%\r99%%\n'", "[exit code 0, T]\nred\n99%"),
        ('cat; read line; echo "got $line."', "[exit code 0, T]\ngot ."),
        ("exec >&- 2>&-; echo out", "[exit code 1, T]"),
        ("kill -9 $$", "[exit code 137, T]"),
        ("exit 300", "[exit code 44, T]"),
        ("echo '", "[exit code 2, T]\n/bin/bash: -c: line 1: unexpected EOF while looking for matching `''"),
        ("cd nowhere && ls", "[exit code 1, T]\n/bin/bash: line 1: cd: nowhere: No such file or directory"),
        (
            f"cat <<'E'\n{'é' * 60_000}\nE",
            "[exit code 126, T]\nThe command has 120012 bytes, more than the 100000 that",
        ),
    ],
)
async def test_no_command_is_too_strange_to_be_told(desk: Desk, command: str, told: str) -> None:
    text = re.sub(r"\d+\.\d s\]", "T]", (await use(desk, "bash", {"command": command})).text, count=1)
    assert text[: len(told)] == told
    assert len(text) == len(told) or command.startswith("cat <<")


async def test_a_flood_and_a_bomb_are_told_in_few_words(desk: Desk) -> None:
    """Neither memory nor the conversation fills; the next command runs as ever."""
    flood = await use(desk, "bash", {"command": "yes | head -c 200000000"})
    assert flood.text.startswith("[exit code 0, ")
    assert "199,934,464 bytes left out in the middle" in flood.text
    assert len(flood.text) < 16_500
    bomb = await use(desk, "bash", {"command": ":(){ :|:& };:; sleep 1; echo survived", "timeout_s": 20})
    assert len(bomb.text) < 16_500
    assert (await use(desk, "bash", {"command": "echo fine"})).text.endswith("fine")


async def test_no_search_is_too_strange_to_be_told(desk: Desk) -> None:
    said = {
        "(": (False, "[the search failed]\nregex parse error:\n    (\n    ^\nerror: unclosed group"),
        "--files": (True, "[nothing found]"),
        "-e needle": (True, "[nothing found]"),
        "a\\nb": (True, "[nothing found]"),
        "(?<=nee)dle": (True, "dir/needle.txt:1:needle"),
    }
    for pattern, (ok, text) in said.items():
        found = await use(desk, "search", {"pattern": pattern})
        assert (found.ok, found.text) == (ok, text), pattern
    gone = await use(desk, "search", {"pattern": "x", "path": "nowhere"})
    assert gone.text == "[the search failed]\nnowhere: No such file or directory (os error 2)"
    stopped = await use(replace(desk, seconds_left=2), "search", {"pattern": "x", "path": "fifo"})
    assert (stopped.ok, "narrow the pattern" in stopped.text) == (False, True)


async def test_odd_files_are_edited_as_they_are(desk: Desk, workspace: GitWorkspace) -> None:
    """One that is read-only stays so, and so does its encoding; a line of 800,000 characters is no trouble."""
    assert (await use(desk, "edit", {"path": "latin.txt", "old": "café", "new": "thé"})).ok
    assert await workspace.read("latin.txt") == b"th\xe9\n"
    assert await do(workspace, "stat -c %a latin.txt") == "444\n"
    told = await use(desk, "edit", {"path": "line.txt", "old": "y" * 100, "new": "z"})
    assert "stands 8000 times in the file" in told.text
    assert not (await use(desk, "write", {"path": "long.txt", "content": "short\n"})).ok
    assert (await use(desk, "write", {"path": "medium.txt", "content": "short\n"})).ok
