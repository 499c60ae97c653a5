"""What each blueprint looks for besides what all do: what it sends back, and with which words."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from app.core.budget import Usage
from app.core.guards import Finding, Weight
from app.core.minion import Submission
from app.core.patch import Patch
from app.core.schema import Mismatch
from blueprints import BLUEPRINTS
from blueprints.config.blueprint import check as check_settings
from blueprints.docs.blueprint import run_again

Files = dict[str, bytes]
GREET = b"def greet(name):\n    if name == 'x':\n        return 1\n    return f'Hello, {name}!'\n"
TEST = b"import greet\n"
SETTINGS = b"# for all\na: 1\nb: 2 # two\n"
BASE = {
    "greet.py": GREET,
    "tests/test_greet.py": TEST,
    "README.md": b"# greet\n",
    "a.yaml": SETTINGS,
    ".github/minion.yml": b"setup: []\nlint: []\ntest: check\n",
}
STRICT = b"import greet\n# strict\n"


def check(files: Files) -> tuple[int, str]:
    """Red if a strict test sees other code than there was."""
    is_strict = any(b"# strict" in data for path, data in files.items() if path.startswith("tests/"))
    return (1, "FAILED tests/test_greet.py::test_it - no") if is_strict and files["greet.py"] != GREET else (0, "OK")


COMMANDS = {"check": check}


def does(**changes: bytes | None) -> Callable[[Files], Submission]:
    """Files by the names of `NAMES`; None brings one back as it was, or takes it away."""

    def act(files: Files) -> Submission:
        for name, data in changes.items():
            path = NAMES[name]
            if data is None and path not in BASE:
                files.pop(path, None)
            else:
                files[path] = BASE[path] if data is None else data
        return Submission(summary="Done.", model="openai/x", usage=Usage(turns=1))

    return act


NAMES = {
    "code": "greet.py",
    "test": "tests/test_greet.py",
    "new_test": "tests/test_more.py",
    "readme": "README.md",
    "guide": "docs/guide.md",
    "settings": "a.yaml",
    "private": "_inner.py",
}
CODE = GREET.replace(b"Hello", b"Hi")
GUIDE = b"# Guide\n\n[back](../README.md)\n"

SENT_BACK: list[tuple[str, str, dict[str, bytes | None], str, dict[str, bytes | None]]] = [
    ("docs", "check", {"readme": b"# Hi\n", "code": CODE}, "`greet.py`: This is no documentation", {"code": None}),
    ("docs", "check", {"guide": b"[a](none.md)\n"}, "The link to `none.md` leads to no file", {"guide": GUIDE}),
    ("docs", "check", {"guide": b"```json\n{a}\n```\n"}, "This example is no json", {"guide": GUIDE}),
    ("config", "check", {"settings": b"a: 1\nb: 3 # two\n"}, "`# for all` is gone", {"settings": SETTINGS + b"c: 1\n"}),
    (
        "config",
        "check",
        {"settings": b"# for all\nb: 2 # two\na: 1\n"},
        "another order",
        {"settings": SETTINGS + b"c: 1\n"},
    ),
    (
        "config",
        "check",
        {"settings": SETTINGS + b"a: 3\n"},
        "the key 'a' is there twice",
        {"settings": SETTINGS + b"c: 1\n"},
    ),
    ("tests", "only_tests", {"test": STRICT, "code": CODE}, "red", {"code": None}),
    ("tests", "only_tests", {"test": STRICT, "readme": b"x"}, "`README.md`: This is no test", {"readme": None}),
    ("tests", "notice", {"new_test": b"import greet\n"}, "noticed by the new ones", {"new_test": STRICT}),
    ("refactor", "keep", {"private": b"a = 1\n", "test": STRICT}, "Tests may not change", {"test": None}),
    (
        "refactor",
        "keep",
        {"code": GREET.replace(b"(name)", b"(who)")},
        "is called otherwise now",
        {"code": GREET + b"_a = 1\n"},
    ),
    ("refactor", "keep", {"code": b"_a = 1\n"}, "`greet` is gone", {"code": GREET + b"_a = 1\n"}),
]


@pytest.mark.parametrize(
    ("name", "gate", "first", "told", "then"), SENT_BACK, ids=[f"{row[0]}-{row[3][:30]}" for row in SENT_BACK]
)
async def test_what_it_looks_for_goes_back_and_passes_when_it_is_mended(
    rig: Any, name: str, gate: str, first: dict[str, bytes | None], told: str, then: dict[str, bytes | None]
) -> None:
    run = rig(BASE, COMMANDS, does(**first), does(**then))
    visits, state = await run.walk(BLUEPRINTS[name])
    assert state.pull_request_number == 13, (visits, state.explanation)
    assert visits.count("repair") == 1
    if told == "red":  # the tests saw it first
        assert visits[:5] == ["prepare", "implement", "lint", "test", "repair"]
        return
    assert visits[visits.index("repair") - 1] == gate
    assert told in run.minion.facts[1]["report"]
    assert run.minion.facts[0]["demands"] == BLUEPRINTS[name].state.demands != ""


@pytest.mark.parametrize(
    ("change", "is_told"),
    [({"code": GREET + b"_a = 1\n"}, True), ({"code": CODE}, False), ({"readme": b"# Hi\n"}, False)],
    ids=["only adds", "changes", "is no code"],
)
async def test_a_refactoring_that_changes_no_line_is_told_to_who_reviews(
    rig: Any, change: dict[str, bytes | None], *, is_told: bool
) -> None:
    run = rig(BASE, COMMANDS, does(**change))
    _, state = await run.walk(BLUEPRINTS["refactor"])
    assert any("it only adds" in each.sentence for each in state.remarks) is is_told, state.explanation


async def test_what_formatters_do_to_other_files_is_no_part_of_the_change(rig: Any) -> None:
    def formats(files: Files) -> tuple[int, str]:
        files.update({"greet.py": GREET + b"\n", "made.py": b"x", "README.md": files["README.md"].rstrip() + b"\n"})
        return 0, ""

    base = BASE | {".github/minion.yml": b"setup: []\nlint: format\ntest: check\n"}
    run = rig(base, COMMANDS | {"format": formats}, does(readme=b"# Hi\n\n"))
    visits, _ = await run.walk(BLUEPRINTS["docs"])
    assert "repair" not in visits
    assert [file.path for file in (await run.workspace.patch()).files] == ["README.md"]
    assert run.workspace.tree["README.md"] == b"# Hi\n"


@pytest.mark.parametrize(
    ("name", "end"), [("docs", "watch"), ("config", "watch"), ("tests", "explain"), ("fix", "explain")]
)
async def test_documentation_and_settings_need_no_tests(rig: Any, name: str, end: str) -> None:
    run = rig({"README.md": b"# greet\n"}, {}, does(readme=b"# Hi\n"))
    visits, state = await run.walk(BLUEPRINTS[name])
    assert visits[-1] == end
    assert (state.config.test == ()) == (end == "watch")


@pytest.mark.parametrize("row", {row[0]: row for row in SENT_BACK}.values(), ids=lambda row: row[0])
async def test_every_node_may_run_twice(rig: Any, row: Any) -> None:
    """The power goes after a node's effects and before its save: the end is the same, and outside it happened once."""
    name, _, first, _, then = row

    def acts() -> tuple[Callable[[Files], Submission], ...]:
        return does(**first), does(**then)

    whole = rig(BASE, COMMANDS, *acts())
    nodes, expected = await whole.walk(BLUEPRINTS[name])
    for lost in range(len(nodes)):
        if BLUEPRINTS[name].node(nodes[lost]).agent:
            continue  # their journal goes on, which is no matter of the blueprint
        cut = rig(BASE, COMMANDS, *acts())
        visits, state = await cut.walk(BLUEPRINTS[name], lost=frozenset({lost}))
        assert (visits, state.head_sha, cut.forge.pulls) == (nodes, expected.head_sha, whole.forge.pulls)
        assert cut.workspace.pushes == 1


