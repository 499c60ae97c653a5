import errno
import os
from dataclasses import replace
from difflib import ndiff
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from app.agent.tools.all_tools import Toolset
from app.agent.tools.apply_patch import APPLY_PATCH, ApplyPatchArguments
from app.agent.tools.tool import Desk, Told
from app.agent.tools.v4a import applied, parse
from app.core.blueprint import TOOLS
from app.core.journal import ToolCalled, ToolReturned
from app.core.minion import Submission
from app.core.model import Dialect
from tests.agent.folder import FolderWorkspace
from tests.agent.scripted import SUBMIT, Bench, Messages, say, script


@pytest.mark.parametrize(
    ("dialect", "names"),
    [
        ("edit", ["bash", "read", "search", "edit", "write", "submit", "give_up"]),
        ("apply_patch", ["bash", "read", "search", "apply_patch", "submit", "give_up"]),
        ("whole_file", ["bash", "read", "search", "write", "submit", "give_up"]),
        ("bash", ["bash", "submit", "give_up"]),
    ],
)
def test_each_dialect_has_its_tools(dialect: Dialect, names: list[str]) -> None:
    """A node that may only read stays so in each of them."""
    assert list(Toolset.of(TOOLS, dialect).tools) == names
    assert list(Toolset.of(("read", "submit"), dialect).tools) == ["read", "submit"]


# -- Patches ---------------------------------------------------------------------------------------------------------
def wrapped(*rows: str) -> str:
    return "\n".join(["*** Begin Patch", *rows, "*** End Patch"])


async def patched(desk: Desk, *rows: str) -> Told:
    return await APPLY_PATCH.run(ApplyPatchArguments(patch=wrapped(*rows)), desk)


GREET = b"class A:\n    def greet(self):\n        return 1\n\nclass B:\n    def greet(self):\n        return 1\n"


@pytest.mark.parametrize(
    ("before", "rows", "after"),
    [
        pytest.param(b"a\nb\nc\n", [" a", "-b", "+B", " c"], b"a\nB\nc\n", id="one place"),
        pytest.param(b"a\r\nb\r\nc\r\n", [" a", "-b", "+B", "+x", " c"], b"a\r\nB\r\nx\r\nc\r\n", id="CRLF"),
        pytest.param(b"\xef\xbb\xbfa\nb\n", ["-a", "+A", " b"], b"\xef\xbb\xbfA\nb\n", id="BOM"),
        pytest.param(b"a\nb", [" a", "-b", "+B"], b"a\nB", id="no final newline"),
        pytest.param(b"caf\xe9\nb\n", [" café", "-b", "+B"], b"caf\xe9\nB\n", id="Latin-1"),
        pytest.param(b"a  \nb\n", [" a", "-b", "+B"], b"a  \nB\n", id="blanks at the end of a line of context stay"),
        pytest.param(b"\tif x:\n\t\ty\n", [" if x:", "-y", "+\t\tz"], b"\tif x:\n\t\tz\n", id="wrong indentation"),
        pytest.param(
            GREET,
            ["@@ class B:", "     def greet(self):", "-        return 1", "+        return 2"],
            GREET[: GREET.rindex(b"1")] + b"2\n",
            id="below a line",
        ),
        pytest.param(
            GREET,
            [
                "@@ class A:",
                "-        return 1",
                "+        return 2",
                "@@ class B:",
                "-        return 1",
                "+        return 3",
            ],
            GREET.replace(b"1", b"2", 1).replace(b"1", b"3", 1),
            id="two places",
        ),
        pytest.param(b"a\nb\n", ["@@ a", "+x"], b"a\nx\nb\n", id="nothing but new lines, below a line"),
        pytest.param(b"a\nb\n", ["@@", "+x"], b"a\nb\nx\n", id="nothing but new lines, at the end"),
        pytest.param(b"a\n\nb\n", [" a", "", "-b", "+B"], b"a\n\nB\n", id="an empty line of context"),
        pytest.param(b"x\ny\nx\n", ["-x", "+z", "*** End of File"], b"x\ny\nz\n", id="at the end of the file"),
    ],
)
async def test_a_patch_changes_nothing_but_its_places(
    tree: Path, desk: Desk, before: bytes, rows: list[str], after: bytes
) -> None:
    (tree / "f").write_bytes(before)
    told = await patched(desk, "*** Update File: f", *rows)
    assert told.ok, told.text
    assert (tree / "f").read_bytes() == after


ROWS = st.lists(st.sampled_from(["a", "b", "  a", "", "a  ", "+x", "@@ y", "*** z"]), min_size=1, max_size=8)


