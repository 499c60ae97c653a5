"""A migration is about the places that a command finds: none of them is paid for, none is left, none is elsewhere."""

import shlex
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from app.core.budget import Usage
from app.core.errors import RepositoryError
from app.core.migration import Scope, scope_of
from app.core.minion import Submission
from app.core.wording.migration import outside_of
from blueprints import BLUEPRINTS
from tests.tasks import task

Files = dict[str, bytes]
BASE = {
    "src/a.py": b"import old\n",
    "src/b.py": b"x = 1\nimport old\n",
    "web/c.py": b"import old\n",
    "CHANGES.md": b"import old\n",
    ".github/minion.yml": b"setup: []\nlint: []\ntest: check\n",
}
SEARCH = f"xargs -0 grep -InsHF -e {shlex.quote('import old')} --"
NEW = {"src/a.py": b"import new\n", "src/b.py": b"x = 1\nimport new\n"}
BODY = "Use new.\n\ngone: `import old`\nwithin: src\nexcept: CHANGES.md"


def grep(files: Files) -> tuple[int, str]:
    """As grep says it, of all files: those that nobody asked about are left out by who asked."""
    found = [
        f"{path}:{number}:{line}"
        for path, data in sorted(files.items())
        for number, line in enumerate(data.decode().splitlines(), 1)
        if "import old" in line
    ]
    return 123, "\n".join(found)


COMMANDS = {"check": lambda _: (0, "OK"), SEARCH: grep}


def writes(files: Mapping[str, bytes]) -> Callable[[Files], Submission]:
    def act(tree: Files) -> Submission:
        tree.update(files)
        return Submission(summary="Done.", model="openai/x", usage=Usage(turns=1))

    return act


def asked(run: Any, body: str = BODY) -> Any:
    run.task = run.task.model_copy(update={"title": "Use new", "body": body})
    return run


async def test_the_minion_is_told_the_places_and_what_it_forgot_goes_back(rig: Any) -> None:
    run = asked(rig(BASE, COMMANDS, writes({"src/a.py": NEW["src/a.py"]}), writes(NEW)))
    visits, state = await run.walk(BLUEPRINTS["migrate"])
    assert state.pull_request_number == 13, (visits, state.explanation)
    places = run.minion.facts[0]["places"]
    assert "src/a.py:1: import old\nsrc/b.py:2: import old" in places
    assert "web/c.py" not in places
    assert visits[visits.index("repair") - 1] == "left"
    assert "`src/b.py:2`: `import old` has to be gone, and still stands here" in run.minion.facts[1]["report"]


async def test_what_is_outside_of_the_part_goes_back(rig: Any) -> None:
    run = asked(
        rig(BASE, COMMANDS, writes(NEW | {"web/c.py": b"import new\n"}), writes({"web/c.py": BASE["web/c.py"]}))
    )
    visits, state = await run.walk(BLUEPRINTS["migrate"])
    assert state.pull_request_number == 13, (visits, state.explanation)
    assert f"`web/c.py`: {outside_of(['src'])}" in run.minion.facts[1]["report"]


async def test_where_there_is_nothing_to_be_changed_nobody_is_paid(rig: Any) -> None:
    run = asked(rig(BASE | NEW, COMMANDS, writes({})))
    visits, state = await run.walk(BLUEPRINTS["migrate"])
    assert visits == ["prepare", "find", "explain"]
    assert state.explanation == "Nothing had to be changed: `import old` stands nowhere under `src` any more."
    assert run.minion.facts == []


async def test_where_no_change_of_all_places_would_be_let_pass_nobody_is_paid(rig: Any) -> None:
    config = {".github/minion.yml": BASE[".github/minion.yml"] + b"max_files: 1\n"}
    run = asked(rig(BASE | config, COMMANDS, writes({})))
    visits, state = await run.walk(BLUEPRINTS["migrate"])
    assert visits == ["prepare", "find", "explain"]
    assert "stands in 2 files, and one change may touch 1" in state.explanation
    assert run.minion.facts == []


async def test_names_of_files_may_look_like_what_grep_says(rig: Any) -> None:
    odd = {"src/a:7:b.py": b"x\nimport old\n", "src/na ïve.py": b"import old  # at 12:30:15\n"}
    config = {".github/minion.yml": BASE[".github/minion.yml"]}
    run = asked(rig(odd | config, COMMANDS, writes(dict.fromkeys(odd, b"import new\n"))))
    _, state = await run.walk(BLUEPRINTS["migrate"])
    assert "src/a:7:b.py:2: import old\nsrc/na ïve.py:1: import old" in run.minion.facts[0]["places"]
    assert state.pull_request_number == 13, state.explanation


async def test_a_search_that_breaks_is_no_proof_that_nothing_is_left(rig: Any) -> None:
    run = asked(rig(BASE, COMMANDS | {SEARCH: lambda _: (127, "grep: command not found")}, writes(NEW)))
    with pytest.raises(RepositoryError, match="the search ended with 127"):
        await run.walk(BLUEPRINTS["migrate"])


@pytest.mark.parametrize(
    ("body", "scope"),
    [
        ("gone: `a(`, `b``c`", Scope(gone=("a(", "b``c"))),
        ("**Gone:** plain words ", Scope(gone=("plain words",))),
        ("- gone: `a`\n- gone: ``b`c``", Scope(gone=("a", "b`c"))),
        ("within: src/a, `src/b`\nexcept: *.md", Scope(within=("src/a", "src/b"), exempt=("*.md",))),
        ("The old one is gone: `a`.", Scope()),
        ("gone:", Scope()),
        ("", Scope()),
    ],
)
def test_lines_say_which_places_there_are(body: str, scope: Scope) -> None:
    assert scope_of(task(body=body)) == scope


def test_what_stands_behind_the_command_counts_as_well() -> None:
    assert scope_of(task(body="gone: `a`", instructions="gone: `b`")).gone == ("a", "b")
