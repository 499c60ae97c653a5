# ruff: noqa: E501 - a case is a line
"""Tests that go, are skipped or check less are found; ordinary work on tests is not."""

import pytest

from app.guards import weakened
from app.guards.suites import cases_in
from tests.guards.changes import found, stops

pytestmark = pytest.mark.gates

PY = """\
import pytest
from shop import price, total


def test_price():
    assert price("pear") == 3
    assert price("plum") == 4


def test_total():
    basket = ["pear", "plum"]
    assert total(basket) == 7
"""
UNIT = """\
import unittest


class Prices(unittest.TestCase):
    def test_price(self):
        self.assertEqual(price("pear"), 3)

    def test_total(self):
        self.assertTrue(total(["pear"]) == 3)
"""
JS = """\
describe("prices", () => {
  it("has a price for pears", () => {
    expect(price("pear")).toBe(3);
  });

  it("adds prices up", () => {
    expect(total(["pear", "plum"])).toEqual(7);
  });
});
"""
GO = """\
package shop

func TestPrice(t *testing.T) {
\tif Price("pear") != 3 {
\t\tt.Errorf("wrong")
\t}
}
"""
RUST = """\
pub fn price() -> u32 { 3 }

#[cfg(test)]
mod tests {
    #[test]
    fn costs_three() {
        assert_eq!(super::price(), 3);
    }
}
"""
JAVA = """\
class PriceTest {
    @Test
    void costsThree() {
        assertEquals(3, price());
    }
}
"""
SNAP = "exports[`a 1`] = `3`;\n"
CONFTEST = "import pytest\n"


def edit(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new)


P, U, J, G, R, V = (
    "tests/test_shop.py",
    "tests/test_unit.py",
    "src/shop.test.ts",
    "shop_test.go",
    "src/lib.rs",
    "src/test/PriceTest.java",
)
CHEATS = {
    "a test goes": ({P: PY}, {P: PY[: PY.index("\n\ndef test_total")]}),
    "a file of tests goes": ({P: PY}, {}),
    "the last of a class": ({U: UNIT}, {U: UNIT[: UNIT.index("\n    def test_total")]}),
    "an assertion goes": ({P: PY}, {P: edit(PY, '    assert price("plum") == 4\n', "")}),
    "an assertion becomes weaker": ({P: PY}, {P: edit(PY, "assert total(basket) == 7", "assert total(basket)")}),
    "a value is not compared any more": ({U: UNIT}, {U: edit(UNIT, 'assertEqual(price("pear"), 3)', 'assertIsNotNone(price("pear"))')}),
    "a member is not looked for any more": ({U: edit(UNIT, 'assertEqual(price("pear"), 3)', 'assertIn(3, total(["pear"]))')}, {U: edit(UNIT, 'assertEqual(price("pear"), 3)', 'assertIsNotNone(total(["pear"]))')}),
    "anything but nothing": ({J: edit(JS, 'expect(price("pear")).toBe(3)', "assert.equal(x, 3)")}, {J: edit(JS, 'expect(price("pear")).toBe(3)', "assert.notEqual(x, undefined)")}),
    "an assertion in a comment": ({P: PY}, {P: edit(PY, "    assert total", "    # assert total")}),
    "a short one that looks like a new one": ({"a.test.mjs": "test('it loads', () => {\n  assert.ok(ranges.merge);\n});\n"}, {"b.test.mjs": "test('none', () => {\n  assert.deepEqual(merge([]), []);\n});\n"}),
    "a test in a comment": ({J: JS}, {J: edit(JS, '  it("adds', '  // it("adds')}),
    "skip": ({P: PY}, {P: edit(PY, "def test_total", "@pytest.mark.skip\ndef test_total")}),
    "skipif": ({P: PY}, {P: edit(PY, "def test_total", "@pytest.mark.skipif(True, reason='slow')\ndef test_total")}),
    "xfail": ({P: PY}, {P: edit(PY, "def test_total", "@pytest.mark.xfail\ndef test_total")}),
    "skip inside": ({P: PY}, {P: edit(PY, "    basket =", '    pytest.skip("later")\n    basket =')}),
    "unittest.skip": ({U: UNIT}, {U: edit(UNIT, "    def test_total", '    @unittest.skip("x")\n    def test_total')}),
    "skipTest": ({U: UNIT}, {U: edit(UNIT, "        self.assertTrue", '        self.skipTest("x")\n        self.assertTrue')}),
    "expectedFailure": ({U: UNIT}, {U: edit(UNIT, "    def test_total", "    @unittest.expectedFailure\n    def test_total")}),
    "it.only": ({J: JS}, {J: edit(JS, 'it("has', 'it.only("has')}),
    "it.skip": ({J: JS}, {J: edit(JS, 'it("has', 'it.skip("has')}),
    "xit": ({J: JS}, {J: edit(JS, 'it("has', 'xit("has')}),
    "describe.skip": ({J: JS}, {J: edit(JS, "describe(", "describe.skip(")}),
    "toBe becomes toBeDefined": ({J: JS}, {J: edit(JS, ".toBe(3)", ".toBeDefined()")}),
    "t.Skip": ({G: GO}, {G: edit(GO, "\tif Price", '\tt.Skip("x")\n\tif Price')}),
    "a Go test goes": ({G: GO}, {G: "package shop\n"}),
    "#[ignore]": ({R: RUST}, {R: edit(RUST, "    fn costs", "    #[ignore]\n    fn costs")}),
    "a Rust assertion goes": ({R: RUST}, {R: edit(RUST, "        assert_eq!(super::price(), 3);\n", "")}),
    "@Disabled": ({V: JAVA}, {V: edit(JAVA, "    @Test", "    @Disabled\n    @Test")}),
    "a snapshot is edited": ({"src/__snapshots__/a.snap": SNAP}, {"src/__snapshots__/a.snap": edit(SNAP, "3", "4")}),
    "a test is defined once more": ({P: PY}, {P: PY + "\n\ndef test_price():\n    assert price('pear')\n"}),
    "a class is defined once more": ({U: UNIT}, {U: UNIT + "\n\nclass Prices(unittest.TestCase):\n    def test_price(self):\n        self.assertTrue(price('pear'))\n"}),
    "true whatever happens": ({P: PY}, {P: PY + "\n\ndef test_new():\n    assert True\n"}),
    "compared with itself": ({U: UNIT}, {U: UNIT + "\n    def test_new(self):\n        self.assertEqual(1, 1)\n"}),
    "failures are swallowed": ({P: PY}, {P: edit(PY, "    assert total(basket) == 7", "    try:\n        assert total(basket) == 7\n    except AssertionError:\n        pass")}),
    "|| true": ({"Makefile": "test:\n\tpytest\n"}, {"Makefile": "test:\n\tpytest || true\n"}),
    "|| true in a script": ({"run.sh": "pytest\n"}, {"run.sh": "pytest || true\n"}),
    "--deselect": ({"noxfile.py": "s.run('pytest')\n"}, {"noxfile.py": "s.run('pytest', '--deselect=tests/x')\n"}),
    "tests are left out": ({"tests/conftest.py": CONFTEST}, {"tests/conftest.py": CONFTEST + "\n\ndef pytest_collection_modifyitems(items):\n    items.clear()\n"}),
    "reports are rewritten": ({}, {"conftest.py": "def pytest_runtest_makereport(item):\n    item.x = 1\n"}),
    "files are not collected": ({"conftest.py": CONFTEST}, {"conftest.py": CONFTEST + "collect_ignore = ['tests/test_shop.py']\n"}),
    "the end is faked": ({"conftest.py": CONFTEST}, {"conftest.py": CONFTEST + "import os\nos._exit(0)\n"}),
    "at every start": ({}, {"sitecustomize.py": "x = 1\n"}),
}  # fmt: skip