@given(ROWS, ROWS, st.sampled_from(["\n", "\r\n"]), st.sampled_from([0, 1]))
@example([""], ["a", ""], "\n", 1)
def test_every_patch_with_all_of_its_context_is_applied_exactly(
    before: list[str], after: list[str], end: str, ends_with_it: int
) -> None:
    """Whatever the lines look like, and whatever they end with."""
    rows = [row for row in ndiff(before, after) if not row.startswith("?")]
    patch = wrapped("*** Update File: f", "@@", *(f"{row[0]}{row[2:]}" for row in rows))
    [file] = parse(patch)
    data = (end.join(before) + end * ends_with_it).encode()
    assume(end.encode() in data)
    assert applied(file, data) == (end.join(after) + end * ends_with_it).encode()


def test_behind_the_last_newline_there_is_no_line() -> None:
    [file] = parse(wrapped("*** Update File: f", "-", "+a"))
    assert applied(file, b"\n") == b"a\n"


@pytest.mark.parametrize(
    ("rows", "word"),
    [
        (["*** Update File: f", "-x", "+y"], "does not stand in the file"),
        (["*** Update File: f", "-a", "+y"], "stands 2 times in the file, at lines 1, 3"),
        (["*** Update File: f", "@@ class C:", "-a", "+y"], "there is no line 'class C:'"),
        (["*** Update File: f", "a"], "each line begins with"),
        (["*** Update File: missing", "-a", "+b"], "There is no 'missing'"),
        (["*** Update File: ../secret", "-a", "+b"], "no file of the repository"),
        (["*** Update File: folder", "-a", "+b"], "no file of the repository"),
        (["*** Add File: f", "+b"], "exists already"),
        (["*** Delete File: missing"], "There is no 'missing'"),
        (["*** Update File: f", " b", "*** Update File: f", " b"], "twice"),
        (["*** Update File: f", "*** Move to: h", " b", "*** Add File: h", "+x"], "h stands in the patch twice"),
        (["*** Update File: f", "*** Move to: taken", " b"], "taken exists already"),
        (["*** Update File: f", "*** Move to: folder", " b"], "no file of the repository"),
        (["*** Update File: f", "*** Move to: ../f", " b"], "no file of the repository"),
        (["*** Add File: f/below", "+x"], "no file of the repository"),
        (["*** Add File: .GIT/hooks/x", "+x"], "git's own"),
        (["*** Update File: f", "*** Move to: .git/f", " b"], "git's own"),
        (["*** Add File: new.py", "+def f():", "    return 1"], "each line of a new file begins with `+`"),
        (["-a"], "Before the first line of a file"),
        ([], "holds no file"),
    ],
)
async def test_a_patch_that_does_not_fit_changes_nothing(tree: Path, desk: Desk, rows: list[str], word: str) -> None:
    """Not even the places and files that would fit."""
    (tree / "f").write_bytes(b"a\nb\na\n")
    (tree / "g").write_bytes(b"1\n")
    (tree / "folder").mkdir()
    (tree / "taken").touch()
    good = ["*** Update File: g", "-1", "+2"] if rows and rows[0].startswith("***") else []
    told = await patched(desk, *good, *rows)
    assert not told.ok
    assert word in told.text
    assert told.text.endswith("Nothing was changed.")
    assert ((tree / "f").read_bytes(), (tree / "g").read_bytes()) == (b"a\nb\na\n", b"1\n")


async def test_a_patch_adds_moves_and_deletes_files(tree: Path, desk: Desk) -> None:
    """A file that moves keeps its mode."""
    (tree / "old name").write_bytes(b"#!/bin/sh\necho 1\n")
    (tree / "old name").chmod(0o755)
    (tree / "gone").write_bytes(b"x\n")
    told = await patched(
        desk,
        *("*** Add File: new/a.txt", "+one", "+two"),
        *("*** Update File: old name", "*** Move to: bin/it's new", "-echo 1", "+echo 2"),
        "*** Delete File: gone",
    )
    assert told.ok, told.text
    paths = [await desk.workspace.paths(folder) for folder in ("", "bin", "new")]
    assert paths == [["bin/", "new/"], ["it's new"], ["a.txt"]]
    assert (tree / "bin/it's new").read_bytes() == b"#!/bin/sh\necho 2\n"
    assert (tree / "bin/it's new").stat().st_mode & 0o777 == 0o755
    assert (tree / "new/a.txt").read_bytes() == b"one\ntwo\n"


