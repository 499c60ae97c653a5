from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.agent.tools.edit import EDIT, EditArguments, diff
from app.agent.tools.exact import Text
from app.agent.tools.tool import Desk, Told
from app.agent.tools.write import WRITE, WriteArguments


async def edit(desk: Desk, old: str, new: str, **more: Any) -> Told:
    return await EDIT.run(EditArguments(path="f", old=old, new=new, **more), desk)


@pytest.mark.parametrize(
    ("before", "old", "new", "after"),
    [
        pytest.param(b"a\nb\nc\n", "b", "B", b"a\nB\nc\n", id="plain"),
        pytest.param(b"a\r\nb\r\nc\r\n", "a\nb\n", "a\nx\nb\n", b"a\r\nx\r\nb\r\nc\r\n", id="CRLF, new line"),
        pytest.param(b"a\r\nb\r\n", "a\r\nb", "A\r\nB", b"A\r\nB\r\n", id="CRLF in what the model wrote"),
        pytest.param(b"a\r\nb\r\n", "b\n", "b\nc\n", b"a\r\nb\r\nc\r\n", id="CRLF at the end"),
        pytest.param(b"a\r\nb\nc\r\nd\n", "b\nc\n", "B\nC\n", b"a\r\nB\nC\r\nd\n", id="mixed, each line its own end"),
        pytest.param(b"a1\r\nb\nc1\r\n", "a1\nb\nc1", "a2\nb\nc2", b"a2\r\nb\nc2\r\n", id="mixed inside"),
        pytest.param(b"a\r\nb\nc\n", "b\n", "b\nx\n", b"a\r\nb\nx\nc\n", id="mixed, new line as the next one"),
        pytest.param(b"a\r\nb\r\n", "a\nb\n", "", b"", id="everything deleted"),
        pytest.param(b"\xef\xbb\xbfa\nb\n", "a", "A", b"\xef\xbb\xbfA\nb\n", id="BOM"),
        pytest.param(b"a\nb", "b", "B", b"a\nB", id="no final newline"),
        pytest.param(b"a\nb", "b", "b\n", b"a\nb\n", id="final newline added"),
        pytest.param(b"a\r\nb", "b", "b\n", b"a\r\nb\r\n", id="final newline added to CRLF"),
        pytest.param(b"\tif x:\n\t\ty\n", "\t\ty", "\t\tz", b"\tif x:\n\t\tz\n", id="tabs"),
        pytest.param(b"a  \nb \t\nc\n", "b", "B", b"a  \nB \t\nc\n", id="trailing blanks"),
        pytest.param(b"a\n\n\nb\n", "\n\n\n", "\n", b"a\nb\n", id="empty lines"),
        pytest.param(b"caf\xe9 = 1\nx\n", "café = 1", "café = 2", b"caf\xe9 = 2\nx\n", id="Latin-1"),
        pytest.param(b"caf\xe9 \xc3\xa9 = 1\n", "= 1", "= 2", b"caf\xe9 \xc3\xa9 = 2\n", id="mixed encodings"),
        pytest.param("é\u2028\u0085\x0cx\n".encode(), "x", "ü", "é\u2028\u0085\x0cü\n".encode(), id="odd separators"),
        pytest.param(b"a\rb\rc\n", "b", "B", b"a\rB\rc\n", id="lone CR"),
        pytest.param(b"ab\r\r\nc\r\n", "c", "d", b"ab\r\r\nd\r\n", id="CR CRLF"),
    ],
)
async def test_nothing_but_the_passage_changes(
    tree: Path, desk: Desk, before: bytes, old: str, new: str, after: bytes
) -> None:
    (tree / "f").write_bytes(before)
    told = await edit(desk, old, new)
    assert told.ok, told.text
    assert (tree / "f").read_bytes() == after


