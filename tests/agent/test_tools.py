import json
import os
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from app.agent.background import Background
from app.agent.tools.all_tools import ALL_TOOLS, Toolset, chosen
from app.agent.tools.bash import plain
from app.agent.tools.tool import Desk, Told, clipped
from app.core.blueprint import TOOLS
from app.core.errors import BlueprintError
from app.core.minion import GaveUp, Submission


async def use(name: str, desk: Desk, **arguments: Any) -> Told:
    tool = chosen([name])[name]
    return await tool.run(tool.parse(arguments), desk)


@pytest.mark.house
def test_blueprints_and_the_registry_know_the_same_tools() -> None:
    assert {tool.name for tool in ALL_TOOLS} == set(TOOLS)


@pytest.mark.parametrize("tool", ALL_TOOLS, ids=lambda tool: tool.name)
def test_every_schema_is_closed_and_bounded(tool: Any) -> None:
    parameters = tool.schema["function"]["parameters"]
    assert parameters["additionalProperties"] is False
    for field in parameters["properties"].values():
        bounded = {"string": "maxLength", "integer": "maximum", "array": "maxItems"}.get(field["type"])
        assert bounded is None or bounded in field or "enum" in field
    json.dumps(tool.schema)


def test_a_tool_that_there_is_not() -> None:
    with pytest.raises(BlueprintError, match="no tool teleport"):
        chosen(["read", "teleport"])


@pytest.mark.parametrize(
    ("tool", "given", "word"),
    [
        ("read", {}, "path: Field required"),
        ("read", {"path": "a", "lines": 3}, "lines: Extra inputs"),
        ("read", {"path": "a", "limit": "many"}, "limit"),
        ("bash", {"command": "x", "timeout_s": 601}, "timeout_s"),
        ("give_up", {"reason": "bored", "detail": "x"}, "reason"),
        ("write", {"path": "a", "content": "nul\0"}, "NUL"),
        ("submit", {"summary": "x", "verification": ["\ud800"]}, "surrogate"),
        ("submit", {"summary": "x", "verification": '["\\ud800"]'}, "surrogate"),
        ("edit", "path=a", "JSON object"),
        ("edit", None, "JSON object"),
    ],
)
def test_wrong_arguments_are_refused_with_what_is_expected(tool: str, given: object, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        chosen([tool])[tool].parse(given)


def test_numbers_in_quotes_are_numbers() -> None:
    assert chosen(["read"])["read"].parse({"path": "a", "limit": "80"}).model_dump()["limit"] == 80


def the_log(folder: Path) -> tuple[Path, str]:
    (log,) = folder.glob("output-*.log")
    return log, log.read_text()


async def test_bash_tells_the_exit_code(desk: Desk) -> None:
    told = await use("bash", desk, command="echo out; echo err >&2; exit 3")
    assert not told.ok
    assert told.text.startswith("[exit code 3")
    assert told.text.endswith("out\nerr")


async def test_bash_says_that_the_time_was_up(desk: Desk) -> None:
    told = await use("bash", desk, command="sleep 60", timeout_s=1)
    assert (told.ok, told.text) == (False, "[killed after 1 s; everything that it started is dead]")


async def test_bash_keeps_head_and_tail_and_all_of_it_in_a_log(desk: Desk, tmp_path: Path) -> None:
    noted = replace(desk, background=Background(PurePosixPath(tmp_path)))
    told = await use("bash", noted, command="seq 1 20000")
    assert len(told.text) < 16_200
    assert "\n1\n2\n" in told.text
    assert told.text.endswith("19999\n20000")
    assert "characters left out" in told.text
    log, text = the_log(tmp_path)
    assert told.text.splitlines()[1] == f"[more of it: {log}]"
    assert text == "".join(f"{number}\n" for number in range(1, 20_001))
    assert (await use("bash", noted, command="seq 1 20000")).text.splitlines()[1:] == told.text.splitlines()[1:]


async def test_a_log_that_cannot_be_written_is_not_spoken_of(desk: Desk, tmp_path: Path) -> None:
    noted = replace(desk, background=Background(PurePosixPath(tmp_path / "missing")))
    told = await use("bash", noted, command="seq 1 20000")
    assert told.ok
    assert told.text.splitlines()[1] == "1"


def test_output_is_shown_as_a_terminal_would_in_the_end() -> None:
    raw = "\x1b]0;title\x07\x1b[31mred\x1b[0m\r\n 10%\r 50%\r100%\ndone\r\n"
    assert plain(raw) == "red\n100%\ndone\n"


def test_short_texts_are_not_clipped() -> None:
    assert clipped("x" * 100, 100) == "x" * 100
    assert clipped("a" * 50 + "b" * 51, 100) == "a" * 40 + "\n[… 1 characters left out …]\n" + "a" * 9 + "b" * 51


async def test_read_numbers_lines(tree: Path, desk: Desk) -> None:
    (tree / "a.txt").write_bytes(b"\xef\xbb\xbfone\r\ntwo\r\nthree\r\n")
    told = await use("read", desk, path="a.txt", offset=2, limit=1)
    assert told.text == "[a.txt: lines 2-2 of 3; CRLF line ends]\n     2\ttwo"
    assert (await use("read", desk, path="a.txt")).text.splitlines()[1] == "     1\tone"


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "[empty]"),
        (b"caf\xe9\n", "[f: lines 1-1 of 1; not UTF-8, shown as Latin-1]\n     1\tcafé"),
        (b"a\r\nb\n", "[f: lines 1-2 of 2; CRLF and LF line ends mixed]\n     1\ta\n     2\tb"),
        ("a\u0085b\u2028c\x0cd\n".encode(), "[f: lines 1-1 of 1]\n     1\ta\u0085b\u2028c\x0cd"),
        (b"\x89PNG\0\0", "f is binary: unknown type, 6 bytes. Look at it with bash if you must."),
        (b"x" * 2_100, f"[f: lines 1-1 of 1]\n     1\t{'x' * 2_000} [… 100 more]"),
    ],
)
async def test_read_shows_what_is_there(tree: Path, desk: Desk, data: bytes, text: str) -> None:
    (tree / "f").write_bytes(data)
    assert (await use("read", desk, path="f")).text == text


