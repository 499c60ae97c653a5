"""Tests in source text, found by patterns: their names, and how much each of them checks.

Patterns, and no parsers: the text was written by strangers, and is in a dozen languages. What they miss, the number of
collected tests and the tests as they were before tell in a clean tree.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from app.core.kinds import language

_TITLE: Final = r"\(\s*(?P<quote>['\"`])(?P<name>.+?)(?P=quote)"
_HEADS: Final = {
    "python": re.compile(r"^(?P<indent>[ \t]*)(?:async[ \t]+)?def (?P<name>test\w*)", re.MULTILINE),
    "javascript": re.compile(rf"\b(?:x|f)?(?:it|test|specify)(?:\.\w+)*(?:\([^()\n]*\))?{_TITLE}"),
    "go": re.compile(r"^func (?P<name>(?:Test|Fuzz|Example)\w*)\(", re.MULTILINE),
    "rust": re.compile(r"#\[(?:\w+::)*test\b[^\]\n]*\]\s*(?:#\[[^\]\n]*\]\s*)*(?:pub )?(?:async )?fn (?P<name>\w+)"),
    "java": re.compile(
        r"@(?:Test|ParameterizedTest|RepeatedTest)\b(?:\([^)\n]*\))?\s*(?:@\w+(?:\([^)\n]*\))?\s*)*"
        r"(?:(?:public|private|protected|internal|suspend|static|final)\s+)*(?:void|fun)\s+`?(?P<name>[\w ]+)`?\s*\("
    ),
    "ruby": re.compile(r"^[ \t]*(?:def (?P<name>test_\w+)|x?it\s+['\"](?P<title>[^'\"\n]+))", re.MULTILINE),
    "csharp": re.compile(
        r"\[(?:Fact|Test|Theory|TestMethod)\b[^\]\n]*\]\s*(?:\[[^\]\n]*\]\s*)*(?:public|internal)\s+(?:async\s+)?[\w<>]+\s+"
        r"(?P<name>\w+)\s*\("
    ),
    "php": re.compile(r"function (?P<name>test\w+)\s*\("),
    "swift": re.compile(r"func (?P<name>test\w+)\s*\("),
    "elixir": re.compile(r"^[ \t]*test \"(?P<name>[^\"\n]+)\"", re.MULTILINE),
    "dart": re.compile(rf"\btest{_TITLE}"),
    "shell": re.compile(r"^@test ['\"](?P<name>[^'\"\n]+)", re.MULTILINE),
}
"""Where a test begins."""

_CHECK: Final = re.compile(
    r"\bassert\b(?=[ \t(])|\b\w*[aA]ssert\w*!?[ \t]*[(.]|\bexpect\w*[ \t]*[({]|\.should\b|\bpytest\.(?:raises|warns)\("
    r"|\bt\.(?:Error|Fatal)f?\(|\b_?(?:check|verify|ensure)\w*\(|\bXCTAssert\w*\("
)
"""Something that makes a test fail; helpers whose names say so count."""
_NOTHING: Final = re.compile(
    r"assert\s+(?:True|1|not False|\(\s*True\s*\))\s*(?:,.*)?$"
    r"|assertTrue\(\s*True\b|assertFalse\(\s*False\b|assertEqual\(\s*(\w+)\s*,\s*\1\s*\)"
    r"|assert\s+(\d+|'[^']*'|\"[^\"]*\")\s*==\s*\2\s*$"
    r"|expect\(\s*(true|false|\d+)\s*\)\.to(?:Be|Equal|StrictEqual)\(\s*\3\s*\)|assert!\(\s*true\s*\)|assert_eq!\(\s*(\d+)\s*,\s*\4\s*\)"
    r"|assert\.(?:ok|True)\((?:t,\s*)?true\)"
    r"|assert\b.*\bor\s+(?:True|1|not None)\s*(?:,.*)?$|\b(?:assert|expect)\w*[!.\w]*\(.*\|\|\s*true\s*[,)]"
    r"|assert\s+\((?:[^()]|\([^()]*\))*,(?:[^()]|\([^()]*\))*\)\s*$"
)
"""What is true whatever the code does. A pair in brackets always is."""
_EXACT: Final = re.compile(
    r"(?<![=!<>])={2,3}(?!=)|approx|[eE]qual|\bassert_eq|[rR]aises\w*\((?!\s*(?:Base)?Exception\b)|[tT]hrows?\w*|toBe\(|toMatch"
    r"|assertIs\(|[rR]egex|called_once_with|called_with|t\.(?:Error|Fatal)|CalledWith\(|\b_?(?:check|verify|ensure|assert)_\w+\("
    r"|\b(?:check|verify|ensure)[A-Z]\w*\("
)
_COMPARED: Final = re.compile(
    r"!=|[<>]=?|\bin\b|\bis\b|\bnot\b|In\(|[cC]ontain|(?:starts|ends)_?[wW]ith\(|\bincludes\(|Greater|Less|Instance|Length|Match|Is\w+\("
)
_THERE: Final = re.compile(
    r"assertIsNotNone\(|assert .*\bis not None\s*$"
    r"|[nN]ot(?:Strict|Deep|DeepStrict)?Equal\(.*,\s*(?:undefined|null|None)\s*\)"
    r"|\.toBeDefined\(|\.not\.toBe(?:Null|Undefined|Nil)\(|!==?\s*(?:undefined|null|nil)\b\s*\)"
    r"|==\s*(?:\w+\.)?ANY\b|\.to\w*Equal\(\s*expect\.any(?:thing)?\([^()]*\)\s*\)"
    r"|\.toMatch(?:Inline)?Snapshot\(\s*\)|\.toThrowErrorMatching(?:Inline)?Snapshot\(\s*\)"
    r"|\bassert\s+(?P<one>\S.{0,200}?)\s*==\s*(?P=one)\s*$|Equal\(\s*(?P<it>[^,]{1,200}),\s*(?P=it)\s*\)"
)
"""What is content with anything but nothing, with what comes today, or with the same on both sides."""
_MOST_LINE: Final = 1_000
"""Characters of a line that are read."""
EXACT, COMPARED, TRUE, NOTHING = 3, 2, 1, 0
"""How much a check says: this very value; something about it; that it is there; nothing."""


@dataclass(frozen=True)
class Check:
    """One line that makes a test fail."""

    text: str
    strength: int


@dataclass(frozen=True)
class Test:
    """One test in a file."""

    __test__ = False  # for pytest, which collects by names

    name: str
    line: int
    body: str
    above: str = ""
    """Python's decorators, which may hold its cases."""

    @property
    def text(self) -> str:
        """All of it."""
        return f"{self.above}{self.body}"

    @property
    def checks(self) -> Sequence[Check]:
        """Lines that check something."""
        return [check for text in self.body.split("\n") if (check := check_in(text)) is not None]