@pytest.mark.parametrize("case", CHEATS)
async def test_a_cheat_is_found(case: str) -> None:
    before, after = CHEATS[case]
    assert "weakened tests" in await stops(before, after)


NEW = "\n\ndef test_more():\n    assert price('fig') == 9\n"
HONEST = {
    "a test more": ({P: PY}, {P: PY + NEW}),
    "an assertion more": ({P: PY}, {P: edit(PY, "    assert total", "    assert basket\n    assert total")}),
    "a file more": ({}, {P: PY}),
    "a file gets another name": ({P: PY}, {"tests/test_prices.py": PY}),
    "a file gets another place, and more": ({P: PY}, {"tests/unit/test_shop.py": PY + NEW}),
    "a test gets another name": ({P: PY}, {P: edit(PY, "test_total", "test_prices_add_up")}),
    "tests change places": ({P: PY}, {P: edit(PY, PY[PY.index("def test_price") : PY.index("def test_total")], "") + "\n\n" + PY[PY.index("def test_price") : PY.index("\n\ndef test_total")]}),
    "assertTrue becomes assertEqual": ({U: UNIT}, {U: edit(UNIT, 'assertTrue(total(["pear"]) == 3)', 'assertEqual(total(["pear"]), 3)')}),
    "unittest becomes pytest": ({U: UNIT}, {U: edit(edit(UNIT, 'self.assertEqual(price("pear"), 3)', 'assert price("pear") == 3'), 'self.assertTrue(total(["pear"]) == 3)', 'assert total(["pear"]) == 3')}),
    "another value is wanted": ({P: PY}, {P: edit(PY, "== 7", "== 8")}),
    "an error is wanted": ({P: PY}, {P: edit(PY, "    assert total(basket) == 7", "    with pytest.raises(KeyError):\n        total(basket)")}),
    "two checks become one": ({P: PY}, {P: edit(PY, '    assert price("pear") == 3\n    assert price("plum") == 4', '    assert [price(x) for x in ("pear", "plum")] == [3, 4]')}),
    "a helper checks": ({U: UNIT}, {U: edit(UNIT, 'self.assertEqual(price("pear"), 3)', 'self.assert_price("pear", 3)')}),
    "only spaces": ({P: PY}, {P: edit(PY, "basket = [", "basket  =  [")}),
    "a fixture more": ({"tests/conftest.py": CONFTEST}, {"tests/conftest.py": CONFTEST + "\n\n@pytest.fixture\ndef basket():\n    return ['pear']\n"}),
    "a marker is registered": ({"conftest.py": CONFTEST}, {"conftest.py": CONFTEST + "\n\ndef pytest_configure(config):\n    config.addinivalue_line('markers', 'slow: slow')\n"}),
    "the same name in another class": ({U: UNIT}, {U: UNIT + "\n\nclass Other(unittest.TestCase):\n    def test_price(self):\n        self.assertEqual(price('fig'), 9)\n"}),
    "a skip goes": ({P: edit(PY, "def test_total", "@pytest.mark.skip\ndef test_total")}, {P: PY}),
    "a skip moves": ({P: edit(PY, "def test_total", "@pytest.mark.skip\ndef test_total")}, {P: edit(PY, "def test_total", "@pytest.mark.slow\n@pytest.mark.skip\ndef test_total")}),
    "skip is a word": ({P: PY}, {P: PY + "\n\ndef test_skip_is_a_word():\n    assert price('skip') == 0  # skip this one: no\n"}),
    "a snapshot more": ({"a.snap": SNAP}, {"a.snap": SNAP + "exports[`b 1`] = `4`;\n"}),
    "JavaScript more": ({J: JS}, {J: edit(JS, "toBe(3)", "toStrictEqual(3)")}),
    "Go table": ({G: GO}, {G: GO + '\nfunc TestNone(t *testing.T) {\n\tif Price("x") != 0 {\n\t\tt.Fatal("x")\n\t}\n}\n'}),
    "Rust code": ({R: RUST}, {R: edit(RUST, "{ 3 }", "{ 1 + 2 }")}),
    "a target more": ({"Makefile": "test:\n\tpytest\n"}, {"Makefile": "test:\n\tpytest\nclean:\n\trm -rf build\n"}),
    "code that skips": ({"shop.py": "x = 1\n"}, {"shop.py": "x = 1\n\n\ndef skip(pytest):\n    pytest.skip('x')\n"}),
    "an option of the shop": ({"README.md": "x\n"}, {"README.md": "Run `pytest || true`.\n"}),
}  # fmt: skip