@pytest.mark.parametrize(
    ("before", "old", "new", "word"),
    [
        pytest.param(b"x = 1\ny = 2\nx = 1\n", "x = 1", "x = 3", "2 times in the file, at lines 1, 3", id="ambiguous"),
        pytest.param(b"def f():\n    return 1\n", "  return 1\n  done", "x", "     2\t    return 1", id="near miss"),
        pytest.param(b"alpha\n", "omega = 42", "x", "Nothing in the file resembles it", id="far miss"),
        pytest.param(b"", "a", "b", "Nothing in the file resembles it", id="empty file"),
        pytest.param(b"a\r\n", "a\n", "a\r\n", "nothing to do", id="no change"),
        pytest.param("a\n".encode("utf-16"), "a", "b", "binary", id="UTF-16"),
        pytest.param(b"caf\xe9\n", "caf", "\N{SNOWMAN}", "not UTF-8", id="not in the encoding"),
    ],
)
async def test_refused_loudly_and_without_a_change(
    tree: Path, desk: Desk, before: bytes, old: str, new: str, word: str
) -> None:
    (tree / "f").write_bytes(before)
    told = await edit(desk, old, new)
    assert not told.ok
    assert word in told.text
    assert (tree / "f").read_bytes() == before


async def test_all_places_at_once(tree: Path, desk: Desk) -> None:
    (tree / "f").write_bytes(b"aa\r\naa\na\n")
    assert (await edit(desk, "a", "b\nb", all=True)).ok
    assert (tree / "f").read_bytes() == b"b\r\nbb\r\nb\r\nb\nbb\nb\nb\nb\n"


async def test_answers_with_the_diff(tree: Path, desk: Desk) -> None:
    (tree / "f").write_text("".join(f"{number}\n" for number in range(1, 21)))
    text = (await edit(desk, "10\n", "ten\n")).text
    assert text.splitlines() == [
        *("--- a/f", "+++ b/f", "@@ -7,7 +7,7 @@", " 7", " 8", " 9", "-10", "+ten", " 11", " 12", " 13"),
    ]


@given(st.text("ab \t\r\n\ufeffé", max_size=30), st.text("ab \r\n", max_size=5), st.data())
def test_every_replacement_is_exact(raw: str, new: str, data: st.DataObject) -> None:
    """In the view it is what `str` would do; bytes before and after the passage are untouched."""
    text = Text.of(raw.encode())
    start = data.draw(st.integers(0, len(text.view)))
    old = text.view[start : data.draw(st.integers(start, len(text.view)))]
    new = new.replace("\r\n", "\n")
    places = [start]
    changed = text.replaced(places, old, new)
    assert Text.of(changed).view.replace("\r", "") == (text.view[:start] + new + text.view[start + len(old) :]).replace(
        "\r", ""
    )
    assert text.replaced(places, old, old) == raw.encode()


NUMBERED = [f"line {number}\n" for number in range(1, 301)]


def test_a_diff_says_where_in_the_file_it_is() -> None:
    after = [*NUMBERED[:199], "+ +7 @@\n", *NUMBERED[200:]]
    shown = diff("f", Text.of("".join(NUMBERED).encode()), Text.of("".join(after).encode())).split("\n")
    assert shown[2:] == [
        *("@@ -197,7 +197,7 @@", " line 197", " line 198", " line 199", "-line 200", "++ +7 @@"),
        *(" line 201", " line 202", " line 203"),
    ]


@pytest.mark.hostile
@pytest.mark.timeout(30)
class TestLongFiles:
    """Answers about files that were made to be compared slowly; everybody else's minions wait in the same process."""

    lines = "".join(f"line {number % 3_000}\n" for number in range(300_000)).encode()

    async def test_far_too_many_changes_are_told_in_a_sentence(self, desk: Desk) -> None:
        await desk.workspace.write("f", self.lines)
        told = await WRITE.run(WriteArguments(path="f", content=self.lines.decode()[::-1][:900_000]), desk)
        assert "too many to compare" in told.text

    async def test_near_misses_are_not_looked_for(self, desk: Desk) -> None:
        await desk.workspace.write("f", self.lines)
        assert "too long to look for near places" in (await edit(desk, "lime 2999", "x")).text

    async def test_a_passage_is_not_replaced_a_million_times(self, desk: Desk) -> None:
        await desk.workspace.write("f", b"a " * 1_000_000)
        told = await edit(desk, "a", "b\nc", all=True)
        assert not told.ok
        assert "1,000,000 times" in told.text
