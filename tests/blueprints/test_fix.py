from collections.abc import Callable
from typing import Any

import pytest

from app.core.allowances import ALLOWANCES
from app.core.budget import Usage
from app.core.errors import RepositoryError
from app.core.evidence import Where
from app.core.fence import fenced
from app.core.minion import GaveUp, Submission
from blueprints.fix.blueprint import BLUEPRINT
from blueprints.steps.delivery import publish
from blueprints.steps.leftovers import change_of
from blueprints.steps.refusals import REFUSED

BASE = {
    "greet.py": b"def greet(name):\n    return 'Hello, !'\n",
    ".github/minion.yml": b"setup: install\nlint: tidy\ntest: check\n",
}
RIGHT = b"def greet(name):\n    return f'Hello, {name}!'\n"
GREEN = ["prepare", "implement", "lint", "test", "guard", "prove", "review", "publish", "watch"]


def check(files: dict[str, bytes]) -> tuple[int, str]:
    return (0, "OK") if b"{name}" in files["greet.py"] else (1, "FAILED tests/test_greet.py::test_name - Hello, !")


def tidy(files: dict[str, bytes]) -> tuple[int, str]:
    files["greet.py"] = files["greet.py"].rstrip() + b"\n"
    return 0, ""


COMMANDS = {"install": lambda _: (0, ""), "tidy": tidy, "check": check}


def does(
    text: bytes, summary: str = "The name was dropped.", *, config: bytes = b"", secret: bytes = b""
) -> Callable[[dict[str, bytes]], Submission]:
    def act(files: dict[str, bytes]) -> Submission:
        files["greet.py"] = text
        more = {".github/minion.yml": config, "secret.txt": secret}
        files.update({name: data for name, data in more.items() if data})
        return Submission(summary=summary, risks="None.", model="openai/x", usage=Usage(turns=2, usd=0.1))

    return act


async def test_an_issue_becomes_a_pull_request(rig: Any) -> None:
    run = rig(BASE, COMMANDS, does(RIGHT))
    visits, state = await run.walk(BLUEPRINT)
    assert visits == GREEN
    assert (state.pull_request_number, state.explanation) == (13, "")
    pull = run.forge.pulls["minions/12-3"]
    assert (pull["base"], pull["title"]) == ("main", "Greeting forgets the name")
    assert "| after the change | `check` | 0 |" in pull["body"]
    assert "| before the change | `check` | 1 |" in pull["body"]
    assert "model `openai/x` · cost $0.12" in pull["body"]
    assert run.workspace.branches["minions/12-3"] == (state.head_sha, run.workspace.branches["minions/12-3"][1])


@pytest.mark.faults
@pytest.mark.parametrize(
    ("conflicts", "told"), [((), "It fits `main`, which moved on"), (("greet.py",), "were solved: `greet.py`")]
)
async def test_f53_a_base_that_moved_on_is_reported(rig: Any, conflicts: tuple[str, ...], told: str) -> None:
    run = rig(BASE, COMMANDS, does(RIGHT))
    run.forge.branches["main"] = ("f" * 40, "Somebody else's")
    run.workspace.conflicts_with["f" * 40] = conflicts
    _, state = await run.walk(BLUEPRINT)
    assert state.pull_request_number == 13
    assert told in run.forge.pulls["minions/12-3"]["body"]


@pytest.mark.parametrize("lost", range(8))
async def test_every_node_may_run_twice(rig: Any, lost: int) -> None:
    """The power goes after a node's effects and before its save: the end is the same, and outside it happened once."""
    whole, cut = rig(BASE, COMMANDS, does(RIGHT)), rig(BASE, COMMANDS, does(RIGHT))
    _, expected = await whole.walk(BLUEPRINT)
    visits, state = await cut.walk(BLUEPRINT, lost=frozenset({lost}))
    assert visits == GREEN
    assert state.head_sha == expected.head_sha
    assert cut.forge.pulls == whole.forge.pulls
    assert cut.workspace.pushes == 1


async def test_red_tests_are_repaired(rig: Any) -> None:
    run = rig(BASE, COMMANDS, does(b"broken"), does(RIGHT, "Now it is there."))
    visits, state = await run.walk(BLUEPRINT)
    assert visits == ["prepare", "implement", "lint", "test", "repair", "lint", "test", *GREEN[4:]]
    assert state.repairs == 1
    assert "FAILED tests/test_greet.py::test_name" in run.minion.facts[1]["report"]
    assert run.minion.facts[1]["attempt"] == "1 of 3"
    body = run.forge.pulls["minions/12-3"]["body"]
    assert "After red tests: Now it is there." in body
    assert "cost $0.22" in body
    assert "The repair after red tests" in body