@pytest.mark.parametrize(
    ("rows", "after"),
    [
        (
            ["*** Add File: n", "+a", "", "+b", "", "*** Update File: f", "-x", "+y", ""],
            {"n": b"a\n\nb\n", "f": b"y\n"},
        ),
        (["*** Update File: /repo/f", "-x", "+y"], {"f": b"y\n"}),
        (["*** Update File: f", "*** Move to: sub/f"], {"sub/f": b"x\n"}),
        (["*** Update File: f", " x"], {"f": b"x\n"}),
        (["*** Add File: n"], {"n": b"", "f": b"x\n"}),
    ],
)
async def test_a_patch_is_taken_for_what_it_can_only_mean(
    tree: Path, desk: Desk, rows: list[str], after: dict[str, bytes]
) -> None:
    """Empty rows part files, or are empty lines; each answer says something."""
    (tree / "f").write_bytes(b"x\n")
    told = await patched(desk, *rows)
    assert (told.ok, bool(told.text)) == (True, True)
    assert files(tree) == after


def files(tree: Path) -> dict[str, bytes]:
    return {str(path.relative_to(tree)): path.read_bytes() for path in tree.rglob("*") if path.is_file()}


class Full(FolderWorkspace):
    """A tree in which no room is left for one file."""

    async def write(self, path: str, data: bytes) -> None:
        if path == "b":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)
        await super().write(path, data)


async def test_a_patch_that_stops_half_way_says_how_far_it_came(tree: Path, desk: Desk) -> None:
    desk = replace(desk, workspace=Full(tree))
    told = await patched(desk, "*** Add File: a", "+1", "*** Add File: b", "+2", "*** Add File: c", "+3")
    assert not told.ok
    assert told.text == (
        "Wrote a: 2 bytes.\n"
        "b: No space left on device. This file and those behind it in the patch are not done, the others are."
    )
    assert files(tree) == {"a": b"1\n"}


async def test_a_minion_works_with_patches(bench: Bench) -> None:
    patch = wrapped("*** Update File: hello.txt", "-hello world", "+hello moon")
    model = bench.model(script(say("", ("apply_patch", {"patch": patch})), say("", SUBMIT)), dialect="apply_patch")
    assert isinstance(await bench.work(model), Submission)
    assert await bench.workspace.read("hello.txt") == b"hello moon\r\n"


# -- Words instead of tool calls -------------------------------------------------------------------------------------
async def test_a_minion_works_by_words_alone(bench: Bench) -> None:
    """It is told of its tools, gets results as words of the user, and nobody speaks twice in a row."""
    asked: list[Messages] = []

    def policy(messages: Messages) -> dict[str, Any]:
        asked.append(messages)
        assert all(set(message) == {"role", "content"} for message in messages)
        roles = [message["role"] for message in messages]
        assert all(one != other for one, other in pairwise(roles))
        turns = [
            say("I look.\n```bash\ncat hello.txt\n```"),
            say("I think aloud."),
            say("An example:\n```python\nprint()\n```\nNow:\n```bash\nsed -i s/world/moon/ hello.txt\n```\n"),
            say('```submit\n{"summary": "Greets the moon."}\n```'),
        ]
        return turns[len(asked) - 1]

    model = bench.model(policy, dialect="bash")
    model.wants_tools = False
    result = await bench.work(model)
    assert isinstance(result, Submission)
    assert result.summary == "Greets the moon."
    assert await bench.workspace.read("hello.txt") == b"hello moon\r\n"
    assert "- submit: " in asked[0][0]["content"]
    assert asked[1][-1]["content"].startswith("[result]\n[exit code 0")
    assert [entry.tool for entry in bench.kept(ToolCalled)] == ["bash", "bash", "submit"]


async def test_a_block_may_hold_fences_that_are_shorter(bench: Bench) -> None:
    page = "# Use\n```python\nprint()\n```\nThat is all.\n"
    model = bench.model(
        script(
            say(f"Now:\n````bash\ncat > page.md <<'EOF'\n{page}EOF\n````\n"), say('```submit\n{"summary": "x"}\n```')
        ),
        dialect="bash",
    )
    model.wants_tools = False
    assert isinstance(await bench.work(model), Submission)
    assert await bench.workspace.read("page.md") == page.encode()


async def test_half_a_block_is_no_call_if_the_answer_was_cut_off(bench: Bench) -> None:
    turns = script(
        say("```bash\nrm -rf hello", finish="length"),
        say("```bash\necho whole"),
        say('```submit\n{"summary": "x"}\n```'),
    )
    model = bench.model(turns, dialect="bash")
    model.wants_tools = False
    await bench.work(model)
    assert bench.kept(ToolCalled)[0].arguments == {"command": "echo whole"}
    assert bench.kept(ToolReturned)[0].text.endswith("whole")
