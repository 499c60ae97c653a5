"""Changes that have nothing of what was asked for: comments only, no tests, no documentation, none of the names."""

import pytest

from app.core.comments import bare
from app.core.task import Task
from tests.guards.changes import found, stops
from tests.tasks import task

pytestmark = pytest.mark.gates

CODE = 'def add(a, b):\n    """Add."""\n    return a - b\n'
TEST = "def test_add():\n    assert add(1, 2) == 3\n"


async def stopping(asked: Task, before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Names of those two guards that stop it."""
    return [name for name in await stops(before, after, task=asked) if name in {"effect", "what was asked"}]


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("a.py", CODE, CODE + "# Done.\n"),
        ("a.py", CODE, CODE.replace("Add.", "Add, rightly.")),
        ("a.py", CODE, CODE.replace("    return", "\n    return")),
        ("a.js", "f('#', \"//\");\n", "// Done\nf('#', \"//\"); /* it\nis */\n"),
        ("a.go", "func F() {}\n", "// F works.\nfunc F()  {}\n"),
        ("a.toml", 'a = "#1"\n', 'a = "#1"  # done\n'),
        ("Makefile", "all:\n\tmake a\n", "# done\nall:\n\tmake a\n"),
        ("a.sql", "select 1;\n", "select 1; -- done\n"),
        ("a.html", "<p>\n", "<p><!-- done -->\n"),
    ],
)
async def test_a_change_of_comments_only_goes_back(path: str, before: str, after: str) -> None:
    assert await stopping(task("Add rightly"), {path: before}, {path: after}) == ["effect"]


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        ("a.py", CODE, CODE.replace("-", "+")),
        ("a.py", "x = 'a'\n", "x = 'a # b'\n"),
        ("a.py", 'x = """a"""\n', 'x = """a\n# b"""\n'),
        ("a.py", "if a:\n    b()\nc()\n", "if a:\n    b()\n    c()\n"),
        ("a.js", "f('http://a');\n", "f('http://b');\n"),
        ("a.js", "f(`\n`);\n", "f(`\n// a\n`);\n"),
        ("a.sh", "#!/bin/sh\n", "#!/bin/bash\n"),
        ("a.go", "package a\n", "//go:build linux\npackage a\n"),
        ("README.md", "# A\n", "# A\n\n# B\n"),
        ("a.py", CODE, ""),
        ("a.yml", "a: [1]\n", "a: [1, 2]\n"),
        ("data.bin", "# a\n", "# b\n"),
    ],
)
async def test_a_change_that_does_something_has_an_effect(path: str, before: str, after: str) -> None:
    assert await stopping(task("Add rightly"), {path: before}, {path: after}) == []


@pytest.mark.parametrize(
    "asked",
    [
        task("Fix the typo in add"),
        task("Document `add`"),
        task("Say how `add` works", body="There are no comments at all."),
        task("Add rightly", instructions="comments only, please"),
        task("Add rightly", is_pull_request=True),
    ],
)
async def test_who_asks_for_comments_gets_them(asked: Task) -> None:
    assert await stopping(asked, {"a.py": CODE}, {"a.py": CODE + "# Done.\n"}) == []


async def test_on_a_pull_request_a_change_of_comments_only_is_told_to_who_reads_it() -> None:
    asked = task("Add rightly", is_pull_request=True)
    told = await found({"a.py": CODE}, {"a.py": CODE + "# Done.\n"}, task=asked)
    assert [(each.weight, each.path) for each in told if each.guard == "effect"] == [("remark", "a.py")]


