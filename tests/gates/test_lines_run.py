"""Which lines tests run, measured in real trees and boxes: without a package, and without a word of the minion's."""

import pytest

from blueprints import BLUEPRINTS
from tests.gates.conftest import Yards, sentences, writes

pytestmark = pytest.mark.gates

CODE = """\
def fare(age):
    if age < 6:
        return 0
    if age < 18:
        return 5
    return 10


def told(price):
    if price == 0:
        return "free"
    return f"{price} euros"
"""
BEGIN = "import unittest\nfrom fares import fare, told\n\n\nclass Fares(unittest.TestCase):\n"
OLD = f"{BEGIN}    def test_grown_up(self):\n        self.assertEqual(fare(30), 10)\n"
FILES = {
    "fares.py": CODE,
    "tests/__init__.py": "",
    "tests/test_fares.py": OLD,
    ".github/minion.yml": "setup: []\nlint: []\ntest: python3 -m unittest\n",
}
SAME = f"{BEGIN}    def test_twenty(self):\n        self.assertEqual(fare(20), 10)\n"
MORE = f"{SAME}\n    def test_small(self):\n        self.assertEqual([fare(5), fare(6), fare(18)], [0, 5, 10])\n"


@pytest.mark.timeout(120)
async def test_tests_that_run_no_new_line_go_back_and_the_figures_are_told(yard: Yards) -> None:
    run = yard(
        writes({"tests/test_more.py": SAME}),
        writes({"tests/test_more.py": MORE}),
        files=FILES,
        issue="Test `fare` in fares.py",
        whole=True,
    )
    visits, state = await run.walk(BLUEPRINTS["tests"])
    assert state.pull_request_number, (visits, sentences(state))
    assert visits[visits.index("repair") - 1] == "measure"
    told = run.minion.facts[1]["report"]
    assert "The new tests run no line that none ran before. Not run: `fares.py` 3, 5." in told
    assert (
        "Of 10 lines in `fares.py` tests run 7 (70 %); before it were 5 (50 %)."
        in (run.forge.pulls["minions/12-3"]["body"])
    )