async def test_mistakes_that_stay_unnoticed_go_back_once_and_are_told_to_the_reviewer(rig: Any) -> None:
    def sees_some(files: Files) -> tuple[int, str]:
        is_new = "tests/test_more.py" in files
        return (1, "no") if is_new and b"return None" in files["greet.py"] else (0, "OK")

    run = rig(BASE, {"check": sees_some}, does(new_test=b"import greet\n"), does(new_test=b"import greet as g\n"))
    visits, state = await run.walk(BLUEPRINTS["tests"])
    assert [visits.count(node) for node in ("repair", "notice", "publish")] == [1, 2, 1]
    assert "say in your summary which change nothing" in run.minion.facts[1]["report"]
    assert "`if name == 'x':` → `if name != 'x':`" in run.forge.pulls["minions/12-3"]["body"]
    assert state.told


async def test_where_the_tests_noticed_everything_before_it_is_told(rig: Any) -> None:
    run = rig(BASE | {"tests/test_greet.py": STRICT}, COMMANDS, does(new_test=b"import greet\n"))
    visits, _ = await run.walk(BLUEPRINTS["tests"])
    assert "repair" not in visits
    assert "are noticed by the tests as they were, too" in run.forge.pulls["minions/12-3"]["body"]


async def test_links_and_examples_that_were_wrong_before_are_left_alone(rig: Any) -> None:
    old = b"[a](none.md)\n\n```json\n{a}\n```\n"
    run = rig(BASE | {"README.md": old}, COMMANDS, does(readme=old + b"\nMore.\n"))
    visits, _ = await run.walk(BLUEPRINTS["docs"])
    assert "repair" not in visits
    assert "publish" in visits


async def test_a_link_to_a_page_that_went_is_found_in_other_documents(rig: Any) -> None:
    def goes(files: Files) -> Submission:
        del files["docs/guide.md"]
        return Submission(summary="Done.")

    base = BASE | {"README.md": b"[guide](docs/guide.md)\n", "docs/guide.md": GUIDE}
    run = rig(base, COMMANDS, goes, does(readme=b"# greet\n"))
    await run.walk(BLUEPRINTS["docs"])
    assert "`README.md:1`: The link to `docs/guide.md` leads to no file" in run.minion.facts[1]["report"]


