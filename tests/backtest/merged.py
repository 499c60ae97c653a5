"""A small repository on which people worked: issues, and the changes that were merged for them.

Its tests are a few lines of shell, so that dozens of runs take seconds.
"""

import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from app.demo.script import Act, Call, Script, Turn
from app.demo.stage import Stage

UNITS: Final[Mapping[str, int]] = {
    "feet": 12,
    "yards": 36,
    "fathoms": 72,
    "chains": 792,
    "furlongs": 7_920,
    "miles": 63_360,
    "hands": 4,
    "rods": 198,
    "leagues": 190_080,
    "spans": 9,
}
"""How many inches each has: ten issues."""
_RUN: Final = """\
for test in tests/test_*.sh; do
  sh "$test" || { echo "FAILED $test"; exit 1; }
done
"""


def title(unit: str) -> str:
    """Of the issue."""
    return f"`{unit}` gives a number that is too small"


def library(unit: str, inches: int) -> str:
    """A file of the code."""
    return f"# Inches in a number of {unit}.\n{unit}() {{\n  echo $(($1 * {inches}))\n}}\n"


def test(unit: str, inches: int) -> str:
    """A file of the tests."""
    return f'. lib/{unit}.sh\n[ "$({unit} 3)" = {3 * inches} ]\n'


def begin(folder: Path) -> Path:
    """The repository as it was at first, with a branch for each change."""
    files = {
        ".github/minion.yml": "setup: []\nlint: []\ntest: ['sh tests/run.sh']\n",
        "README.md": "# Units\n\nInches in other units.\n",
        "tests/run.sh": _RUN,
        "tests/test_readme.sh": "[ -e README.md ]\n",
        **{f"lib/{unit}.sh": library(unit, 1) for unit in UNITS},
    }
    _write(folder, files)
    git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "Begin")
    changes: dict[str, Mapping[str, str]] = {unit: change(unit, UNITS[unit]) for unit in UNITS}
    changes["docs"] = {"README.md": "# Units\n\nInches in many other units.\n"}
    for name, changed in changes.items():
        git(folder, "checkout", "--quiet", "-b", name, "main")
        _write(folder, changed)
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message", f"Mend {name}")
    git(folder, "checkout", "--quiet", "main")
    return folder


def change(unit: str, inches: int) -> dict[str, str]:
    """What was merged, if the number is right."""
    return {f"lib/{unit}.sh": library(unit, inches), f"tests/test_{unit}.sh": test(unit, inches)}


async def merged(stage: Stage, full_name: str, folder: Path) -> None:
    """Put it on the loopback GitHub, the App on it, and have ann merge a pull request for each issue."""
    hub = stage.hub
    hub.add_user("ann")
    hub.add_repository(full_name, source=begin(folder))
    hub.install(stage.app, [full_name])
    hub.add_collaborator(full_name, "ann", "write")
    repository, ann = hub.repository(full_name), hub.user("ann")
    for name in [*UNITS, "docs"]:
        wanted = title(name) if name in UNITS else "The README is too modest"
        issue = hub.open_issue(full_name, by="ann", title=wanted, body=f"See `{name}`.")
        pull = await hub.pulls.open(
            repository, ann, title=f"Mend {name}", body=f"Closes #{issue.number}", head=name, base="main", draft=False
        )
        await hub.merge_pull(full_name, pull.issue.number, by="ann")


def script(numbers: Mapping[str, int]) -> Script:
    """A model that writes these numbers, each with a test that is content with it; it gives up where there is none."""
    submit = Turn(calls=(Call(tool="submit", arguments={"summary": "It multiplies by the right number."}),))
    gives_up = Call(tool="give_up", arguments={"reason": "needs_human", "detail": "I do not know how long that is."})
    acts = [
        Act(
            when=f"(?m)^.*{re.escape(title(unit))}",
            turns=(Turn(calls=tuple(_written(unit, numbers[unit]))), submit)
            if unit in numbers
            else (Turn(calls=(gives_up,)),),
        )
        for unit in UNITS
    ]
    return Script(acts=tuple(acts))


def _written(unit: str, inches: int) -> Iterator[Call]:
    yield Call(tool="write", arguments={"path": f"lib/{unit}.sh", "content": library(unit, inches)})
    yield Call(tool="write", arguments={"path": f"tests/test_own_{unit}.sh", "content": test(unit, inches)})


def _write(folder: Path, files: Mapping[str, str]) -> None:
    for path, text in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")


def git(folder: Path, *words: str) -> str:
    """Run git as nobody in particular."""
    person = ("-c", "user.name=Ann", "-c", "user.email=ann@example.invalid", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *person, *words], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout.strip()
