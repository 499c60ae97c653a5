"""Make text that others wrote safe to show on GitHub: it names nobody, links nowhere, closes and commands nothing.

The way is code spans, and not invisible characters or HTML comments: GitHub looks for mentions, references and closing
keywords outside code only, a code span survives copying and quoting, and whoever reads it sees what was written. What
Markdown could make a link, image, tag or heading of is escaped, so that it is read as it was typed.

Markdown is not parsed here as GitHub does it. What the two could read differently is made plain; code is kept where
it is beyond doubt, a span on one line or a fenced block, and written anew with fences that fit.
"""

import re
from typing import Final

from app.core.fence import fence_for
from app.core.visible import visible

_FENCE: Final = re.compile(r"[ \t]*(?P<fence>`{3,}|~{3,})(?P<info>[^`]*)$")
_LANGUAGE: Final = re.compile(r"[A-Za-z0-9_+#.-]{1,20}$")
_DRAWN: Final = {"mermaid", "math", "geojson", "topojson", "stl", "suggestion"}
"""Fences of which GitHub makes more than code."""

_ESCAPE: Final = re.compile(r"\\(?P<mark>[!-/:-@\[-`{-~])?|(?P<ticks>`+)")
_BARE: Final = frozenset("@#:/.<&[")
"""Marks whose backslash is taken away before looking: `\\@name` is a mention to GitHub all the same."""

_WORD: Final = re.compile(r"[A-Za-z0-9_.\-/@#:+%=?~]+")
_HARM: Final = re.compile(
    r"(?i)(?<![a-z0-9])@[a-z0-9]"  # @name, @org/team; not name@host
    r"|#[0-9]|(?<![a-z0-9])gh-[0-9]"  # #12, name#12, owner/name#12, GH-12
    r"|[a-z0-9+.-]://|(?<![a-z0-9])www\.|(?:mailto|xmpp):"  # addresses, and with them references by address
)
_COMMAND: Final = re.compile(r"[ \t>*+-]{0,20}(?=/[A-Za-z])")
_HEADING: Final = re.compile(r"^(?P<lead>(?:[ \t>*+-]|[0-9]{1,9}[.)]){0,20})(?P<mark>#)(?=#{0,5}(?:[ \t]|$))")
_UNDERLINE: Final = re.compile(r"^(?P<lead>[ \t>]{0,20})(?P<mark>[=-])(?=(?P=mark)*[ \t]*$)")
_TITLE: Final = re.compile(r"^ {0,3}#{1,6}[ \t]+(?P<title>[A-Za-z0-9](?:[^*`\\<\[&]*[A-Za-z0-9.!?)])?)[ \t]*#*[ \t]*$")

_PRIVATE: Final = 0xE000
"""Marks that stand for themselves are kept, while working, as private characters: 0xE000 + the mark."""
_PRIVATE_MARK: Final = re.compile("[\ue000-\ue07f]")


def neutral(text: str) -> str:
    """`text` as Markdown that has no effect on anybody. Doing it twice changes nothing more."""
    lines = visible(text).split("\n")
    out: list[str] = []
    at = 0
    while at < len(lines):
        if opening := _FENCE.match(lines[at]):
            end = _end_of_block(lines, at, opening["fence"])
            out += _block(opening["info"].strip(), lines[at + 1 : end])
            at = end + 1
        else:
            out.append(_line(lines[at]))
            at += 1
    return "\n".join(out)


def neutral_line(text: str, limit: int = 200) -> str:
    """The same for a heading or a cell of a table: one line without `|`, from at most `limit` code points."""
    words = " ".join(visible(text).replace("|", "¦").split())
    return _line(words if len(words) <= limit else f"{words[: limit - 1]}…")


def quoted(text: str) -> str:
    """`text`, neutral, as a block quote."""
    return "\n".join(f"> {line}".rstrip() for line in neutral(text.strip()).split("\n"))


def code(text: str) -> str:
    """`text` as one code span on one line, whatever is in it; empty if nothing is."""
    shown = visible(text).strip().replace("\n", " ⏎ ").replace("\t", " ")
    return _span(shown) if shown else ""


def code_cell(text: str) -> str:
    """The same for a cell of a table."""
    return code(text).replace("|", "\\|")


def neutral_plain(text: str) -> str:
    """The same for text that is not Markdown, as in a commit message: a space takes references and names apart."""
    text = re.sub(r"#(?=[0-9])", "# ", visible(text))
    text = re.sub(r"(?i)(?<![a-z0-9])(gh)-(?=[0-9])", r"\1 ", text)
    text = re.sub(r"(?<![A-Za-z0-9])@(?=[A-Za-z0-9])", "@ ", text)
    text = re.sub(r"://", ": //", text)
    # Neither a switch for CI nor a trailer of git's may come from here.
    text = re.sub(r"\[(?=[^\]\n]{0,20}\])", "(", text)
    return re.sub(r"(?m)^([^\S\n]*[A-Za-z0-9]+(?:-[A-Za-z0-9]+)+)[^\S\n]*:", r"\1 -", text)