async def test_of_two_suites_that_fail_the_minion_sees_both(rig: Any) -> None:
    """The one that prints more does not push the other out."""
    long = lambda _: (1, "x\n" * 20_000 + "FAILED tests/test_web.py::test_page")  # noqa: E731
    base = BASE | {".github/minion.yml": b"test: [check, web]\n"}
    run = rig(base, COMMANDS | {"web": long}, does(b"broken"))
    await run.walk(BLUEPRINT)
    report = run.minion.facts[1]["report"]
    assert "$ check  (exit code 1)\nFAILED tests/test_greet.py::test_name" in report
    assert "$ web  (exit code 1)" in report
    assert "FAILED tests/test_web.py::test_page" in report


async def test_what_stays_red_is_explained_after_three_repairs(rig: Any) -> None:
    run = rig(BASE, COMMANDS, does(b"still broken"))
    visits, state = await run.walk(BLUEPRINT)
    assert visits.count("repair") == 4  # the fourth is the engine's own answer
    assert visits[-1] == "explain"
    assert len(run.minion.facts) == 4
    assert state.explanation.startswith("The tests are still red after 3 repairs: `check` ended with exit code 1.")
    assert "The same tests failed before anything was changed" in state.explanation
    assert run.forge.pulls == {}
    assert run.workspace.pushes == 0


async def test_a_minion_that_gives_up_is_quoted(rig: Any) -> None:
    run = rig(BASE, COMMANDS, lambda _: GaveUp(reason="needs_human", detail="Ask @bob which name."))
    visits, state = await run.walk(BLUEPRINT)
    assert visits == ["prepare", "implement", "explain"]
    assert "this needs a decision that people have to make" in state.explanation
    assert "Ask `@bob` which name." in state.explanation


@pytest.mark.faults
async def test_f54_a_submission_without_a_change_is_none(rig: Any) -> None:
    run = rig(BASE, COMMANDS, lambda _: Submission(summary="Done!"))
    _, state = await run.walk(BLUEPRINT)
    assert state.explanation.startswith("The minion changed nothing")


async def test_what_set_up_made_is_no_change_of_the_minions(rig: Any) -> None:
    def install(files: dict[str, bytes]) -> tuple[int, str]:
        files["version.py"] = b"made"
        return 0, ""

    run = rig(BASE, COMMANDS | {"install": install}, lambda _: Submission(summary="Done!"))
    _, state = await run.walk(BLUEPRINT)
    assert state.explanation.startswith("The minion changed nothing")


async def test_a_guard_stops_what_may_not_leave(rig: Any) -> None:
    run = rig(BASE, COMMANDS, does(RIGHT, secret=b"x"))
    visits, state = await run.walk(BLUEPRINT)
    assert visits[-2:] == ["guard", "explain"]
    assert "- `secret.txt`: Take it out." in state.explanation
    assert run.workspace.pushes == 0


@pytest.mark.hostile
async def test_what_came_into_the_tree_behind_the_guards_is_not_pushed(rig: Any) -> None:
    run = rig(BASE, COMMANDS, does(RIGHT, secret=b"x"))
    await run.walk(BLUEPRINT)
    with pytest.raises(RepositoryError, match="Take it out"):
        await publish.run(await run.begin(BLUEPRINT), run.world)
    assert run.workspace.pushes == 0


@pytest.mark.parametrize(
    ("config", "commands", "sentence"),
    [
        (b"tests: x", COMMANDS, "unknown key 'tests'. Did you mean `test`?"),
        (b"lint: a\nlint: b", COMMANDS, "no YAML that can be used in line 2: the key 'lint' is there twice."),
        (b"a: &x 1\ntest: *x", COMMANDS, "references (`*name`) are not allowed"),
        (b"[" * 100_000, COMMANDS, "at most 65,536 are read"),
        (b"[" * 10_000, COMMANDS, "is no YAML that can be used."),
        (b"\x00", COMMANDS, "is no YAML that can be used."),
        (b"!!python/object:os.system x", COMMANDS, "is no YAML that can be used"),
        (b"lint: tidy", COMMANDS, "No way to test this repository was found"),
        (b"setup: nothing\ntest: check", COMMANDS, "The set-up stopped at `nothing`, which ended with exit code 127."),
    ],
    ids=lambda value: value[:20].decode("ascii", "replace") if isinstance(value, bytes) else "",
)
async def test_what_cannot_be_prepared_is_said(rig: Any, config: bytes, commands: Any, sentence: str) -> None:
    run = rig(BASE | {".github/minion.yml": config}, commands, does(RIGHT))
    visits, state = await run.walk(BLUEPRINT)
    assert visits == ["prepare", "explain"]
    assert sentence in state.explanation
    assert run.minion.facts == []


async def test_a_repository_may_say_that_it_has_no_tests(rig: Any) -> None:
    run = rig(BASE | {".github/minion.yml": b"test: []"}, COMMANDS, does(RIGHT))
    visits, _ = await run.walk(BLUEPRINT)
    assert visits == GREEN
    assert "this repository says that it has no tests" in run.forge.pulls["minions/12-3"]["body"]


