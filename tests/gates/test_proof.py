"""What is tried in clean trees, with real work trees and real boxes."""

from typing import Any

import pytest

from app.core.evidence import Where
from blueprints.steps.proof import untouched
from tests.gates.conftest import NEW_TEST, OLD_TEST, RIGHT, sentences, writes

pytestmark = [pytest.mark.gates, pytest.mark.story]

HONEST = {"greet.py": RIGHT, "tests/test_greet.py": NEW_TEST}
WAY = ["prepare", "implement", "lint", "test", "guard", "prove", "review", "publish", "watch"]


async def test_an_honest_fix_passes_and_its_proof_is_shown(yard: Any) -> None:
    run = yard(writes(HONEST, "python3 -m unittest tests.test_greet"))
    visits, state = await run.go()
    assert (visits, sentences(state)) == (WAY, [])
    rows = [(each.where, each.exit_code) for each in state.evidence]
    assert rows[-4:] == [(Where.CLEAN, 0), (Where.CLAIMED, 0), (Where.NEW_TESTS, 1), (Where.OLD_TESTS, 0)]
    body = run.forge.pulls["minions/12-3"]["body"]
    assert "| new tests, old code | `python3 -m unittest` | 1 |" in body
    assert "| Number of tests | 2 before, 3 now |" in body
    assert "| New tests | something in them fails without the change, and passes with it |" in body
    assert "| Old tests | 1 edited file passes as it was, too |" in body


async def test_what_needs_a_file_that_git_ignores_goes_back(yard: Any) -> None:
    test = NEW_TEST.replace("import unittest", "import unittest\n\nimport local_names")
    hidden = {**HONEST, "tests/test_greet.py": test, "local_names.py": "x = 1\n"}
    run = yard(
        writes(hidden),
        writes({"tests/test_greet.py": NEW_TEST, "local_names.py": None}),
        files={".gitignore": "local_*\n"},
    )
    visits, state = await run.go()
    assert visits == [*WAY[:6], "repair", *WAY[2:]]
    assert "clean one with nothing but the change in it" in run.minion.facts[1]["report"]
    assert "No module named 'local_names'" in run.minion.facts[1]["report"]
    assert state.pull_request_number


async def test_a_claim_that_does_not_hold_goes_back(yard: Any) -> None:
    run = yard(writes(HONEST, "test -e /tmp/proof"), writes({}, "grep -q name greet.py"))
    visits, _ = await run.go()
    assert visits == [*WAY[:6], "repair", *WAY[2:]]
    assert "`test -e /tmp/proof` was named as one that shows that the change works" in run.minion.facts[1]["report"]


async def test_a_test_that_passes_without_the_change_does_not_do_for_a_defect(yard: Any) -> None:
    weak = OLD_TEST + "\n    def test_greets(self):\n        self.assertIn('Hello', greet('Bob'))\n"
    run = yard(writes({"greet.py": RIGHT, "tests/test_greet.py": weak}), writes({"tests/test_greet.py": NEW_TEST}))
    visits, _ = await run.go()
    assert visits.count("repair") == 1
    assert "All tests of the change pass without it, too" in run.minion.facts[1]["report"]


@pytest.mark.parametrize(
    ("issue", "config"),
    [
        ("Greet people by their name", ""),
        ("Greeting forgets the name", "tests_for_bugs: false\n"),
        ("Let names be greeted", "tests_for_features: false\n"),
    ],
)
async def test_where_no_test_is_due_it_is_told_and_no_more(yard: Any, issue: str, config: str) -> None:
    said = {".github/minion.yml": f"setup: []\nlint: []\ntest: python3 -m unittest\n{config}"}
    run = yard(writes({"greet.py": RIGHT}), issue=issue, files=said)
    visits, state = await run.go()
    assert visits == WAY
    (sentence,) = sentences(state)
    assert sentence.startswith(
        "new tests: The change brings no test. Add one that fails on the code as it was, and passes"
    )
    assert "- [ ] The change brings no test." in run.forge.pulls["minions/12-3"]["body"]


