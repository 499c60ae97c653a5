"""What set-up makes among the repository's own files is there for every round of tests, and never in what leaves."""

from typing import Any

import pytest

from tests.gates.conftest import NEW_TEST, RIGHT, writes

pytestmark = pytest.mark.gates

MADE = "made.py"
SET_UP = f"setup: printf 'VERSION = 1\\n' > {MADE}\nlint: []\ntest: python3 -m unittest\n"
NEEDS_IT = """\
import unittest

from made import VERSION


class Version(unittest.TestCase):
    def test_is_one(self):
        self.assertEqual(VERSION, 1)
"""
BASE = {".github/minion.yml": SET_UP, "tests/test_version.py": NEEDS_IT}
GOOD = {"greet.py": RIGHT, "tests/test_greet.py": NEW_TEST}
SKIPPED = NEW_TEST.replace("    def test_names", '    @unittest.skip("later")\n    def test_names')


async def test_tests_find_it_after_a_gate_sent_the_change_back(yard: Any) -> None:
    run = yard(writes({**GOOD, "tests/test_greet.py": SKIPPED}), writes(GOOD), files=BASE)
    visits, state = await run.go()
    assert state.generated == (MADE,)
    assert visits.count("repair") == 1, (visits, state.explanation)
    assert state.pull_request_number == 13, (visits, state.explanation)
    assert MADE not in run.forge.origin.git("ls-tree", "-r", "--name-only", "minions/12-3").split()