@pytest.mark.parametrize("case", HONEST)
async def test_ordinary_work_is_let_pass(case: str) -> None:
    before, after = HONEST[case]
    assert await found(before, after, guards=(weakened.GUARD,)) == []


async def test_who_asks_can_allow_it() -> None:
    findings = await found({P: PY}, {}, allowed=frozenset(["tests"]), guards=(weakened.GUARD,))
    assert {finding.weight.value for finding in findings} == {"remark"}
    assert await stops({P: PY}, {}, allowed=frozenset(["suppressions"])) == ["weakened tests"] * 2
    assert await stops({P: PY}, {}, allow=["tests"]) == []


async def test_it_says_which_test_and_where() -> None:
    gone = PY[: PY.index("\n\ndef test_total")]
    findings = await found({P: PY}, {P: gone}, guards=(weakened.GUARD,))
    assert [(each.path, each.line) for each in findings] == [(P, 10)]
    assert findings[0].sentence.startswith("The test `test_total` is gone. Bring it back;")


@pytest.mark.hostile
@pytest.mark.timeout(60)
async def test_no_text_takes_years() -> None:
    lines = ["it." * 30_000, "@x " * 30_000, "a" * 300_000, "assert " + "(" * 100_000, "Is" * 100_000, "test(" * 50_000]
    for path in (P, J, G, R, V):
        await found({path: PY}, {path: PY + "\n".join(lines) + "\n"}, guards=(weakened.GUARD,))
    many = "".join(f"def test_{n}():\n    assert f({n}) == {n}\n" for n in range(2_000))
    other = "".join(f"def test_x{n}():\n    assert g({n}) == {n}\n" for n in range(2_000))
    await found({P: many}, {P: other}, guards=(weakened.GUARD,))


def test_a_test_ends_where_its_indentation_does() -> None:
    text = "class A:\n    def test_a(\n        self,\n    ):\n        assert 1 == x\n\n    def other(self):\n        assert 2 == x\n"
    assert [(each.name, len(each.checks)) for each in cases_in(P, text)] == [("test_a", 1)]