async def test_a_session_that_prints_something_else_goes_back(rig: Any) -> None:
    def runs(files: Files) -> tuple[int, str]:
        return (1, "Expected: 3\nGot: 2") if b"\n3\n" in files["README.md"] else (0, "")

    run = rig(
        BASE,
        COMMANDS | {run_again("README.md"): runs},
        does(readme=b"```python\n>>> 1 + 1\n3\n```\n"),
        does(readme=b"```python\n>>> 1 + 1\n2\n```\n"),
    )
    visits, _ = await run.walk(BLUEPRINTS["docs"])
    assert visits[visits.index("repair") - 1] == "run_examples"
    assert "Show what really comes out: Expected: 3 Got: 2" in run.minion.facts[1]["report"]
    assert visits.count("publish") == 1


class TellsOfDocumentation:
    """As the guards do, without their patterns."""

    names = ("documentation",)

    async def inspect(self, patch: Patch, *_: Any, **__: Any) -> Sequence[Finding]:
        paths = {file.path for file in patch.files}
        if "greet.py" not in paths or "README.md" in paths:
            return []
        return [Finding(guard="documentation", sentence="Nobody is told.", path="greet.py", weight=Weight.REMARK)]


async def test_a_feature_that_nobody_is_told_of_goes_back(rig: Any) -> None:
    run = rig(BASE, COMMANDS, does(code=CODE), does(readme=b"# Hi\n"))
    run.guards = TellsOfDocumentation()
    visits, _ = await run.walk(BLUEPRINTS["feature"])
    assert visits[visits.index("repair") - 1] == "document"
    assert "Nobody is told. Say what is new where those who use it look." in run.minion.facts[1]["report"]


async def test_where_there_are_no_documents_it_is_told_to_the_reviewer(rig: Any) -> None:
    run = rig({path: data for path, data in BASE.items() if path != "README.md"}, COMMANDS, does(code=CODE), does())
    run.guards = TellsOfDocumentation()
    visits, state = await run.walk(BLUEPRINTS["feature"])
    assert visits[visits.index("document") + 1] == "prove"
    assert [each.sentence for each in state.remarks] == ["Nobody is told."]


async def test_a_feature_needs_a_test_that_fails_without_it(rig: Any) -> None:
    run = rig(BASE, COMMANDS, does(code=CODE), does())
    visits, _ = await run.walk(BLUEPRINTS["feature"])
    assert visits[visits.index("repair") - 1] == "prove"
    assert "The change brings no test" in run.minion.facts[1]["report"]


@pytest.mark.parametrize(("body", "end"), [("Set `a` in `a.yaml`.", "explain"), ("Set it where it is.", "watch")])
async def test_settings_that_an_issue_names_have_to_change(rig: Callable[..., Any], body: str, end: str) -> None:
    run = rig(BASE, COMMANDS, does(code=b"x = 1\n"))
    run.task = run.task.model_copy(update={"body": body})
    visits, state = await run.walk(BLUEPRINTS["config"])
    assert visits[-1] == end
    (finding,) = [each for each in (*state.findings, *state.remarks) if each.guard == "settings files"]
    assert ("no settings file is changed" in finding.sentence) is (end == "explain")


async def test_a_schema_that_is_elsewhere_is_told_to_who_reviews(rig: Callable[..., Any]) -> None:
    run = rig(BASE, COMMANDS, does(settings=b"# yaml-language-server: $schema=https://x.test/s.json\n" + SETTINGS))
    _, state = await run.walk(BLUEPRINTS["config"])
    (remark,) = [each for each in state.remarks if each.guard == "settings files"]
    assert "Its schema is elsewhere (`https://x.test/s.json`)" in remark.sentence


class Schemas:
    """Allows everything but one word; every file is known."""

    def known(self, path: str) -> tuple[str, Any] | None:
        return ("toaster", {}) if path == "a.yaml" else None

    async def mismatches(self, schema: Any, value: Any) -> Sequence[Mismatch] | None:  # noqa: ARG002 - the Protocol
        return [Mismatch(at=key, message=f"{word!r} is none") for key, word in value.items() if word == "burnt"]


@pytest.mark.parametrize(
    ("before", "after", "weights"),
    [
        (b"a: 1\n", b"a: 1\nb: burnt\n", [Weight.MEND]),
        (b"a: burnt\n", b"a: burnt\nb: 2\n", []),
        (b"a: 1\n", b"a: 2\n", []),
    ],
)
async def test_what_its_tools_schema_does_not_allow_goes_back_once_if_it_is_new(
    rig: Any, before: bytes, after: bytes, weights: list[Weight]
) -> None:
    run = rig(BASE | {"a.yaml": before}, COMMANDS)
    config = await run.begin(BLUEPRINTS["config"])
    await run.workspace.check_out("b" * 40)
    await run.workspace.write("a.yaml", after)
    world = replace(run.world, schemas=Schemas())
    await check_settings.run(config, world)
    assert [each.weight for each in (*config.findings, *config.remarks)] == weights
    assert await check_settings.run(config, world) == "pass"
    assert len(config.remarks) == len(weights)