LACKS = [
    ("Add tests for add", "", {"a.py": CODE.replace("-", "+")}, "brings no test"),
    ("Write a test of `add`", "", {"tests/test_a.py": "def test_add():\n    pass\n"}, "brings no test"),
    ("Write a test of `add`", "", {"tests/test_a.py": "def test_add():\n    assert True\n"}, "brings no test"),
    ("Document the options", "In `README.md`.", {"a.py": CODE.replace("-", "+")}, "brings none"),
    ("Update the changelog", "", {"a.py": CODE.replace("-", "+")}, "brings none"),
    ("Drop the dependency on tomli", "See `pyproject.toml`.", {"a.py": CODE.replace("-", "+")}, "leaves that as it is"),
    (
        "Let `--level`, `--name` and `read_all` be there",
        "",
        {"b.py": "def done():\n    return True\n"},
        "has nothing of it",
    ),
]
FITS = [
    ("Add tests for add", "", {"tests/test_a.py": TEST}),
    ("Add tests for add", "", {"src/lib.rs": "#[test]\nfn a() {\n    assert_eq!(1 + 1, 2);\n}\n"}),
    ("Add a flag to skip tests", "", {"a.py": CODE.replace("-", "+")}),
    ("Add retries so that tests of ours pass", "", {"a.py": CODE.replace("-", "+")}),
    ("Document the options", "In `README.md`.", {"README.md": "# a\n"}),
    ("Document `add`", "", {"a.py": CODE.replace("Add.", "Add `a` and `b`.")}),
    ("Fix the changelog generator", "", {"a.py": CODE.replace("-", "+")}),
    ("Add a README parser", "", {"a.py": CODE.replace("-", "+")}),
    ("Break circular dependencies", "Between modules.", {"a.py": CODE.replace("-", "+")}),
    ("Upgrade the loader", "", {"a.py": CODE.replace("-", "+")}),
    ("Let `--level`, `--name` and `read_all` be there", "", {"a.py": CODE + "\n\ndef read_all():\n    return 1\n"}),
    ("Rename `old_name`", "", {"a.py": CODE + "\n\ndef new_name():\n    return old_name()\n"}),
    ("`a`, `bb`, `TypeError` and `other` are wrong", "", {"a.py": CODE.replace("-", "+")}),
    ("Make it faster", "", {"a.py": CODE.replace("-", "+")}),
]


@pytest.mark.parametrize(("title", "body", "change", "words"), LACKS)
async def test_what_has_nothing_of_the_issue_goes_back(
    title: str, body: str, change: dict[str, str], words: str
) -> None:
    told = await found({"a.py": CODE}, {"a.py": CODE, **change}, task=task(title, body))
    (finding,) = [each for each in told if each.guard == "what was asked"]
    assert (finding.weight, words in finding.sentence) == ("mend", True), finding


@pytest.mark.parametrize(("title", "body", "change"), FITS)
async def test_what_has_something_of_the_issue_passes(title: str, body: str, change: dict[str, str]) -> None:
    assert await stopping(task(title, body), {"a.py": CODE}, {"a.py": CODE, **change}) == []


async def test_what_may_be_named_by_the_way_is_a_remark() -> None:
    """Like `curl` does, for example."""
    told = await found({"a.py": CODE}, {"a.py": CODE.replace("-", "+")}, task=task("Retry as `curl` does"))
    assert [(each.guard, each.weight) for each in told if each.guard == "what was asked"] == [
        ("what was asked", "remark")
    ]


