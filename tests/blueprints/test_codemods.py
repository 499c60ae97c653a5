"""What a program can rewrite is rewritten by it, before a minion is asked for anything."""

from typing import Any

import pytest

from app.core.budget import Usage
from app.core.evidence import Where
from app.core.minion import Submission
from blueprints import BLUEPRINTS

Files = dict[str, bytes]
BASE = {
    "a.py": b"import old\n",
    "b.py": b"import old as o\n",
    ".github/minion.yml": b"setup: []\nlint: []\ntest: check\n",
}
BODY = "Use new.\n\ngone: `import old`\ncodemod: `rewrite .`"


def rewrites(files: Files) -> tuple[int, str]:
    files["a.py"] = files["a.py"] + b"import new\n" if b"new" in files["a.py"] else b"import new\n"
    return 1, "b.py: cannot be rewritten"


def finishes(tree: Files) -> Submission:
    tree["b.py"] = b"import new as o\n"
    return Submission(summary="Done.", model="openai/x", usage=Usage(turns=1))


def grep(files: Files) -> tuple[int, str]:
    found = [f"{path}:1:{data.decode()}" for path, data in sorted(files.items()) if data.startswith(b"import old")]
    return 0, "".join(found)


COMMANDS = {
    "check": lambda _: (0, "OK"),
    "rewrite .": rewrites,
    "xargs -0 grep -InsHF -e 'import old' --": grep,
}


@pytest.mark.parametrize("name", ["refactor", "migrate"])
async def test_the_codemod_goes_first_and_the_minion_is_told_what_came_of_it(rig: Any, name: str) -> None:
    run = rig(BASE, COMMANDS, finishes)
    run.task = run.task.model_copy(update={"title": "Use new", "body": BODY})
    visits, state = await run.walk(BLUEPRINTS[name])
    assert state.pull_request_number == 13, (visits, state.explanation)
    assert visits.index("rewrite") + 1 == visits.index("implement")
    told = run.minion.facts[0]["codemods"]
    assert "$ rewrite .  (exit code 1)\nb.py: cannot be rewritten" in told
    assert "Files that are changed now:\na.py" in told
    (ran,) = [one for one in state.evidence if one.where is Where.CODEMOD]
    assert (ran.command, ran.exit_code) == ("rewrite .", 1)


async def test_where_none_is_named_nothing_is_run(rig: Any) -> None:
    run = rig(BASE, COMMANDS, finishes)
    visits, state = await run.walk(BLUEPRINTS["refactor"])
    assert "rewrite" in visits
    assert run.minion.facts[0]["codemods"] == "The issue names none."
    assert not [one for one in state.evidence if one.where is Where.CODEMOD]


async def test_a_crash_does_not_put_a_codemod_on_top_of_itself(rig: Any) -> None:
    run = rig(BASE, COMMANDS, finishes)
    run.task = run.task.model_copy(update={"title": "Use new", "body": BODY})
    visits, state = await run.walk(BLUEPRINTS["refactor"], lost=frozenset({1}))
    assert (visits[1], state.pull_request_number) == ("rewrite", 13)
    assert run.workspace.tree["a.py"] == b"import new\n"
