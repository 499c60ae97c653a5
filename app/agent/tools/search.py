"""Find lines by a pattern, with ripgrep inside the box."""

import re
import shlex
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Final, Literal

from pydantic import Field

from app.agent.tools.bash import plain
from app.agent.tools.tool import MOST_OUTPUT, Arguments, Desk, Told, Tool, clipped

_LONGEST_LINE: Final = 300
_MOST_SORTED: Final = 8_000_000
"""Bytes; who finds more has to narrow the search anyway."""
_TIMEOUT_S: Final = 60
_NARROWER: Final = "narrow the pattern, the path or the glob"
_NOTHING_FOUND: Final = 1
"""Or `head` had enough, after which ripgrep says the same."""
_BROKEN_PIPE: Final = 141
"""128 + SIGPIPE: `head` had enough, said by the shell."""

_MODES: Final[Mapping[str, Sequence[str]]] = {
    "lines": ("--line-number", "--with-filename", "--no-heading"),
    "files": ("--files-with-matches",),
    "count": ("--count", "--with-filename"),
}
_NEEDS_PCRE2: Final = re.compile(r"\(\?<?[=!]|\\[1-9]")
"""What stands before or behind, and what was found before: ripgrep's own engine does not know them, and is faster."""
_MOST_AROUND: Final = 5
"""Lines: who wants to see more reads the file."""


class SearchArguments(Arguments, frozen=True):
    """What to look for, and where."""

    pattern: str = Field(min_length=1, max_length=2_000, description="A regular expression in the syntax of ripgrep.")
    path: str = Field(default=".", max_length=4_096, description="File or folder to search in.")
    glob: str = Field(default="", max_length=500, description="Only files that match, for example `*.py`.")
    mode: Literal["lines", "files", "count"] = Field(
        default="lines", description="Lines that match, or only which files have some, or how many each has."
    )
    context: int = Field(default=0, ge=0, le=_MOST_AROUND, description="Lines to show around each one that matches.")
    most: int = Field(default=80, ge=1, le=500, description="How many lines to show at most.")


async def _run(arguments: SearchArguments, desk: Desk) -> Told:
    command = _command(arguments)
    result = await desk.sandbox.run(command, timeout_s=max(min(_TIMEOUT_S, desk.seconds_left), 1))
    lines = plain(result.output).splitlines()
    if result.exit_code == _NOTHING_FOUND and not lines:
        return Told("[nothing found]")
    if result.timed_out:
        return Told(f"[the search was stopped after {result.seconds:.0f} s: {_NARROWER}]", ok=False)
    if result.exit_code not in {0, _NOTHING_FOUND, _BROKEN_PIPE}:
        return Told(clipped("[the search failed]\n" + "\n".join(lines)), ok=False)
    shown = _fitting([line.removeprefix("./") for line in lines[: arguments.most]])
    more = f"\n[there is more: {_NARROWER}]" if len(lines) > len(shown) else ""
    return Told("\n".join(shown) + more)


def _fitting(lines: list[str]) -> list[str]:
    """The first of them, as many as there is room for."""
    ends = accumulate(len(line) + 1 for line in lines)
    return lines[: sum(end <= MOST_OUTPUT for end in ends)]


def _command(arguments: SearchArguments) -> str:
    around = arguments.context and arguments.mode == "lines"
    words = [
        *("rg", "--no-config", *_MODES[arguments.mode], "--color=never"),
        *("--hidden", f"--max-columns={_LONGEST_LINE}", "--max-columns-preview"),
        *(["--pcre2"] if _NEEDS_PCRE2.search(arguments.pattern) else []),
        *(["--multiline"] if "\n" in arguments.pattern or r"\n" in arguments.pattern else []),
        *([f"--glob={arguments.glob}"] if arguments.glob else []),
        "--glob=!.git",  # the last one counts
        *([f"--context={arguments.context}", "--sort=path"] if around else []),
        *("-e", arguments.pattern, "--", arguments.path or "."),
    ]
    # Sorted behind it: with an order of its own ripgrep uses one processor only.
    # What stands around a line has to stay with it, so there it is ripgrep that sorts.
    ordered = "" if around else "LC_ALL=C sort -t: -k1,1 -k2,2n | "
    kept = f"head -c {_MOST_SORTED} | {ordered}head -n {arguments.most + 1}"
    # What it complains about comes first, and as it was said.
    return f"exec 3>&1; {shlex.join(words)} 2>&3 | {kept}; exit ${{PIPESTATUS[0]}}"


SEARCH: Final = Tool(
    name="search",
    purpose="Find lines by a regular expression in the repository's files, those that git ignores left out.",
    arguments=SearchArguments,
    run=_run,
    repeatable=True,
    only_reads=True,
)
