import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from app.core.command import Command, parse


@pytest.mark.parametrize(
    ("text", "word", "instructions"),
    [
        ("/minion fix", "fix", ""),
        ("   /minion fix", "fix", ""),
        ("/MINION Fix", "fix", ""),
        ("/minion\tfix\tthe parser", "fix", "the parser"),
        ("/minion fix only touch the parser\nand its tests", "fix", "only touch the parser\nand its tests"),
        ("Thanks!\n\n/minion fix", "fix", ""),
        ("Thanks!\n/minion fix", "fix", ""),
        ("/minion fix\r\nplease\r\n", "fix", "please"),
        ("/minion fix one\n/minion help", "fix", "one"),
        ("/minion fix: the parser", "fix", "the parser"),
        ("/minion fix-flaky", "fix-flaky", ""),
        ("/minion help", "help", ""),
        ("/minion", "", ""),
        ("/minion   ", "", ""),
        ('/minion "please"', "", '"please"'),
        ("/minion " + "x" * 60, "", "x" * 60),
        ("/minion fix <!-- a comment -->", "fix", "<!-- a comment -->"),
        ("> quoted\n\n/minion fix", "fix", ""),
        ("```\ncode\n```\n/minion fix", "fix", ""),
        ("````\n```\n/minion no\n````\n/minion fix", "fix", ""),
        ("~~~ python\n```\n~~~\n/minion fix", "fix", ""),
        ("`inline` and ``` inline```\n/minion fix", "fix", ""),
        ("<!-- template -->\n/minion fix", "fix", ""),
        ("<!--\nlong\n-->\n/minion fix", "fix", ""),
        ("<details>\n\n/minion fix", "fix", ""),
        ("- a list\n\n/minion fix", "fix", ""),
        ("/minion fix\n```\n/minion no\n```", "fix", "```\n/minion no\n```"),
        ("> /minion help\n\n/minion fix", "fix", ""),
    ],
)
def test_a_command_is_found(text: str, word: str, instructions: str) -> None:
    assert parse(text) == Command(word=word, instructions=instructions)


@pytest.mark.faults
@pytest.mark.parametrize(
    "text",
    [
        "",
        "fix this",
        "please /minion fix",
        "/minions fix",
        "/minionfix",
        "/minion-fix",
        "\\/minion fix",
        "    /minion fix",
        "\t/minion fix",
        "\u200b/minion fix",
        "/m\u0131nion fix",
        "> /minion fix",
        ">/minion fix",
        "> somebody wrote\n/minion fix",
        "- > somebody wrote\n/minion fix",
        "> a <!-- b -->\n/minion fix",
        "> a\n<!--\n\n/minion fix\n-->",
        "```\n/minion fix\n```",
        "```\n/minion fix",
        "~~~\n/minion fix\n~~~",
        "~~~\n```\n/minion fix\n~~~",
        "````\n```\n/minion fix\n````",
        "```\n~~~\n/minion fix\n```",
        "```\n``` not the end\n/minion fix\n```",
        "```\n    ```\n/minion fix\n```",
        "  ```\n/minion fix\n  ```",
        "- ```\n  /minion fix\n  ```",
        "1. text\n\n   ```\n   /minion fix\n   ```",
        "- a\n\n  ```\nx\n```\n/minion fix\n```",
        "> ```\n```\n/minion fix\n```",
        "<!--\n/minion fix\n-->",
        "<!-- a --> <!--\n/minion fix\n-->",
        "<!--\n--> <!--\n/minion fix\n-->",
        "<!-- never closed\n\n/minion fix",
        "<!-- hidden --> /minion fix",
        "<pre>\n\n/minion fix\n</pre>",
        "<div>\n/minion fix\n</div>",
        "<details><!--\n\n/minion fix\n-->",
        "</div>\n```\n```\n/minion fix",
        "<?\n\n/minion fix\n?>",
    ],
)
def test_f20_no_command_is_found(text: str) -> None:
    assert parse(text) is None


LINES = st.sampled_from(
    [
        "/minion fix",
        "  /minion fix",
        "    /minion fix",
        "",
        "text",
        "  text",
        "> quote",
        ">",
        "> ```",
        "```",
        "  ```",
        "    ```",
        "````",
        "~~~",
        "``` x",
        "- item",
        "- ```",
        "- > q",
        "10. ~~~",
        "<!--",
        "-->",
        "a <!-- b -->",
        "<pre>",
        "</pre>",
        "<div>",
        "# heading",
        "---",
    ]
)


@given(st.text())
def test_any_text_is_read_without_failing(text: str) -> None:
    parse(text)
    parse("/minion " + text)


@settings(max_examples=1500, deadline=None)
@given(st.lists(LINES, max_size=12).map("\n".join))
def test_what_is_found_a_markdown_reader_shows_as_plain_text(text: str) -> None:
    if parse(text) is not None:
        assert "/minion" in _plain_paragraphs(text)


@given(st.text(), st.sampled_from(["```", "~~~", "`````"]))
def test_a_command_in_a_fence_is_never_found(code: str, fence: str) -> None:
    inside = code.replace("`", "").replace("~", "").replace("\r", "")
    assert parse(f"{fence}\n{inside}\n/minion fix\n{inside}\n{fence}") is None


@given(st.text().map(lambda text: text.replace("\r", "")))
def test_a_quoted_comment_is_never_found(comment: str) -> None:
    quoted = "\n".join("> " + line for line in f"{comment}\n/minion fix\n{comment}".split("\n"))
    assert parse(quoted) is None


def _plain_paragraphs(text: str) -> str:
    """The text of every paragraph and heading that stands in no quote, as an independent reader sees it."""
    shown: list[str] = []
    quotes = 0
    for token in MarkdownIt("commonmark").parse(text):
        quotes += {"blockquote_open": 1, "blockquote_close": -1}.get(token.type, 0)
        if token.type == "inline" and not quotes:
            shown.append("".join(child.content + "\n" for child in token.children or () if child.type == "text"))
    return "\n".join(shown)