def check_in(text: str) -> Check | None:
    """What a line checks; None if it checks nothing at all, or is a comment."""
    line = text.strip()
    if line.startswith(("#", "//", "*", "--")) and not line.startswith("#["):
        return None
    if not _CHECK.search(line) or line.startswith(("def ", "import ", "from ", "async def ")):
        return None
    if _NOTHING.search(line):
        return Check(line, NOTHING)
    rest = _THERE.sub("", line)
    return Check(line, EXACT if _EXACT.search(rest) else COMPARED if _COMPARED.search(rest) else TRUE)


_NAMED: Final = re.compile(r"^([ \t]*)(class|(?:async )?def) (\w+)", re.MULTILINE)


def defined(text: str) -> Sequence[tuple[tuple[str, ...], int]]:
    """Classes and functions of a Python file: the name, with those that it stands in before it, and the line."""
    found: list[tuple[tuple[str, ...], int]] = []
    above: list[tuple[int, str]] = []
    line, counted = 1, 0
    for match in _NAMED.finditer(text):
        line, counted = line + text.count("\n", counted, match.start()), match.start()
        indent = len(match[1].expandtabs())
        above = [(at, name) for at, name in above if at < indent]
        above.append((indent, match[3]))
        found.append((tuple(name for _, name in above), line))
    return found


def cases_in(path: str, text: str) -> Sequence[Test]:
    """The tests of a file in their order."""
    head = _HEADS.get(language(path))
    clipped = "\n".join(line[:_MOST_LINE] for line in text.split("\n"))
    return list(_tests(head, clipped)) if head is not None else []


def _tests(head: re.Pattern[str], text: str) -> Iterator[Test]:
    found = list(head.finditer(text))
    line, counted = 1, 0
    for number, match in enumerate(found):
        line, counted = line + text.count("\n", counted, match.start()), match.start()
        end = found[number + 1].start() if number + 1 < len(found) else len(text)
        groups = match.groupdict()
        body = text[match.start() : end]
        if "indent" in groups:
            body = _indented(body, len(groups["indent"]))
        above = _decorators(text, match.start()) if "indent" in groups else ""
        yield Test(groups["name"] or groups.get("title") or "", line, body, above)


_MOST_ABOVE: Final = 20_000
"""Characters of decorators, which may hold long tables."""


def _decorators(text: str, start: int) -> str:
    """What stands right above a function, from its first decorator on."""
    blank = text.rfind("\n\n", 0, start)
    block = text[max(blank + 2 if blank >= 0 else 0, start - _MOST_ABOVE) : start]
    begins = re.search(r"^[ \t]*@", block, re.MULTILINE)
    return block[begins.start() :] if begins else ""


def _indented(body: str, indent: int) -> str:
    """A function by its indentation: what follows it does not belong to it."""
    first, *rest = body.split("\n")
    kept = [first]
    in_head = not first.rstrip().endswith(":")
    for line in rest:
        if line.strip() and len(line) - len(line.lstrip()) <= indent and not in_head:
            break
        in_head = in_head and not line.rstrip().endswith(":")
        kept.append(line)
    return "\n".join(kept)
