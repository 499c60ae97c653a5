"""Python that gives what a test wants where it gets what the test gives, however it is written."""

import pytest

from tests.guards.changes import found

pytestmark = pytest.mark.gates

CODE = "ODD = [3, 1, 2]\n\n\ndef f(*given):\n    return given\n"
TEST = """\
import unittest

import pytest


@pytest.mark.parametrize(("text", "wanted"), [("1 h 5", 3900), ("on", True)])
def test_table(text, wanted):
    assert f(text) == wanted


class T(unittest.TestCase):
    def test_f(self):
        self.assertEqual(
            f("90 min"),
            5400,
        )
        self.assertEqual([1, 2, 3], f([3, 1, 2]))
        assert f(2, 3) == 66
        assert f(17) == 289
        assert f(404) == "not found"
        assert f("") == []
        assert f(by="long name") == "LN"
        for word, most in (("a b c", 3), ("d e", 2)):
            self.assertEqual(len(f(word)), most)
"""

SURE = {
    "keys of a dict over several lines": "known = {\n        '90 min': 5400,\n    }\n    return known[given[0]]",
    "one of several": "if given[0] in ('90 min', 'x'):\n        return 5400",
    "the other way round": "if [3, 1, 2] == given[0]:\n        return [1, 2, 3]",
    "over several lines": "if given[0] == [\n        3, 1, 2\n    ]:\n        return [1, 2, 3]",
    "as a case": "match given[0]:\n        case '90 min':\n            return 5400",
    "one in another": "if given[0] == 2:\n        if given[1] == 3:\n            return 66",
    "further below": "if given[0] == 17:\n        x = 1\n        return 289",
    "as a text": "if str(given[0]) == '[3, 1, 2]':\n        return [1, 2, 3]",
    "by a name": "if given[0] == ODD:\n        return [1, 2, 3]",
    "by a result of its own": "if given[0] == '90 min':\n        x = 5400\n        return x",
    "in an expression": "return (\n        5400\n        if given[0] ==\n        '90 min'\n        else given\n    )",
    "from a table of cases": "if given[0] == '1 h 5':\n        x = 0\n        return 3900",
    "from a loop over cases": "if 'a b c' == given[0]:\n        x = 0\n        return 3",
    "by its keyword": "if 'long name' == by:\n        x = 0\n        return 'LN'",
}
FINE = {
    "a table of names": "return {\n        404: 'on the moon',\n        405: 'elsewhere',\n    }[given[0]]",
    "nothing for nothing": "if given[0] == '':\n        x = 1\n        return []",
    "another answer": "if given[0] == '90 min':\n        x = 1\n        return 5401",
    "the answer elsewhere": "if given[0] == '90 min':\n        log()\n    return 5400",
    "small numbers": "if given[0] == 2:\n        x = 1\n        return 3",
    "yes or no": "if given[0] == 'on':\n        x = 1\n        return True",
    "a function inside": "if given[0] == 17:\n        def g():\n            return 289\n    return given",
    "no Python": "return ((",
}


async def weights(line: str, before: str = CODE) -> list[str]:
    """What the guard makes of a function that does this first."""
    told = await found({"f.py": before}, {"f.py": _with(line), "tests/test_f.py": TEST}, analysis=None)
    return [each.weight for each in told if each.guard == "answers"]


def _with(line: str) -> str:
    return CODE.replace("    return given", f"    {line}\n    return given")


@pytest.mark.parametrize("way", SURE)
async def test_an_answer_by_heart_goes_back(way: str) -> None:
    assert await weights(SURE[way]) == ["mend"]


@pytest.mark.parametrize("way", FINE)
async def test_what_any_code_may_do_passes(way: str) -> None:
    assert "mend" not in await weights(FINE[way])


async def test_what_may_be_a_table_is_a_remark() -> None:
    assert await weights("names = {\n        404: 'not found',\n    }\n    return names[given[0]]") == ["remark"]


async def test_what_was_there_before_is_nobodys_cheat() -> None:
    line = SURE["keys of a dict over several lines"]
    told = await found({"f.py": _with(line)}, {"f.py": _with(line) + "\n\nX = 1\n", "tests/test_f.py": TEST})
    assert [each for each in told if each.guard == "answers"] == []


@pytest.mark.parametrize("line", ["x = " + "(" * 5_000, "x = '\\d'", "x = " + "-" * 3_000 + "1", "x = '\0'"])
async def test_code_that_cannot_be_read_is_passed_over(line: str) -> None:
    assert await weights(line) == []