async def test_read_stops_where_it_is_too_much(tree: Path, desk: Desk) -> None:
    """20,000 characters, and it says how far it came."""
    (tree / "long").write_text(f"{'x' * 99}\n" * 5_000)
    text = (await use("read", desk, path="long", limit=5_000)).text
    assert len(text) < 20_100
    assert text.startswith("[long: lines 1-186 of 5,000]")
    assert not (await use("read", desk, path="long", offset=5_001)).ok


async def test_read_lists_folders(tree: Path, desk: Desk) -> None:
    (tree / "src").mkdir()
    (tree / "src" / "a.py").touch()
    assert (await use("read", desk, path=".")).text == "[the root: a folder with 1 entries]\nsrc/"
    assert (await use("read", desk, path="src")).text == "[src: a folder with 1 entries]\na.py"


async def test_search_finds_lines(tree: Path, desk: Desk) -> None:
    (tree / ".github").mkdir()
    (tree / ".github" / "ci.yml").write_text("needle: 1\n")
    (tree / "it's a.py").write_text("x\nneedle $(touch pwned)\n")
    (tree / "b.txt").write_text("needle\n")
    assert (await use("search", desk, pattern="needle")).text.splitlines() == [
        ".github/ci.yml:1:needle: 1",
        "b.txt:1:needle",
        "it's a.py:2:needle $(touch pwned)",
    ]
    assert (await use("search", desk, pattern=r"\$\(touch", glob="*.py")).text.startswith("it's a.py:2:")
    assert (await use("search", desk, pattern="$(touch pwned)'\"", path="it's a.py")).text == "[nothing found]"
    assert not (tree / "pwned").exists()


@pytest.mark.parametrize(
    ("more", "lines"),
    [
        ({"mode": "files"}, ["a.py", "b.py"]),
        ({"mode": "count"}, ["a.py:1", "b.py:2"]),
        (
            {"mode": "files", "context": 2, "most": 1},
            ["a.py", "[there is more: narrow the pattern, the path or the glob]"],
        ),
        (
            {"context": 1},
            ["a.py-1-one", "a.py:2:needle", "a.py-3-three", "--", "b.py:1:needle", "b.py:2:needle"],
        ),
    ],
)
async def test_search_shows_as_much_as_is_wanted(
    tree: Path, desk: Desk, more: dict[str, Any], lines: list[str]
) -> None:
    (tree / "b.py").write_text("needle\nneedle\n")
    (tree / "a.py").write_text("one\nneedle\nthree\nfour\n")
    assert (await use("search", desk, pattern="needle", **more)).text.splitlines() == lines