async def test_something_new_is_shown_by_a_test_or_by_a_command_that_fails_without_it(yard: Any) -> None:
    idle, telling = (
        "python3 -c 'import greet'",
        'python3 -c \'import greet; assert greet.greet("Bob") == "Hello, Bob!"\'',
    )
    run = yard(writes({"greet.py": RIGHT}, idle), writes({}, telling), issue="Let `greet` say who is greeted")
    visits, state = await run.go()
    assert visits == [*WAY[:6], "repair", *WAY[2:]]
    assert "or name a command that does so as verification" in run.minion.facts[1]["report"]
    rows = [(each.command, each.where, each.exit_code) for each in state.evidence[-2:]]
    assert rows == [(telling, Where.CLAIMED, 0), (telling, Where.UNCLAIMED, 1)]
    assert state.figures["new tests"] == "a named command fails without the change"


async def test_a_command_that_succeeds_without_the_change_is_told_to_show_nothing(yard: Any) -> None:
    run = yard(writes({"greet.py": RIGHT}, "python3 -c 'import greet'"), issue="Greet people by their name")
    visits, state = await run.go()
    assert visits == WAY
    assert sentences(state)[-1] == (
        "new tests: Named as what shows that the change works, these succeed without it, too, and so show nothing: "
        "`python3 -c 'import greet'`."
    )


async def test_rewritten_tests_are_shown_to_the_reviewer(yard: Any) -> None:
    test = OLD_TEST.replace('"Hello")', '"Good day")')
    change = {"greet.py": "def greet(name):\n    return f'Good day, {name}!'\n", "tests/test_greet.py": test}
    run = yard(writes(change), issue="Say good day")
    visits, state = await run.go()
    assert visits == WAY
    assert any("were rewritten to state something else: `test_is_polite" in one for one in sentences(state))


async def test_a_red_test_that_was_edited_instead_of_the_code_goes_back(yard: Any) -> None:
    red = {"tests/test_greet.py": NEW_TEST}
    edited = NEW_TEST.replace('"Hello, Bob!")', '"Hello, !")')
    run = yard(
        writes({"tests/test_greet.py": edited, "greet.py": "# nothing\ndef greet(name):\n    return 'Hello, !'\n"}),
        files=red,
    )
    visits, state = await run.go()
    assert visits[-2:] == ["repair", "explain"]
    assert visits.count("repair") == 4  # the fourth is the engine's own answer
    assert "passes only because the test was edited" in state.explanation


async def test_what_was_red_before_does_not_hold_up_a_change_that_leaves_it_so(yard: Any) -> None:
    broken = (
        "import unittest\n\n\nclass Other(unittest.TestCase):\n"
        "    def test_broken(self):\n        self.assertEqual(len('a'), 2)\n"
    )
    run = yard(writes(HONEST), files={"tests/test_other.py": broken})
    visits, state = await run.go()
    assert visits == WAY
    assert [one[:71] for one in sentences(state)] == [
        "clean tree: These tests fail, and failed before anything was changed: `"
    ]
    assert "test_broken" in run.forge.pulls["minions/12-3"]["body"]


async def test_tests_that_are_not_collected_any_more_are_counted(yard: Any) -> None:
    """Nothing of the tests is edited: their folder lost what makes it a package."""
    other = (
        "import unittest\n\nfrom greet import greet\n\n\nclass Other(unittest.TestCase):\n"
        "    def test_other(self):\n        self.assertIn('Bob', greet('Bob'))\n"
    )
    run = yard(writes({**HONEST, "tests/__init__.py": None, "test_other.py": other}))
    visits, state = await run.go()
    assert visits[-1] == "explain"
    assert "There were 2 tests, and there are 1 with the change" in state.explanation


