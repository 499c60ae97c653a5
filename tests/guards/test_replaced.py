# ruff: noqa: E501 - a case is a line
"""Tests that check a stand-in instead of the code, and honest stand-ins of what the code needs."""

import pytest

from app.guards import replaced
from tests.guards.changes import found

pytestmark = [pytest.mark.gates, pytest.mark.hostile]

SHOP = "def total(names):\n    return 0\n"
MENDED = "def total(names):\n    return len(names)\n"
PY = "import shop\nfrom shop import total\n\n\ndef test_total():\n    assert total(['pear']) == 1\n"
JS = "import { total } from './shop';\n\nit('adds up', () => {\n  expect(total(['pear'])).toBe(1);\n});\n"
P, J = "tests/test_shop.py", "src/shop.test.ts"


def edit(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new)


STOPPED = {
    "assigned": (P, PY, edit(PY, "\n\ndef", "shop.total = lambda _: 1\n\n\ndef")),
    "monkeypatch": (P, PY, edit(PY, "total():\n", "total(monkeypatch):\n    monkeypatch.setattr('tests.test_shop.total', lambda _: 1)\n")),
    "of a module": (P, PY, edit(PY, "total():\n", "total(monkeypatch):\n    monkeypatch.setattr(shop, 'total', lambda _: 1)\n")),
    "patched above it": (P, PY, edit(PY, "def test", "@mock.patch('tests.test_shop.total', return_value=1)\ndef test")),
    "patched object": (P, PY, edit(PY, "    assert total", "    with patch.object(shop, 'total', return_value=1):\n        assert shop.total")),
    "the whole module": ("tests/conftest.py", "", "import sys\n\nsys.modules['shop'] = Fake()\n"),
    "vitest": (J, JS, f"vi.mock('./shop', () => ({{ total: () => 1 }}));\n{JS}"),
    "jest, with its end": (J, JS, f"jest.mock('../src/shop.ts');\n{JS}"),
}  # fmt: skip
HONEST = {
    "what the code needs": (P, PY, edit(PY, "total():\n", "total(monkeypatch):\n    monkeypatch.setattr('shop.fetch', lambda _: 1)\n")),
    "what another test checks": (P, PY, PY + "\n\ndef test_price(monkeypatch):\n    monkeypatch.setattr('shop.total', lambda _: 1)\n    assert price('pear') == 1\n"),
    "a clock": (P, PY, edit(PY, "def test", "@mock.patch('shop.time', return_value=1)\ndef test")),
    "a stand-in that is asked": (P, PY, edit(PY, "    assert total", "    shop.send = Mock()\n    shop.send.assert_called_once_with(1)\n    assert total")),
    "another module of JavaScript": (J, JS, f"vi.mock('./api', () => ({{}}));\n{JS}"),
    "a package": (J, JS, f"vi.mock('shop', () => ({{}}));\n{JS}"),
    "something optional": ("tests/conftest.py", "", "import sys\n\nsys.modules['RPi.GPIO'] = Mock()\n"),
}  # fmt: skip


async def _weights(path: str, before: str, after: str) -> list[str]:
    source = "src/shop.ts" if path.endswith(".ts") else "shop.py"
    was = {source: SHOP} | ({path: before} if before else {})
    return [each.weight.value for each in await found(was, {source: MENDED, path: after}, guards=(replaced.GUARD,))]


@pytest.mark.parametrize("case", STOPPED)
async def test_a_stand_in_for_what_is_checked_goes_back(case: str) -> None:
    assert await _weights(*STOPPED[case]) == ["mend"]


@pytest.mark.parametrize("case", HONEST)
async def test_a_stand_in_for_what_the_code_needs_passes(case: str) -> None:
    assert await _weights(*HONEST[case]) == []


async def test_one_for_every_test_is_told_to_the_reviewer() -> None:
    fixture = "import shop\n\n\n@pytest.fixture(autouse=True)\ndef _x(monkeypatch):\n    monkeypatch.setattr(shop, 'total', len)\n"
    assert await _weights("tests/conftest.py", "", fixture) == ["remark"]
