# ruff: noqa: E501 - a case is a line
"""Ways round tests that somebody with a keyboard finds, one by one, and honest work that looks like them."""

import pytest

from app.guards import weakened
from tests.guards.changes import found, stops

pytestmark = [pytest.mark.gates, pytest.mark.hostile]

PY = """\
import pytest
from shop import price, total


def test_price():
    assert price("pear") == 3
    assert price("plum") == 4


def test_total():
    basket = ["pear", "plum"]
    assert total(basket) == pytest.approx(7, abs=0.01)


def test_bad():
    with pytest.raises(ValueError, match="no fruit"):
        price("")
"""
UNIT = """\
import unittest


class Prices(unittest.TestCase):
    def test_total(self):
        self.assertAlmostEqual(total(["pear"]), 3.0, places=6)

    def test_bad(self):
        with self.assertRaisesRegex(ValueError, "no fruit"):
            price("")
"""
JS = """\
import { price, total } from "./shop";

describe("prices", () => {
  it("has a price for pears", () => {
    expect(price("pear")).toBe(3);
  });

  it("adds prices up", async () => {
    expect(total(["pear", "plum"])).toBeCloseTo(7, 5);
  });

  it("refuses", () => {
    expect(() => price("")).toThrow(/no fruit/);
  });
});
"""
GO = """\
package shop

import "testing"

func TestTotal(t *testing.T) {
\tgot := Total("pear", "plum")
\tif got != 7 {
\t\tt.Fatalf("got %d", got)
\t}
}
"""
TABLE = """\
package shop

func TestPrice(t *testing.T) {
\tfor _, c := range []struct{ in string; want int }{
\t\t{"pear", 3},
\t\t{"plum", 4},
\t} {
\t\tif Price(c.in) != c.want {
\t\t\tt.Error(c.in)
\t\t}
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
CASES = "@pytest.mark.parametrize('n', [1, 2, 3])\ndef test_n(n):\n    assert f(n) == n\n"
EACH = "it.each([[1], [2]])('is %i', (n) => {\n  expect(f(n)).toBe(n);\n});\n"
NODE = "test('a', (t) => {\n  assert.equal(f(), 1);\n});\n"
MAKE = "test:\n\tpytest -q\n"
P, U, J, G, R, C = (
    "tests/test_shop.py",
    "tests/test_unit.py",
    "src/shop.test.ts",
    "shop_test.go",
    "src/lib.rs",
    "tests/conftest.py",
)
PLUM, ADDS = 'assert price("plum") == 4', "assert total(basket) == pytest.approx(7, abs=0.01)"
PEAR = 'expect(price("pear")).toBe(3)'


def edit(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new)


def tried(handler: str) -> str:
    return edit(PY, f"    {ADDS}", f"    try:\n        {ADDS}\n    {handler}")


SKIPPED = {
    "a whole file": (P, PY, edit(PY, "from shop", "pytestmark = pytest.mark.skip(reason='x')\nfrom shop")),
    "by another name": (P, PY, edit(PY, "def test_total", "slow = getattr(pytest.mark, 'skip')\n\n\n@slow\ndef test_total")),
    "by its bare name": (P, PY, edit(edit(PY, "from shop", "from pytest import skip\nfrom shop"), "    basket =", "    skip('x')\n    basket =")),
    "unless never": (U, UNIT, edit(UNIT, "class Prices", "@unittest.skipUnless(False, 'x')\nclass Prices")),
    "unless never, by another name": (U, UNIT, edit(edit(UNIT, "import unittest", "import unittest\nfrom unittest import skipUnless as needs"), "class Prices", "@needs(False, 'x')\nclass Prices")),
    "by what unittest looks at": (U, UNIT, edit(UNIT, "    def test_total", "    __unittest_skip__ = True\n\n    def test_total")),
    "by a fixture of everybody": (C, "import pytest\n", "import pytest\n\n\n@pytest.fixture(autouse=True)\ndef _x():\n    pytest.skip('no')\n"),
    "one case of it": (P, CASES, edit(CASES, "3]", "pytest.param(3, marks=pytest.mark.skip)]")),
    "forgotten": (P, PY, PY + "\n\ndel test_total\n"),
    "made nothing": (P, PY, PY + "\n\ntest_total = None\n"),
    "taken from the module": (P, PY, PY + "\n\nglobals().pop('test_total')\n"),
    "under a condition": (P, PY, edit(PY, "    basket =", "    if 'CI' not in os.environ:\n        return\n    basket =")),
    "it.todo": (J, JS, edit(JS, f'  it("has a price for pears", () => {{\n    {PEAR};\n  }});', '  it.todo("has a price for pears");')),
    "describe.skip.each": (J, JS, edit(JS, 'describe("prices",', 'describe.skip.each([1])("prices",')),
    "fdescribe": (J, JS, edit(JS, "describe(", "fdescribe(")),
    "describe.runIf": (J, JS, edit(JS, "describe(", "describe.runIf(process.env.NEVER)(")),
    "`it` is something else": (J, JS, edit(JS, "describe(", "const it = () => {};\ndescribe(")),
    "`skip` is taken out of `it`": (J, JS, edit(edit(JS, "describe(", "const { skip } = it;\ndescribe("), 'it("adds', 'skip("adds')),
    "by vitest's context": (J, JS, edit(JS, "async () => {", "async (ctx) => {\n    ctx.skip();")),
    "by Node's context": ("a.test.mjs", NODE, edit(NODE, "  assert", "  t.skip();\n  assert")),
    "t.SkipNow": (G, GO, edit(GO, "\tgot :=", "\tt.SkipNow()\n\tgot :=")),
    "if it has to be short": (G, GO, edit(GO, "\tgot :=", "\tif testing.Short() {\n\t\treturn\n\t}\n\tgot :=")),
    "by a build tag": (G, GO, f"//go:build integration\n\n{GO}"),
    "by an old build tag": (G, GO, f"// +build never\n\n{GO}"),
    "#[ignore]": (R, RUST, edit(RUST, "    #[test]\n", "    #[test]\n    #[ignore]\n")),
    "cfg(not(test))": (R, RUST, edit(RUST, "#[cfg(test)]", "#[cfg(not(test))]")),
    "cfg of a feature": (R, RUST, edit(RUST, "#[cfg(test)]", '#[cfg(all(test, feature = "never"))]')),
}  # fmt: skip
WEAKER = {
    "printed": (P, PY, edit(PY, ADDS, "print(total(basket) == 7)")),
    "or True": (P, PY, edit(PY, PLUM, f"{PLUM} or True")),
    "a pair, which is true": (P, PY, edit(PY, PLUM, 'assert (price("plum") == 4, "plum")')),
    "of a type": (P, PY, edit(PY, PLUM, 'assert isinstance(price("plum"), int)')),
    "one of several": (P, PY, edit(PY, PLUM, 'assert price("plum") in (0, 4)')),
    "anything": (P, PY, edit(PY, PLUM, 'assert price("plum") == mock.ANY')),
    "the same as itself": (P, PY, edit(PY, PLUM, 'assert price("plum") == price("plum")')),
    "any error": (P, PY, edit(PY, 'ValueError, match="no fruit"', "Exception")),
    "whatever the error says": (P, PY, edit(PY, 'ValueError, match="no fruit"', "ValueError")),
    "an error that says anything": (P, PY, edit(PY, '"no fruit"', '".*"')),
    "nearly, by a billion": (P, PY, edit(PY, "abs=0.01", "abs=1e9")),
    "nearly, by itself": (P, PY, edit(PY, "abs=0.01", "rel=5")),
    "nearly, where it was exact": (P, PY, edit(PY, PLUM, 'assert price("plum") == pytest.approx(4, abs=100)')),
    "to no place": (U, UNIT, edit(UNIT, "places=6", "places=0")),
    "by a delta": (U, UNIT, edit(UNIT, "places=6", "delta=1000")),
    "any error of unittest": (U, UNIT, edit(UNIT, 'assertRaisesRegex(ValueError, "no fruit")', "assertRaises(ValueError)")),
    "to no digit": (J, JS, edit(JS, "(7, 5)", "(7, -9)")),
    "whatever is thrown": (J, JS, edit(JS, ".toThrow(/no fruit/)", ".toThrow()")),
    "expect.anything": (J, JS, edit(JS, ".toBe(3)", ".toEqual(expect.anything())")),
    "no matcher": (J, JS, edit(JS, PEAR, 'expect(price("pear"))')),
    "what comes today": (J, JS, edit(JS, ".toBe(3)", ".toMatchSnapshot()")),
    "logged": (G, GO, edit(GO, "t.Fatalf", "t.Logf")),
    "and false": (G, GO, edit(GO, "got != 7", "got != 7 && false")),
    "a case less": (P, CASES, edit(CASES, "[1, 2, 3]", "[1]")),
    "a case less of each": (J, EACH, edit(EACH, "[[1], [2]]", "[[1]]")),
    "a row less": (G, TABLE, edit(TABLE, '\t\t{"plum", 4},\n', "")),
    "a bound value": (R, RUST, edit(RUST, "assert_eq!(super::price(), 3)", "let _ = super::price() == 3")),
}  # fmt: skip
SWALLOWED = {
    "any error": (P, PY, tried("except Exception:\n        pass")),
    "among others": (P, PY, tried("except (ValueError, AssertionError):\n        print('x')")),
    "suppressed": (P, PY, edit(PY, f"    {ADDS}", f"    with contextlib.suppress(AssertionError):\n        {ADDS}")),
    "caught and told": (J, JS, edit(JS, f"{PEAR};", f"try {{ {PEAR}; }} catch (e) {{ console.log(e); }}")),
    "caught and told on lines of their own": (J, JS, edit(JS, f"    {PEAR};", f"    try {{\n      {PEAR};\n    }} catch (e) {{\n      console.log(e);\n    }}")),
    "of a promise": (J, JS, edit(JS, f"{PEAR};", f"Promise.resolve().then(() => {{ {PEAR}; }}).catch(() => {{}});")),
    "os.Exit": (G, GO, GO + "\nfunc TestMain(m *testing.M) {\n\tm.Run()\n\tos.Exit(0)\n}\n"),
    "recovered": (G, GO, edit(GO, "\tgot :=", "\tdefer func() { recover() }()\n\tgot :=")),
    "a panic": (R, RUST, edit(RUST, "assert_eq!(super::price(), 3);", "let _ = std::panic::catch_unwind(|| assert_eq!(super::price(), 3));")),
    "; true": ("Makefile", MAKE, edit(MAKE, "-q", "-q; true")),
    ".IGNORE": ("Makefile", MAKE, f".IGNORE:\n{MAKE}"),
    "another shell": ("Makefile", MAKE, f"SHELL := /bin/true\n{MAKE}"),
    "flags of make": ("Makefile", MAKE, f"MAKEFLAGS += -i\n{MAKE}"),
    "tox": ("tox.ini", "[testenv]\ncommands = pytest\n", "[testenv]\nignore_outcome = true\ncommands = pytest\n"),
    "tried again": (P, PY, edit(PY, "def test_total", "@pytest.mark.flaky(reruns=99)\ndef test_total")),
    "tried again by jest": (J, JS, edit(JS, "describe(", "jest.retryTimes(99);\ndescribe(")),
    "a golden file": ("testdata/want.golden", "3\n", "4\n"),
    "nox": ("noxfile.py", "s.run('pytest')\n", "s.run('pytest', success_codes=[0, 1])\n"),
}  # fmt: skip
HOOKS = {
    "calls no test": (C, "@pytest.hookimpl(tryfirst=True)\ndef pytest_runtest_call(item):\n    pass\n"),
    "runs no loop": (C, "def pytest_runtestloop(session):\n    return True\n"),
    "does nothing at all": (C, "def pytest_cmdline_main(config):\n    return 0\n"),
    "has other arguments": (C, "def pytest_load_initial_conftests(args):\n    args[:] = ['-k', 'nothing']\n"),
    "sets an option": (C, "def pytest_configure(config):\n    config.option.keyword = 'not total'\n"),
    "puts something in a test's place": (C, "def pytest_generate_tests(metafunc):\n    metafunc.definition.obj = print\n"),
    "is a plugin": ("tests/plugin.py", "def pytest_collection_modifyitems(items):\n    items.clear()\n"),
}  # fmt: skip


@pytest.mark.parametrize("case", SKIPPED)
async def test_a_test_that_is_not_run_any_more_is_found(case: str) -> None:
    path, before, after = SKIPPED[case]
    assert "weakened tests" in await stops({path: before}, {path: after})


@pytest.mark.parametrize("case", WEAKER)
async def test_a_test_that_is_content_with_less_is_found(case: str) -> None:
    path, before, after = WEAKER[case]
    assert "weakened tests" in await stops({path: before}, {path: after})


@pytest.mark.parametrize("case", SWALLOWED)
async def test_a_failure_that_is_swallowed_is_found(case: str) -> None:
    path, before, after = SWALLOWED[case]
    assert "weakened tests" in await stops({path: before}, {path: after})


@pytest.mark.parametrize("case", HOOKS)
async def test_a_hook_that_decides_what_passes_is_found(case: str) -> None:
    path, after = HOOKS[case]
    assert "weakened tests" in await stops({}, {path: f"import pytest\n\n\n{after}"})


HONEST = {
    "a case more": (P, CASES, edit(CASES, "[1, 2, 3]", "[1, 2, 3, 4]")),
    "another case": (P, CASES, edit(CASES, "[1, 2, 3]", "[1, 2, 5]")),
    "a row more": (G, TABLE, edit(TABLE, '\t\t{"plum", 4},\n', '\t\t{"plum", 4},\n\t\t{"fig", 9},\n')),
    "another row": (G, TABLE, edit(TABLE, '{"plum", 4}', '{"plum", 5}')),
    "nearer": (P, PY, edit(PY, "abs=0.01", "abs=0.001")),
    "a little wider": (P, PY, edit(PY, "abs=0.01", "abs=0.05")),
    "a sum of floats": (P, PY, edit(PY, PLUM, 'assert price("plum") == pytest.approx(4)')),
    "another message": (P, PY, edit(PY, '"no fruit"', '"no such fruit"')),
    "another error": (P, PY, edit(PY, "ValueError", "KeyError")),
    "a message that is checked": (J, JS, edit(JS, "/no fruit/", "/no such fruit/")),
    "a pair that is compared": (P, PY, PY + '\n\ndef test_pair():\n    assert (price("a"), price("b")) == (1, 2)\n'),
    "the same twice": (P, PY, PY + '\n\ndef test_same():\n    assert price("pear") == price("pear")\n'),
    "a message of JavaScript": (J, JS, edit(JS, PEAR, 'assert(price("pear") === 3, "pear")')),
    "a part that may be anything": (J, JS, edit(JS, ".toBe(3)", ".toEqual({ id: expect.any(Number), price: 3 })")),
    "an error that is looked at": (P, PY, PY + "\n\ndef test_it():\n    try:\n        price('')\n    except Exception as error:\n        assert 'fruit' in str(error)\n    else:\n        pytest.fail('none')\n"),
    "an error that is told again": (J, JS, JS + "it('x', () => {\n  try {\n    expect(f()).toBe(1);\n  } catch (error) {\n    console.log(state);\n    throw error;\n  }\n});\n"),
    "tidying up": (P, PY, PY + "\n\n@pytest.fixture\ndef shop():\n    yield 1\n    try:\n        close()\n    except Exception:\n        pass\n"),
    "a function inside": (P, PY, edit(PY, "    basket =", "    def seen(x):\n        if not x:\n            return\n        keep(x)\n\n    basket =")),
    "an early answer of a helper": (P, PY, PY + "\n\ndef helper(x):\n    if not x:\n        return\n    use(x)\n"),
    "a new file for one system": ("shop_linux_test.go", None, f"//go:build linux\n\n{GO}"),
    "a platform, from the beginning": (R, "pub fn price() -> u32 { 3 }\n", RUST.replace("#[cfg(test)]", "#[cfg(all(test, unix))]")),
    "a panic that is looked at": (G, GO, edit(GO, "\tgot :=", "\tdefer func() {\n\t\tif r := recover(); r != nil {\n\t\t\tt.Fatal(r)\n\t\t}\n\t}()\n\tgot :=")),
    "skipping in a stream": (J, JS, edit(JS, PEAR, f"rows.skip(2);\n    {PEAR}")),
    "more of `test`": (J, JS, edit(JS, "describe(", "const test = base.extend({ shop });\ndescribe(")),
    "a plugin's own options": (C, "import pytest\n", "import pytest\n\n\ndef pytest_addoption(parser):\n    parser.addoption('--slow')\n"),
    "a shell": ("Makefile", MAKE, f"SHELL := /usr/bin/env bash\nMAKEFLAGS += --no-print-directory\n{MAKE}"),
}  # fmt: skip


@pytest.mark.parametrize("case", HONEST)
async def test_what_looks_like_it_passes(case: str) -> None:
    path, before, after = HONEST[case]
    assert await found({path: before} if before else {}, {path: after}, guards=(weakened.GUARD,)) == []
