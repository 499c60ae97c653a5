"""Programs that rewrite code, as an issue names them: each a command in a line of its own, or several in code spans.

    codemod: `ruff check --select UP --fix src`
    codemod: npx jscodeshift -t codemods/imports.js src

They run where a minion could run them as well, and what they do has to pass what any change has to pass: so it counts
whoever wrote the line.
"""

import re
from typing import Final

from app.core.task import Task

MOST: Final = 5
"""Of one issue."""
_LONGEST: Final = 1_000
"""Characters of one command."""
_LINE: Final = re.compile(r"(?im)^ {0,3}(?:[-*+] +)?(?:\*\*)?codemods?:(?:\*\*)?[ \t]*(\S.*)$")
_SPAN: Final = re.compile(r"(`+)(.+?)(?<!`)\1(?!`)")


def codemods_of(task: Task) -> tuple[str, ...]:
    """The commands that the task names, in its text and behind the command, in their order."""
    said = _LINE.findall(f"{task.body}\n{task.instructions}".replace("\r\n", "\n"))
    commands = [command for line in said for command in [found[1] for found in _SPAN.findall(line)] or [line]]
    usable = (command.strip() for command in commands if len(command) <= _LONGEST and "\0" not in command)
    return tuple(dict.fromkeys(command for command in usable if command))[:MOST]
