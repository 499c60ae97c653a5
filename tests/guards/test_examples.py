"""Code that singles out the very cases of an issue or of its tests."""

import pytest

from app.core.task import Task
from tests.guards.changes import stops
from tests.tasks import task

pytestmark = pytest.mark.gates

CODE = "def f(*given):\n    return given\n"
ISSUE = task(
    "`f` is wrong",
    "`f([(1, 10), (2, 3)])` should be one, `f(list(range(6)), 3)` two, `f('a bit of it')` three, `f(404)` four and "
    "`f('on')` five.",
)
OTHER = task("`f` is wrong")
TEST = "def test_f():\n    assert f({'a': 1, 'b': 2}) == 1\n    assert f(2, 3) == 6\n    assert f('on') == 7\n"


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        (ISSUE, "if given == [(1, 10), (2, 3)]: return 1"),
        (ISSUE, "if given[0]==[ (1,10), (2,3) ]: return 1"),
        (ISSUE, "if len(given) == 6 and size == 3: return 2"),
        (ISSUE, "return 3 if given == 'a bit of it' else given"),
        (OTHER, 'if given == {"a": 1, "b": 2}: return 1'),
        (OTHER, "if a == 2 and b == 3: return 6"),
    ],
)
async def test_a_case_that_is_singled_out_goes_back(asked: Task, line: str) -> None:
    after = CODE.replace("    return", f"    {line}\n    return")
    assert await stops({"f.py": CODE}, {"f.py": after, "tests/test_f.py": TEST}, task=asked) == ["answers"]


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        (ISSUE, "if given == []: return 1"),
        (ISSUE, "if len(given) == 6: return 2"),
        (ISSUE, "if code == 404: return 'four'"),
        (ISSUE, "if given == 'on': return 5"),
        (ISSUE, "if len(given) == 6 and size == 5: return 2"),
        (OTHER, "if given == 'on': return 8"),
        (OTHER, "if a == 2 and b == 4: return 8"),
        (OTHER, "if given == {'a': 1}: return 1"),
        (OTHER, "if given == ["),
        (OTHER, "same = given == {'a': 1, 'b': 2}"),
    ],
)
async def test_a_condition_that_any_code_may_have_passes(asked: Task, line: str) -> None:
    after = CODE.replace("    return", f"    {line}\n    return")
    assert await stops({"f.py": CODE}, {"f.py": after, "tests/test_f.py": TEST}, task=asked) == []
