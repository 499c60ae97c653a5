"""The blueprint `flaky`: how often is often enough, what counts as hiding, and the whole way in a small world."""

import math
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from app.core.collection import listing
from app.core.guards import Weight
from app.core.minion import Submission
from app.core.repetition import LEAST, Measured, at_most, seen_by_now
from app.core.single import alone, named, uncached
from blueprints.flaky.blueprint import BLUEPRINT
from blueprints.flaky.hiding import hiding

TESTS = frozenset(
    {"tests/test_a.py::test_order", "tests/test_a.py::TestB::test_order[1]", "tests/test_c.py::test_time"}
)


@pytest.mark.parametrize(
    ("failed", "runs", "stopped", "needed"),
    [(1, 100, False, 459), (5, 40, True, 43), (10, 40, False, 17), (1, 2, False, 7), (99, 100, False, 1)],
)
def test_so_many_runs_would_have_shown_the_old_rate(failed: int, runs: int, stopped: bool, needed: int) -> None:  # noqa: FBT001 - a table
    measured = Measured(failed=failed, runs=runs, stopped_early=stopped)
    assert measured.enough == max(needed, LEAST)
    assert seen_by_now(measured.rate, measured.enough) >= 0.99
    if needed > LEAST:
        assert seen_by_now(measured.rate, measured.enough - 1) < 0.99


def test_what_never_failed_has_an_upper_bound_and_no_proof() -> None:
    assert math.isclose(at_most(100), 0.045, abs_tol=0.001)
    with pytest.raises(ValueError, match="never failed"):
        _ = Measured(failed=0, runs=100).enough


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("`test_time` fails on Mondays", ["tests/test_c.py::test_time"]),
        ("tests/test_a.py::test_order is flaky", ["tests/test_a.py::test_order"]),
        ("tests/test_a.py::TestB::test_order.", ["tests/test_a.py::TestB::test_order[1]"]),
        ("test_order", ["tests/test_a.py::TestB::test_order[1]", "tests/test_a.py::test_order"]),
        ("Something fails", []),
    ],
)
def test_a_test_is_found_by_its_name(text: str, found: list[str]) -> None:
    assert list(named(text, TESTS)) == found


@pytest.mark.parametrize(
    ("command", "tests", "said"),
    [
        (".venv/bin/python -m pytest -q", ("a.py::test_b[1 2]",), ".venv/bin/python -m pytest -q 'a.py::test_b[1 2]'"),
        (
            "python3 -m unittest discover -s tests -t .",
            ("tests.test_a.A.test_b",),
            "python3 -m unittest tests.test_a.A.test_b",
        ),
        (
            "PYTHONPATH=src python3 -m unittest discover -s tests",
            ("test_a.A.test_b",),
            "export PYTHONPATH=src; PYTHONPATH=tests${PYTHONPATH:+:$PYTHONPATH} python3 -m unittest test_a.A.test_b",
        ),
        ("go test ./...", ("TestA",), "go test ./... -count=1 -run '^(TestA)$'"),
        ("cargo test --offline", ("tests::a",), "cargo test --offline -- --exact tests::a"),
        ("npm test", ("a",), ""),
        ("python3 -m unittest", (), ""),
    ],
)
def test_a_test_is_run_alone_by_the_repositorys_own_command(command: str, tests: tuple[str, ...], said: str) -> None:
    assert alone(command, tests) == said


def test_go_may_not_answer_from_memory() -> None:
    assert uncached("go test ./...") == "go test ./... -count=1"
    assert uncached("go test -count=1 ./...") == "go test -count=1 ./..."
    assert uncached("make test") == "make test"


def patch(path: str, added: str, removed: str = "") -> bytes:
    old = "".join(f"-{line}\n" for line in removed.splitlines())
    new = "".join(f"+{line}\n" for line in added.splitlines())
    lines = f"@@ -1,{len(removed.splitlines())} +1,{len(added.splitlines())} @@\n{old}{new}"
    return f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n{lines}".encode()


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("tests/test_a.py", "    time.sleep(0.5)"),
        ("a.py", "    await asyncio.sleep(1)"),
        ("tests/test_a.py", "@pytest.mark.flaky(reruns=3)"),
        ("tests/test_a.py", "@flaky"),
        ("pyproject.toml", 'addopts = "--reruns 2"'),
        ("tests/test_a.py", "@unittest.skip('later')"),
        ("tests/test_a.py", "    for attempt in range(3):"),
        ("a.test.js", "jest.retryTimes(3);"),
        ("a.test.js", "  await new Promise((resolve) => setTimeout(resolve, 100));"),
        ("a.test.js", "  this.retries(2);"),
        ("playwright.config.ts", "  retries: 2,"),
        ("a_test.go", "\ttime.Sleep(10 * time.Millisecond)"),
        ("src/lib.rs", "    std::thread::sleep(Duration::from_millis(5));"),
        ("src/lib.rs", "#[ignore]"),
        ("ATest.java", "    Thread.sleep(10);"),
        ("run.sh", "sleep 5"),
    ],
)
def test_skips_retries_and_waiting_are_seen(path: str, line: str) -> None:
    (found,) = hiding(patch(path, line))
    assert (found.path, found.line, found.weight) == (path, 1, Weight.MEND)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("a.py", "    await asyncio.sleep(0)"),
        ("a.py", "# time.sleep(1) made it flaky"),
        ("README.md", "It used time.sleep(1)."),
        ("tests/test_a.py", "    clock.sleep_until(moment)"),
        ("tests/test_a.py", "    done.wait(timeout=5)"),
        ("tests/test_a.py", "    for number in range(3):"),
    ],
)
def test_what_hides_nothing_passes(path: str, line: str) -> None:
    assert list(hiding(patch(path, line))) == []