IDLE = "\n\ndef is_done():\n    return True\n"
ASKED = task("Adding gives wrong sums")
BESIDE = [
    ("a.py", CODE, IDLE),
    ("a.py", CODE, f"\n\nimport os\n{IDLE}\n\n# It is.\nasync def other_one(x):\n    return x\n"),
    ("a.js", "exports.add = add;\n", "\n/** Is it? */\nfunction isDone() {\n  return true;\n}\n"),
    ("a.ts", "export const add = f;\n", "\nexport const isDone = (x: number) => {\n  return x;\n};\n"),
    ("a.go", "package a\n", "\n// IsDone says it.\nfunc IsDone() bool {\n\treturn true\n}\n"),
    ("src/a.rs", "fn add() {}\n", "\npub fn is_done() -> bool {\n    true\n}\n"),
]
AS_ASKED = [
    ("what is there is another", {"a.py": CODE.replace("-", "+") + IDLE}, ASKED),
    ("what is there uses it", {"a.py": CODE.replace("    return", "    is_done()\n    return") + IDLE}, ASKED),
    ("it was used before it came", {"a.py": f"f = [is_done]\n{IDLE}"}, ASKED),
    ("the issue speaks of it", {"a.py": CODE + IDLE}, task("Adding crashes when it is done")),
    ("it is called at once", {"a.py": f"{CODE}{IDLE}\nis_done()\n"}, ASKED),
    ("something decorates it", {"a.py": f"{CODE}\n\n@app.get('/x'){IDLE.removeprefix(chr(10) * 2)}"}, ASKED),
    ("it is part of a class", {"a.py": f"{CODE}\n    def is_done(self):\n        pass\n"}, ASKED),
    ("a framework asks for it", {"a.py": f"{CODE}\n\ndef pytest_configure(config):\n    pass\n"}, ASKED),
    ("settings are others, too", {"a.py": CODE + IDLE, "a.toml": "a = 1\n"}, ASKED),
    ("code in a language without patterns", {"a.py": CODE + IDLE, "a.rb": "def done; end\n"}, ASKED),
    ("a table is another", {"a.py": f"{CODE}{IDLE}\nTABLE = [1]\n"}, ASKED),
    ("its name says nothing", {"a.py": f"{CODE}\n\ndef f():\n    pass\n"}, ASKED),
]


@pytest.mark.parametrize(("path", "there", "more"), BESIDE)
async def test_a_defect_is_not_mended_by_what_nothing_uses(path: str, there: str, more: str) -> None:
    """Not though it has a test of its own, which fails without it."""
    test = {"tests/test_done.py": "from a import is_done\n\n\ndef test_done():\n    assert is_done()\n"}
    told = await found({path: there}, {path: there + more, **test}, task=ASKED)
    (finding,) = [each for each in told if each.guard == "what was asked"]
    assert (finding.weight, finding.path, finding.line > there.count("\n")) == ("mend", path, True)
    assert "nothing in the change uses and the issue does not speak of" in finding.sentence


@pytest.mark.parametrize(
    ("asked", "after"),
    [
        (task("Make sums right"), {"a.py": CODE + IDLE}),
        (task("Adding gives wrong sums", is_pull_request=True), {"a.py": CODE + IDLE}),
        (ASKED, {"a.py": CODE, "b.py": IDLE}),
        (ASKED, {"a.py": f"{CODE}\n\nclass Done(Plugin):\n    pass\n"}),
    ],
)
async def test_what_may_be_found_by_its_place_or_may_be_wanted_is_a_remark(asked: Task, after: dict[str, str]) -> None:
    told = await found({"a.py": CODE}, after, task=asked)
    assert [each.weight for each in told if each.guard == "what was asked"] == ["remark"]


@pytest.mark.parametrize(
    ("_why", "after", "asked"), AS_ASKED, ids=lambda value: value if isinstance(value, str) else ""
)
async def test_what_may_well_be_asked_for_is_no_finding(_why: str, after: dict[str, str], asked: Task) -> None:
    before = {"a.py": "f = [is_done]\n" if "used before" in _why else CODE}
    told = await found(before, after, task=asked)
    assert [each.guard for each in told if each.guard == "what was asked"] == []


@pytest.mark.parametrize(
    ("path", "text", "left"),
    [
        ("a.py", "#!/usr/bin/python\nx = 1  # one\n", ["#!/usr/bin/python", "x = 1"]),
        ("a.rs", '/* a\nb */ let c: &\'a str = "//"; // d\n', ['let c: &\'a str = "//";']),
        ("a.js", "/* never ends", []),
        ("a.py", '"""never ends\n', ['"""never ends']),
        ("a.vue", "<a> // b\n", ["<a> // b"]),
        ("docs/a.md", "# a\n\n// b\n", ["# a", "// b"]),
    ],
)
def test_comments_are_told_from_code(path: str, text: str, left: list[str]) -> None:
    assert bare(path, text) == left
