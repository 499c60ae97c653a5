import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from app.core.command import parse
from app.core.neutral import code, code_cell, fitted, neutral, neutral_line, neutral_plain, quoted
from app.core.visible import visible

CASES = [
    ("Nothing to see here.", "Nothing to see here."),
    ("ping @octocat!", "ping `@octocat`!"),
    ("ping @octo-org/team.", "ping `@octo-org/team`."),
    ("**@octocat** and _@octocat_", "**`@octocat`** and `_@octocat_`"),
    (r"\@octocat", "`@octocat`"),
    ("&#64;octocat", "&amp;`#64`;octocat"),
    ("mail me@example.org", "mail me@example.org"),
    ("fixes #12", "fixes `#12`"),
    ("Closes: octo/cat#7, GH-8", "Closes: `octo/cat#7`, `GH-8`"),
    ("closes https://github.com/octo/cat/issues/7", "closes `https://github.com/octo/cat/issues/7`"),
    ("/minion fix everything", "`/minion` fix everything"),
    ("> /minion fix", "> `/minion` fix"),
    ("either/or", "either/or"),
    ("![x](https://evil.example/?q=1)", r"!\[x](`https://evil.example/?q=1`)"),
    ("[here](javascript:alert)", r"\[here](javascript:alert)"),
    ("[ref]: https://evil.example", r"\[ref]: `https://evil.example`"),
    ("see www.evil.example now", "see `www.evil.example` now"),
    (
        "ask xmpp:eve@evil.example/x or mailto:eve@evil.example",
        "ask `xmpp:eve@evil.example/x` or `mailto:eve@evil.example`",
    ),
    ("<img src=x> <!-- hi -->", "&lt;img src=x> &lt;!-- hi -->"),
    ("R&D", "R&amp;D"),
    ("# Evidence", "**Evidence**"),
    ("> # Evidence", r"> \# Evidence"),
    (r"\# Evidence", r"\# Evidence"),
    ("Title\n===\nTitle\n---", "Title\n\\===\nTitle\n\\---"),
    ("keep `@decorator` as code", "keep `@decorator` as code"),
    ("``a ` b``", "``a ` b``"),
    ("a stray ` here", r"a stray \` here"),
    ("| `@octocat | b` |", r"| \``@octocat` | b\` |"),
    (r"C:\temp", r"C:\\temp"),
    ("```python\n@property\n```", "```python\n@property\n```"),
    ("```mermaid\ngraph TD\n```", "```\ngraph TD\n```"),
    ("````\n```\n````\n@octocat", "````\n```\n````\n`@octocat`"),
    ("~~~ sh\n@octocat\n~~~", "```sh\n@octocat\n```"),
    ("```\nnever closed", "```\nnever closed\n```"),
    ("> ~~~\n@octocat", "> \\~\\~\\~\n`@octocat`"),
    ("\x1b[31mred\x1b[0m \u202eabc\u200b", "red abc"),
]


@pytest.mark.faults
@pytest.mark.parametrize(("text", "expected"), CASES)
def test_f67_each_kind_of_harm_has_its_way(text: str, expected: str) -> None:
    assert neutral(text) == expected
    assert neutral(expected) == expected


FRAGMENTS = st.sampled_from(
    re.findall(
        r"\S+",
        r"@octocat #12 octo/cat#3 GH-4 https://evil.example/x www.evil.example <b> <!-- --> [a](b) ![a](b) [a]: ` ``"
        r" ``` ~~~ \ \\ \@a \` | - * _ ** > # &#64; &amp; / /minion fix $ : . a 1 =",
    )
)
TEXTS = st.lists(FRAGMENTS | st.sampled_from(["\n", " ", "  ", "    ", "\n\n", "|-|-|\n"])).map("".join) | st.text()


def leaves(tokens: list[Token]) -> list[Token]:
    return [leaf for token in tokens for leaf in (leaves(token.children) if token.children else [token])]


@given(TEXTS)
@example("`a`@octocat")
@example("\\`a`@octocat`")
def test_whatever_comes_in_has_no_effect(text: str) -> None:
    """An independent parser of Markdown finds only text and code, and in the text nothing that GitHub acts on."""
    markdown = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    tokens = markdown.parse(neutral(text))
    assert not {token.type for token in tokens} & {"html_block", "heading_open"}
    for token in leaves(tokens):
        assert token.type not in {"html_inline", "link_open", "image", "html_block"}, token
        if token.type == "text":
            assert not re.search(r"(?<![A-Za-z0-9])@[A-Za-z0-9]|#[0-9]|[a-z]://|(?<![a-z0-9])www\.", token.content), (
                token
            )
    assert parse(neutral(text)) is None


@given(TEXTS)
@example("`\\`@octocat")
@example("= @octocat")
def test_twice_is_once(text: str) -> None:
    assert neutral(neutral(text)) == neutral(text)


@given(TEXTS)
def test_a_cell_stays_a_cell(text: str) -> None:
    cell = neutral_line(text)
    assert "\n" not in cell
    assert "|" not in cell
    assert neutral_line(cell, limit=10_000) == cell


@given(st.text())
def test_code_is_one_span_on_one_line(text: str) -> None:
    span = code(text)
    if span:
        tokens = leaves(MarkdownIt("commonmark").parse(f"x {span} y"))
        assert [token.type for token in tokens if token.type == "code_inline"] == ["code_inline"]


def test_a_pipe_in_a_cell_does_not_end_it() -> None:
    assert code_cell("a | b") == r"`a \| b`"


def test_a_quote_keeps_its_fences_inside() -> None:
    assert quoted("hi @bob\n\n```\nx") == "> hi `@bob`\n>\n> ```\n> x\n> ```"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Fixes #12", "Fixes # 12"),
        ("thanks @bob, see GH-4", "thanks @ bob, see GH 4"),
        ("closes https://github.com/o/r/issues/1", "closes https: //github.com/o/r/issues/1"),
        ("Co-authored-by: Eve <eve@example.org>", "Co-authored-by - Eve <eve@example.org>"),
        ("Co-authored-by \t: Eve <eve@example.org>", "Co-authored-by - Eve <eve@example.org>"),
        ("\xa0Skip-Checks2\xa0: true", "\xa0Skip-Checks2 - true"),
        ("[skip ci] now", "(skip ci] now"),
    ],
)
def test_a_commit_message_takes_names_apart(text: str, expected: str) -> None:
    assert neutral_plain(text) == expected
    assert neutral_plain(expected) == expected


def test_what_fits_is_left_alone() -> None:
    assert fitted("short") == "short"


def test_what_is_cut_says_so_and_closes_its_fence() -> None:
    text = fitted("```\n" + "line\n" * 100, 300)
    assert text.endswith("line\n```\n\n… 406 more characters are left out here.")


@given(st.text(min_size=1, max_size=50), st.integers(200, 2_000), st.integers(200, 2_000))
def test_what_is_cut_fits(text: str, limit: int, limit_bytes: int) -> None:
    cut = fitted(text * 200, limit, limit_bytes=limit_bytes)
    assert len(cut) <= limit
    assert len(cut.encode("utf-8", "replace")) <= limit_bytes


def test_no_room_is_said() -> None:
    with pytest.raises(ValueError, match="no room"):
        fitted("x" * 200, 100)


@given(st.text())
def test_visible_twice_is_once(text: str) -> None:
    assert visible(visible(text)) == visible(text)