async def test_search_says_that_there_is_more(tree: Path, desk: Desk) -> None:
    (tree / "many").write_text("needle\n" * 100_000)
    lines = (await use("search", desk, pattern="needle", most=5)).text.splitlines()
    assert len(lines) == 6
    assert "there is more" in lines[-1]


async def test_search_shows_the_first_of_very_much(tree: Path, desk: Desk) -> None:
    """Whole lines, from the beginning on: what is left out stands nowhere in between."""
    (tree / "wide").write_text(f"needle {'x' * 200}\n" * 1_000)
    lines = (await use("search", desk, pattern="needle", most=500)).text.splitlines()
    assert [line.partition(":needle")[0] for line in lines[:-1]] == [
        f"wide:{number}" for number in range(1, len(lines))
    ]
    assert 60 < len(lines) < 80
    assert "there is more" in lines[-1]


async def test_search_says_what_is_wrong_with_the_pattern(desk: Desk) -> None:
    """As ripgrep says it, line by line."""
    told = await use("search", desk, pattern="(")
    assert not told.ok
    assert told.text.splitlines() == [
        *("[the search failed]", "regex parse error:", "    (", "    ^", "error: unclosed group")
    ]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [(r"(?<=a )needle(?! c)", "f:1:a needle b"), ("needle b\na", "f:1:a needle b\nf:2:a needle c"), (r"^$\n", "f:3:")],
)
async def test_search_looks_around_and_over_line_ends(tree: Path, desk: Desk, pattern: str, found: str) -> None:
    (tree / "f").write_text("a needle b\na needle c\n\n")
    assert (await use("search", desk, pattern=pattern)).text == found


@pytest.mark.parametrize("glob", ["*", "**", "**/config", "config"])
async def test_search_stays_out_of_git_whatever_the_glob(tree: Path, desk: Desk, glob: str) -> None:
    (tree / ".git").mkdir()
    (tree / ".git" / "config").write_text("needle\n")
    assert (await use("search", desk, pattern="needle", glob=glob)).text == "[nothing found]"


async def test_search_says_that_it_took_too_long(tree: Path, desk: Desk) -> None:
    os.mkfifo(tree / "fifo")
    told = await use("search", replace(desk, seconds_left=1), pattern="x", path="fifo")
    stopped = "[the search was stopped after 1 s: narrow the pattern, the path or the glob]"
    assert (told.ok, told.text) == (False, stopped)


async def test_write_makes_files_and_keeps_line_ends(tree: Path, desk: Desk) -> None:
    assert "Wrote src/new.py: 8 bytes." in (await use("write", desk, path="src/new.py", content="print()\n")).text
    (tree / "dos.txt").write_bytes(b"\xef\xbb\xbfa\r\nb\r\n")
    told = await use("write", desk, path="dos.txt", content="a\nc\n")
    assert (tree / "dos.txt").read_bytes() == b"\xef\xbb\xbfa\r\nc\r\n"
    assert "-b\n+c" in told.text


async def test_write_refuses_to_replace_a_long_file(tree: Path, desk: Desk) -> None:
    """Whoever writes five hundred lines anew forgets some."""
    for lines in (400, 401):
        (tree / "long.txt").write_text("line\n" * lines)
        told = await use("write", desk, path="long.txt", content="short\n")
        assert (told.ok, "with `edit`" in told.text) == (lines == 400, lines > 400)
    whole = Toolset.of(("write", "edit"), "whole_file").tools
    assert list(whole) == ["write"]
    assert (await whole["write"].run(whole["write"].parse({"path": "long.txt", "content": "x\n"}), desk)).ok


async def test_write_keeps_the_encoding_where_it_can(tree: Path, desk: Desk) -> None:
    (tree / "f").write_bytes(b"caf\xe9 one\n")
    assert (await use("write", desk, path="f", content="caf\xe9 two\n")).ok
    assert (tree / "f").read_bytes() == b"caf\xe9 two\n"
    assert (await use("write", desk, path="f", content="\N{SNOWMAN}\n")).ok
    assert (tree / "f").read_bytes() == "\N{SNOWMAN}\n".encode()


async def test_the_two_ends(desk: Desk) -> None:
    assert (await use("submit", desk, summary="s", verification=["v"], risks="r")).ends == Submission(
        summary="s", verification=("v",), risks="r"
    )
    assert (await use("give_up", desk, reason="too_big", detail="d")).ends == GaveUp(reason="too_big", detail="d")