async def test_tests_that_are_left_out_are_not_made_up_for_by_others(yard: Any) -> None:
    """As many tests as before: what was there is left out by where tests are looked for, and idle ones came."""
    idle = "".join(f"    def test_{n}(self):\n        self.assertEqual(greet('Ann')[0], 'H')\n\n" for n in range(5))
    other = f"import unittest\n\nfrom greet import greet\n\n\nclass Other(unittest.TestCase):\n{idle}"
    run = yard(writes({**HONEST, "tests/__init__.py": None, "test_other.py": other.rstrip() + "\n"}))
    visits, state = await run.go()
    assert visits[-1] == "explain"
    assert (
        "These tests are not found any more, and no line of theirs was taken out: `tests.test_greet"
        in state.explanation
    )


@pytest.mark.parametrize(
    ("before", "now", "removed", "hidden"),
    [
        ({"t.py::test_a"}, {"t.py::test_b"}, "", ["t.py::test_a"]),
        ({"t.py::test_a"}, {"t.py::test_b"}, "-def test_a():\n", []),
        ({"t.py::test_a[1]", "t.py::test_a[2]"}, {"t.py::test_a[3]", "t.py::test_a[4]"}, "", []),
        ({"TestA"}, {"TestA", "TestB"}, "", []),
        ({"tests::costs_three"}, {"tests::is_new"}, "-mod other {\n", ["tests::costs_three"]),
        ({"tests::costs_three"}, {"tests::is_new"}, "-mod tests {\n", []),
    ],
)
def test_what_is_gone_without_a_line_of_it_is_told(
    before: set[str], now: set[str], removed: str, hidden: list[str]
) -> None:
    patch = f"diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +0,0 @@\n{removed}" if removed else ""
    assert untouched(frozenset(before), frozenset(now), patch.encode()) == hidden


async def test_clean_trees_leave_nothing_behind(yard: Any, home: Any) -> None:
    run = yard(writes(HONEST))
    await run.go()
    assert [folder.name for folder in (home / "data" / "runs").iterdir()] == ["1"]
    assert [pin.name for pin in (home / "data" / "mirrors" / "1.git" / "refs" / "minions").iterdir()] == ["1"]


MEASURE = """\
import sys
import unittest
from pathlib import Path

ran = set()


def trace(frame, event, argument):
    if event == "line" and frame.f_code.co_filename == str(Path("greet.py").resolve()):
        ran.add(frame.f_lineno)
    return trace


sys.settrace(trace)
program = unittest.main(module=None, argv=["measure"], exit=False)
sys.settrace(None)
count = len(Path("greet.py").read_text().splitlines())
lines = "".join(f'<line number="{n}" hits="{int(n in ran)}"/>' for n in range(2, count + 1))
Path("coverage.xml").write_text(
    f"<coverage><sources><source>{Path.cwd()}</source></sources><packages><package name='.'><classes>"
    f"<class name='greet.py' filename='greet.py'><lines>{lines}</lines></class></classes></package></packages>"
    "</coverage>"
)
sys.exit(not program.result.wasSuccessful())
"""
UNCOVERED = """\
def greet(name):
    if not name:
        return 'Hello!'
    return f'Hello, {name}!'
"""


@pytest.mark.parametrize(("least", "end"), [(0, "watch"), (60, "watch"), (80, "explain")])
async def test_changed_lines_that_no_test_runs_are_told(yard: Any, least: int, end: str) -> None:
    """Two of the three changed lines are run."""
    config = f"setup: []\nlint: []\ntest: python3 measure.py\nmin_changed_coverage: {least}\n"
    files = {".github/minion.yml": config, "measure.py": MEASURE, ".gitignore": "coverage.xml\n"}
    run = yard(writes({"greet.py": UNCOVERED, "tests/test_greet.py": NEW_TEST}), files=files)
    visits, state = await run.go()
    assert visits[-1] == end
    assert state.figures.get("coverage") == "2 of 3 changed lines run by tests (67 %)"
    told = [one for one in sentences(state) if one.startswith("coverage")]
    assert told[0].startswith(
        "coverage: Tests run 2 of the 3 changed lines that are measured (67 %). Not run: `greet.py` 3."
    )
    assert ("At least 80 % are wanted" in told[0]) is (end == "explain")
