"""What CI says about the demo's repository. Nothing is really run: it looks at what was pushed, and the rest is told.

It asks for more than the repository's own tests do, so that a pull request that passes here is red there once.
"""

from collections.abc import Sequence
from typing import Final

from app.demo.github.actions import Job, Push, Workflow

WORD: Final = "NFKD"
"""That the README has to name where it tells of accents."""
_LOG: Final = """\
2026-01-02T03:04:05.0000000Z ##[group]Run python3 tools/check_readme.py
2026-01-02T03:04:05.1000000Z python3 tools/check_readme.py
2026-01-02T03:04:05.2000000Z ##[endgroup]
2026-01-02T03:04:05.9000000Z Looking for terms that the style guide wants to be named …
2026-01-02T03:04:06.0000000Z README.md:{line}: error: accents are told of without the form of Unicode (NFKD)
2026-01-02T03:04:06.1000000Z ##[error]Process completed with exit code 1.
"""


async def workflows(push: Push) -> Sequence[Workflow]:
    """Two jobs: the tests pass; the README passes if it names the form of Unicode."""
    tests = Job("unit tests", log="2026-01-02T03:04:05.0000000Z OK\n")
    return [Workflow("CI", (tests, await _docs(push)))]


async def _docs(push: Push) -> Job:
    lines = (await push.read("README.md")).splitlines()
    line = next((number for number, text in enumerate(lines, 1) if "accents" in text), 0)
    if not line or WORD in lines[line - 1]:
        return Job("docs", log="2026-01-02T03:04:05.0000000Z Every term is named.\n")
    note = {
        "path": "README.md",
        "start_line": line,
        "end_line": line,
        "annotation_level": "failure",
        "message": f"Name the form of Unicode ({WORD}).",
    }
    return Job("docs", "failure", log=_LOG.format(line=line), title="A term is missing", annotations=(note,))
