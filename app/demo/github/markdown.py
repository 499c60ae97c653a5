"""Markdown as people see it. Of HTML little is left, as on GitHub, and no picture: a page asks nobody for anything."""

import re

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup

_HIDDEN = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_CODE = re.compile(
    r"(^ {0,3}(?:```|~~~).*?(?:^ {0,3}(?:```|~~~)[ \t]*$|\Z)|`[^`\n]+`)",
    re.DOTALL | re.MULTILINE,
)
"""Fenced blocks and code in a line; the group keeps them when a text is split by it."""


class Reader:
    """Renders what people and Apps wrote; all of it is hostile."""

    def __init__(self) -> None:
        self._parser = MarkdownIt("commonmark", {"html": True, "breaks": True})
        self._parser.enable(["table", "strikethrough"]).disable("image")

    def html(self, text: str | None) -> Markup:
        """Safe HTML. HTML comments are left out, as on GitHub; code keeps them."""
        html = self._parser.render(_visible(text or ""))
        html = html.replace("<li>[ ] ", "<li>☐ ").replace("<li>[x] ", "<li>☑ ")
        return Markup(nh3.clean(html, tags=nh3.ALLOWED_TAGS - {"img", "map", "area"}))  # noqa: S704 - that is what cleaning is for


def _visible(text: str) -> str:
    """The text without HTML comments that stand outside of code."""
    return "".join(piece if at % 2 else _HIDDEN.sub("", piece) for at, piece in enumerate(_CODE.split(text)))