def fitted(text: str, limit: int = 60_000, *, limit_bytes: int = 65_000) -> str:
    """At most `limit` code points and `limit_bytes` bytes of UTF-8, cut at the end of a line, an open fence closed.

    The defaults are safe under every reading of GitHub's limits, which are told as 65,536 characters
    (https://docs.github.com/en/rest/checks/runs: 65,535). Raises ValueError if there is no room for the sentence that
    says that something is left out (200 characters).
    """
    if len(text) <= limit and len(text.encode("utf-8", "replace")) <= limit_bytes:
        return text
    room = min(limit, limit_bytes) - _FOR_THE_END
    if room < 0:
        raise ValueError(f"A limit of {min(limit, limit_bytes)} leaves no room to say that text was left out")
    kept = text.encode("utf-8", "replace")[: limit_bytes - _FOR_THE_END].decode("utf-8", "ignore")
    kept = kept[: limit - _FOR_THE_END]
    whole_lines, line_end, _ = kept.rpartition("\n")
    # Half a line might end within a code span, whose inside would then be read as text.
    kept = whole_lines if line_end else neutral(kept[: room // 4])
    closing = _open_fence(kept)
    end = f"\n{closing}\n" if closing else "\n"
    return f"{kept}{end}\n… {len(text) - len(kept):,} more characters are left out here."


_FOR_THE_END: Final = 200
_LONGEST_FENCE: Final = 100


def _open_fence(text: str) -> str:
    """The line that closes the fence which is open at the end of `text`; empty if none is. A quote closes its own."""
    fence = ""
    for line in text.split("\n"):
        match = _FENCE.match(line)
        if match and not fence:
            fence = match["fence"]
        elif match and match["fence"].startswith(fence) and not match["info"].strip():
            fence = ""
    return fence if len(fence) <= _LONGEST_FENCE else ""


def _end_of_block(lines: list[str], start: int, fence: str) -> int:
    """Index of the line that closes the fenced block begun at `start`; behind the last line if nothing does."""
    for at in range(start + 1, len(lines)):
        closing = _FENCE.match(lines[at])
        if closing and closing["fence"].startswith(fence) and not closing["info"].strip():
            return at
    return len(lines)


def _block(info: str, body: list[str]) -> list[str]:
    """A fenced block, written anew at the margin with a fence that nothing inside closes."""
    language = info if _LANGUAGE.match(info) and info.lower() not in _DRAWN else ""
    fence = fence_for("\n".join(body))
    return [f"{fence}{language}", *body, fence]


def _line(line: str) -> str:
    """A line outside fenced blocks: code spans written anew, the rest without harm."""
    pieces: list[str] = []
    plain = ""
    at = 0
    source = _PRIVATE_MARK.sub("\ufffd", line)
    source = _TITLE.sub(lambda title: f"**{title['title']}**", source)
    source = _UNDERLINE.sub(lambda match: f"{match['lead']}\\{match['mark']}", source)
    while match := _ESCAPE.search(source, at):
        plain += source[at : match.start()]
        at = match.end()
        ticks = match["ticks"]
        if not ticks:
            mark = match["mark"] or "\\"
            plain += mark if mark in _BARE else _itself(mark)
        elif span := _code_span(source, at, ticks):
            pieces += [*_plain(plain, is_start=not pieces), _span(_inside(span))]
            plain = ""
            at += len(span) + len(ticks)
        else:
            plain += _itself("`") * len(ticks)
    return _joined([*pieces, *_plain(plain + source[at:], is_start=not pieces)])


def _joined(pieces: list[str]) -> str:
    """The pieces in a row; two code spans side by side would run together, so a space parts them."""
    out = ""
    is_after_code = False
    for piece in pieces:
        is_code = isinstance(piece, _Code)
        out += f" {piece}" if is_code and is_after_code else piece
        is_after_code = is_code
    return out


class _Code(str):
    """A piece that is a code span."""

    __slots__ = ()


def _itself(mark: str) -> str:
    return chr(_PRIVATE + ord(mark))


def _code_span(line: str, at: int, ticks: str) -> str:
    """What stands in the code span whose opening ends at `at`; empty if it is none, or might be split by a table."""
    end = re.compile(rf"(?<!`){ticks}(?!`)").search(line, at)
    span = line[at : end.start()] if end else ""
    return span if span.strip() and "|" not in span else ""


def _inside(span: str) -> str:
    """Markdown takes one space off each side if there is one on both."""
    return span[1:-1] if len(span) > 2 and span[0] == span[-1] == " " else span


def _span(inside: str) -> _Code:
    longest = max((len(run) for run in re.findall("`+", inside)), default=0)
    pad = " " if "`" in {inside[0], inside[-1]} or inside[0] == inside[-1] == " " else ""
    fence = "`" * (longest + 1)
    return _Code(f"{fence}{pad}{inside}{pad}{fence}")


def _plain(text: str, *, is_start: bool) -> list[str]:
    """Pieces of text outside code; harmful words become code spans of their own."""
    pieces: list[str] = []
    command = -1
    if is_start:
        text = _HEADING.sub(lambda match: match["lead"] + _itself(match["mark"]), text, count=1)
        if slash := _COMMAND.match(text):
            command = slash.end()
    at = 0
    for match in _WORD.finditer(text):
        word = match[0].rstrip(".:?")
        if match.start() == command or _HARM.search(word):
            pieces += [_escaped(text[at : match.start()]), _span(word)]
            at = match.start() + len(word)
    return [piece for piece in (*pieces, _escaped(text[at:])) if piece]


def _escaped(text: str) -> str:
    text = re.sub(r"&(?!(?:amp|lt);)", "&amp;", text).replace("<", "&lt;").replace("[", r"\[")
    text = re.sub(r"~{3,}", lambda match: _itself("~") * len(match[0]), text)
    return _PRIVATE_MARK.sub(lambda match: f"\\{chr(ord(match[0]) - _PRIVATE)}", text)