async def test_commands_that_nobody_said_are_found(rig: Any) -> None:
    base = {"greet.py": BASE["greet.py"], "tests/test_greet.py": b"import unittest"}
    run = rig(base, {"python3 -m unittest discover -s tests": check}, does(RIGHT))
    visits, state = await run.walk(BLUEPRINT)
    assert visits == GREEN
    assert [each.command for each in state.evidence] == ["python3 -m unittest discover -s tests"] * 3


async def test_what_set_up_and_tests_leave_behind_is_no_part_of_the_change(rig: Any) -> None:
    def install(files: dict[str, bytes]) -> tuple[int, str]:
        files.update({"src/a.egg-info/PKG-INFO": b"x", "setup.cfg": b"changed", "node_modules/b/index.js": b"x"})
        files["version.py"] = b"made"
        files.update({"target/CACHEDIR.TAG": b"x", "target/debug/a": b"x"})
        return 0, ""

    def noisy(files: dict[str, bytes]) -> tuple[int, str]:
        files["new/__pycache__/a.pyc"] = b"x"
        return check(files)

    commands = COMMANDS | {"install": install, "check": noisy}
    run = rig(BASE | {"setup.cfg": b"as it was"}, commands, does(RIGHT))
    visits, state = await run.walk(BLUEPRINT)
    assert visits == GREEN
    assert [file.path for file in (await change_of(state, run.workspace)).files] == ["greet.py"]
    assert run.workspace.tree["version.py"] == b"made", "tests of another round need it"
    assert "(1 file, " in run.forge.pulls["minions/12-3"]["body"]


async def test_only_the_base_commit_says_how_it_is_handled(rig: Any) -> None:
    """A minion that writes a configuration for itself is not asked."""
    easy = b"test: 'true'"
    run = rig(BASE, COMMANDS | {"true": lambda _: (0, "")}, does(b"broken", config=easy))
    visits, _ = await run.walk(BLUEPRINT)
    assert visits[-1] == "explain"
    assert "true" not in run.sandbox.ran


async def test_the_minion_is_told_the_task_as_data_and_the_gates_as_facts(rig: Any) -> None:
    run = rig(BASE, COMMANDS, does(RIGHT))
    await run.walk(BLUEPRINT)
    facts = run.minion.facts[0]
    assert facts["issue"] == fenced(f"{run.task.title}\n\n{run.task.body}", "the issue")
    assert facts["commands"] == "- tests: `check`\n- tidying, done for you before that, which stops nothing: `tidy`"
    assert "these fail already: check" in facts["baseline"]


async def test_the_minion_is_told_what_gates_refuse_here_and_what_they_let_pass(rig: Any) -> None:
    config = b"test: check\nallow: locks\nprotected_paths: [infra/**]\n"
    run = rig(BASE | {".github/minion.yml": config}, COMMANDS, does(RIGHT))
    run.task = run.task.model_copy(update={"instructions": "allow: tests"})
    await run.walk(BLUEPRINT)
    said = run.minion.facts[0]["gates"]
    refused, _, passes = said.partition("They let pass here")
    assert REFUSED.keys() == ALLOWANCES.keys()
    assert [word for word, text in REFUSED.items() if f"- {text}" not in refused] == ["tests", "locks"]
    assert all(REFUSED[word] in passes for word in ("tests", "locks"))
    assert "protects besides: `infra/**`" in said


@pytest.mark.faults
async def test_f60_a_secret_in_the_minions_words_goes_nowhere(rig: Any) -> None:
    token = "ghp_" + "a8Kd03jfLw9qPz72mXcVb5Rt1YhN6GsEu4Qo"
    run = rig(BASE, COMMANDS, does(RIGHT, f"I found {token}."))
    await run.walk(BLUEPRINT)
    assert token not in run.forge.pulls["minions/12-3"]["body"]
    assert token not in run.workspace.branches["minions/12-3"][1]


async def test_the_repositorys_template_is_followed(rig: Any) -> None:
    run = rig(BASE | {".github/PULL_REQUEST_TEMPLATE.md": b"## Checklist\n- [ ] read"}, COMMANDS, does(RIGHT))
    await run.walk(BLUEPRINT)
    assert run.forge.pulls["minions/12-3"]["body"].startswith("## Checklist\n- [ ] read\n\nCloses #12")


async def test_evidence_of_a_repeated_gate_is_the_newest(rig: Any) -> None:
    run = rig(BASE, COMMANDS, does(b"broken"), does(RIGHT))
    _, state = await run.walk(BLUEPRINT)
    assert [(each.where, each.exit_code) for each in state.evidence if each.where is Where.AFTER] == [(Where.AFTER, 0)]