def test_a_line_that_only_moved_is_not_new() -> None:
    assert list(hiding(patch("tests/test_a.py", "        time.sleep(1)", "    time.sleep(1)"))) == []


# -- The whole way -----------------------------------------------------------------------------------------------------
BASE = {"names.py": b"chosen = next(iter({'a', 'b'}))\n", ".github/minion.yml": b"test: python3 -m unittest\n"}
ALONE = "python3 -m unittest test_names.Names.test_first"
STEADY = b"chosen = min({'a', 'b'})\n"


def commands(fails: Callable[[int, bytes], bool]) -> dict[str, Any]:
    """The test fails in the runs, counted from 1, of which `fails` says so."""
    runs = count(1)

    def run(files: dict[str, bytes]) -> tuple[int, str]:
        return (1, "FAIL: test_first (test_names.Names)") if fails(next(runs), files["names.py"]) else (0, "OK")

    how = listing("python3 -m unittest")
    assert how is not None
    return {
        "python3 -m unittest": lambda _: (0, "OK"),
        how.command: lambda _: (0, "test: test_names.Names.test_first\n"),
        ALONE: run,
    }


def every_third(number: int, text: bytes) -> bool:
    return number % 3 == 0 and text != STEADY


def steady(files: dict[str, bytes]) -> Submission:
    files["names.py"] = STEADY
    return Submission(summary="A set has no order.", model="openai/x")


def run_of(rig: Any, fails: Callable[[int, bytes], bool], *acts: Any) -> Any:
    run = rig(BASE, commands(fails), *acts)
    run.task = run.task.model_copy(update={"title": "test_first fails now and then", "body": ""})
    return run


async def test_it_is_reproduced_mended_and_proved_by_repetition(rig: Any) -> None:
    run = run_of(rig, every_third, steady)
    visits, state = await run.walk(BLUEPRINT)
    assert visits == [
        *(
            "prepare",
            "reproduce",
            "steady",
            "lint",
            "test",
            "guard",
            "look",
            "prove",
            "repeat",
            "review",
            "publish",
            "watch",
        ),
    ]
    assert (state.repeated, state.measured) == (ALONE, Measured(failed=5, runs=15, stopped_early=True))
    assert f"`{ALONE}`: 5 of 15 runs failed" in run.minion.facts[0]["measured"]
    body = run.forge.pulls["minions/12-3"]["body"]
    assert "failed in 5 of 15 runs before the change, and in none of 20 runs in a clean tree with it" in body
    assert "1 - (1 - p)^20 = 99.9 %" in body
    assert run.sandbox.ran.count(ALONE) == 15


async def test_what_fails_still_is_sent_back(rig: Any) -> None:
    def renamed(files: dict[str, bytes]) -> Submission:
        files["names.py"] = b"picked = next(iter({'a', 'b'}))\n"
        return Submission(summary="Done.")

    run = run_of(rig, every_third, renamed, steady)
    visits, _ = await run.walk(BLUEPRINT)
    assert visits[visits.index("repeat") :][:2] == ["repeat", "repair"]
    assert visits[-1] == "watch"
    assert "failed again, in run" in run.minion.facts[1]["report"]


async def test_what_got_too_slow_to_be_proved_is_sent_back(rig: Any) -> None:
    def slow(files: dict[str, bytes]) -> Submission:
        run.sandbox.seconds = 3_000.0
        return steady(files)

    def quick(files: dict[str, bytes]) -> Submission:
        run.sandbox.seconds = 0.5
        return steady(files)

    run = run_of(rig, every_third, slow, quick)
    visits, _ = await run.walk(BLUEPRINT)
    assert visits[visits.index("repeat") + 1] == "repair"
    assert "takes 3000 seconds a run with the change, so that only 2 of the" in run.minion.facts[1]["report"]
    assert visits[-1] == "watch"


async def test_what_hides_it_is_sent_back(rig: Any) -> None:
    def waits(files: dict[str, bytes]) -> Submission:
        files["names.py"] = STEADY
        return Submission(summary="Done.")

    run = run_of(rig, every_third, waits)
    patches = run.workspace.patch

    async def with_sleep() -> Any:
        made = await patches()
        return made.model_copy(update={"data": patch("names.py", "time.sleep(1)")}) if made.files else made

    run.workspace.patch = with_sleep
    visits, state = await run.walk(BLUEPRINT)
    assert visits.count("look") == 4
    assert "waits for a while" in state.explanation


@pytest.mark.parametrize(
    ("fails", "why"),
    [
        (lambda _n, _t: False, "did not fail in 100 runs. So it fails, here, in less than 4.5 %"),
        (lambda _n, _t: True, "failed in each of 30 runs, so it is not flaky but red"),
    ],
)
async def test_what_is_not_flaky_is_not_begun_with(rig: Any, fails: Callable[[int, bytes], bool], why: str) -> None:
    run = run_of(rig, fails)
    visits, state = await run.walk(BLUEPRINT)
    assert visits == ["prepare", "reproduce", "explain"]
    assert why in state.explanation


@pytest.mark.parametrize("lost", range(11))
async def test_every_node_may_run_twice(rig: Any, lost: int) -> None:
    run = run_of(rig, every_third, steady)
    _, state = await run.walk(BLUEPRINT, lost=frozenset({lost}))
    assert state.pull_request_number == 13
    assert run.workspace.pushes == 1
