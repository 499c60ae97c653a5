import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import wording
from app.core.blueprint import END, Blueprint, Kind, State, Wait, agent, step
from app.core.budget import Budget, Usage
from app.core.command import parse
from app.core.evidence import Evidence, Where
from app.core.guards import Finding
from app.core.patch import Change, FileChange, Patch
from app.core.run import Run, Status, Trail, Visit
from app.core.task import Person, Repository, Task
from app.core.world import World

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
TASK = Task(
    repository=Repository(id=1, full_name="octo/cat", installation_id=1),
    number=12,
    title="Greeting forgets the name",
    body="`greet('Ann')` says *Hello, !*",
    requester=Person(id=5, login="ann"),
    asked_at=NOW,
)
PAGE = "https://minions.example/runs/k"


@step("Look")
async def look(_state: State, _world: World) -> None:
    raise NotImplementedError


@agent("Think", prompt="p.md", budget=Budget(), role="r")
async def think(_state: State, _world: World) -> None:
    raise NotImplementedError


@step("Tell")
async def tell(_state: State, _world: World) -> None:
    raise NotImplementedError


BLUEPRINT: Blueprint[State] = Blueprint(
    name="tried", summary="Try it", state=State, start=look, edges={look: think, think: tell, tell: END}
)


def visit(name: str, seconds: float, usd: float = 0.0) -> Visit:
    usage = Usage(turns=3, usd=usd)
    return Visit(node=name, title=name, kind=Kind.STEP, outcome="", started_at=NOW, seconds=seconds, usage=usage)


def run(status: Status, at: str = "think", **more: Any) -> Run:
    plain = {"task": TASK, "visits": (visit("look", 1.25),), "trail": Trail(branch="minions/12-3", head_sha="a" * 40)}
    return Run(
        id=3,
        key="k",
        blueprint="tried",
        blueprint_version=1,
        status=status,
        at=at,
        state={},
        asked_at=NOW,
        **{**plain, **more},
    )


DONE = run(
    Status.DONE,
    "tell",
    visits=(visit("look", 1.25), visit("think", 75, 0.314), visit("tell", 0.4)),
    trail=Trail(branch="minions/12-3", pull_request_number=13, pull_request_url="https://github.test/pull/13"),
)


def test_the_comment_of_a_run_at_work() -> None:
    assert wording.comment(run(Status.RUNNING), BLUEPRINT, PAGE) == (
        "**🏃 At work: Think** · `tried`, asked by `ann`\n\n"
        "[What it reads, runs and changes](https://minions.example/runs/k) · branch `minions/12-3`\n\n"
        "<details><summary>1 node visited, 1.2 s, $0.00</summary>\n\n"
        "```mermaid\n"
        "flowchart TD\n"
        '    n_look["Look"]\n'
        '    n_think{{"Think"}}\n'
        '    n_tell["Tell"]\n'
        '    n_END(("end"))\n'
        "    n_look --> n_think\n"
        "    n_think --> n_tell\n"
        "    n_tell --> n_END\n"
        "    classDef done fill:#dafbe1,stroke:#1a7f37,color:#1f2328\n"
        "    classDef running fill:#fff8c5,stroke:#9a6700,color:#1f2328\n"
        "    classDef failed fill:#ffebe9,stroke:#cf222e,color:#1f2328\n"
        "    class n_look done\n"
        "    class n_think running\n"
        "```\n\n"
        "</details>\n\n"
        "<!-- minions:run=3 -->"
    )


def test_the_check_run_has_a_row_for_every_node_from_the_first_second() -> None:
    check = wording.check(run(Status.RUNNING), BLUEPRINT, PAGE)
    assert (check.name, check.external_id, check.status, check.conclusion) == (
        "minions / tried",
        "minions-run-3",
        "in_progress",
        "",
    )
    assert check.title == "🏃 At work: Think"
    assert check.details_url == PAGE
    assert check.summary.startswith(
        "| Node | Kind | Outcome | Time | Cost |\n"
        "| --- | --- | --- | ---: | ---: |\n"
        "| Look | ⚙️ step | ✔️ done | 1.2 s |  |\n"
        "| Think | 🤖 agent | 🏃 at work |  |  |\n"
        "| Tell | ⚙️ step | ahead |  |  |\n"
    )
    assert "mermaid" not in check.summary


def test_the_check_run_of_a_pull_request_is_a_success_with_figures() -> None:
    check = wording.check(DONE, BLUEPRINT, PAGE)
    assert (check.status, check.conclusion) == ("completed", "success")
    assert check.title == "✅ Pull request #13 waits for review"
    assert "| Think | 🤖 agent | ✔️ done | 1 min 15 s | $0.31 |" in check.summary
    assert check.summary.endswith("3 nodes visited, 1 min 17 s, $0.31")


@pytest.mark.parametrize(
    ("outcomes", "told"),
    [
        (["green"], "✔️ green"),
        (["red", "green"], "✔️ green, before that red"),
        (["red", "red", "green"], "✔️ green, before that red (2 times)"),
        (["red", "slow", "red"], "✔️ red, before that red, slow"),
        (["", ""], "✔️ done (2 times)"),
    ],
)
def test_a_node_that_answered_differently_tells_every_answer(outcomes: list[str], told: str) -> None:
    visits = tuple(visit("look", 1).model_copy(update={"outcome": outcome}) for outcome in outcomes)
    summary = wording.check(run(Status.RUNNING, visits=visits), BLUEPRINT, PAGE).summary
    assert f"| Look | ⚙️ step | {told} |" in summary


@pytest.mark.parametrize(
    ("stands", "status", "conclusion", "title"),
    [
        (run(Status.QUEUED, "look", visits=()), "queued", "", "⏳ Queued: Look"),
        (run(Status.WAITING), "in_progress", "", "⏸️ Waiting: Think"),
        (run(Status.FAILED, error="It broke."), "completed", "failure", "❌ Failed at “Think”"),
        (run(Status.STOPPED), "completed", "cancelled", "⏹️ Stopped at “Think”"),
        (run(Status.DONE, error="Why."), "completed", "neutral", "🟡 Ended without a pull request"),
        (run(Status.REFUSED, error="Why."), "completed", "neutral", "🚫 Not started"),
    ],
)
def test_each_status_is_told(stands: Run, status: str, conclusion: str, title: str) -> None:
    check = wording.check(stands, BLUEPRINT, PAGE)
    assert (check.status, check.conclusion, check.title) == (status, conclusion, title)
    assert title in wording.comment(stands, BLUEPRINT, PAGE)


def test_an_end_without_pull_request_tells_why() -> None:
    text = wording.comment(
        run(Status.DONE, error="The tests of @bob are red.\n\n```\nE   1 == 2\n```"), BLUEPRINT, PAGE
    )
    assert "The tests of `@bob` are red.\n\n```\nE   1 == 2\n```" in text


def test_a_waiting_run_says_for_what() -> None:
    waits = run(Status.WAITING, wait=Wait(what="the checks of 1a2b3c4", deadline=NOW))
    assert "Waiting for the checks of 1a2b3c4, until 2026-01-02 03:04 UTC at the latest." in wording.comment(
        waits, BLUEPRINT, PAGE
    )


def test_a_check_run_left_behind_is_closed() -> None:
    left = wording.moved(wording.check(run(Status.RUNNING), BLUEPRINT, PAGE), "b" * 40)
    assert (left.status, left.conclusion) == ("completed", "neutral")
    assert left.summary == "The branch moved on: this is carried on at bbbbbbbbbb."


def test_the_marker_stays_when_the_text_is_too_long() -> None:
    text = wording.comment(run(Status.FAILED, error="line\n" * 50_000), BLUEPRINT, PAGE)
    assert len(text) < 61_000
    assert text.endswith("more characters are left out here.\n\n<!-- minions:run=3 -->")


FACTS = wording.PullRequestFacts(
    summary="## Why\nThe name was dropped, see #3.",
    risks="None that I see.",
    evidence=(
        Evidence(command="python3 -m unittest", exit_code=1, seconds=0.21, where=Where.BEFORE),
        Evidence(command="ruff format | tee log", exit_code=0, seconds=0.1, where=Where.LINT),
        Evidence(command="python3 -m unittest", exit_code=0, seconds=0.34, where=Where.AFTER),
    ),
    patch=Patch(
        data=b"x",
        files=(
            FileChange(
                path="a.py",
                change=Change.MODIFIED,
                old_mode="100644",
                new_mode="100644",
                binary=False,
                added=2,
                deleted=1,
            ),
        ),
    ),
    guards=("secrets", "size"),
    figures={"number of tests": "2 before, 3 now"},
    rules=("AGENTS.md",),
    model="openai/x",
    usd=0.314,
    repairs=1,
    most_files=40,
    most_lines=1_500,
)
BODY = """\
Closes #12

### What was asked

> **Greeting forgets the name**
>
> `greet('Ann')` says *Hello, !*

### What was done

**Why**
The name was dropped, see `#3`.

### What shows that it works

- ✅ `python3 -m unittest`: exit code 0; before the change exit code 1

<details><summary>What was run: 3 commands with exit codes</summary>

| When | Command | Exit code | Time |
| --- | --- | ---: | ---: |
| before the change | `python3 -m unittest` | 1 | 0.2 s |
| lint | `ruff format \\| tee log` | 0 | 0.1 s |
| after the change | `python3 -m unittest` | 0 | 0.3 s |

Run in a box without network and without secrets; an exit code is the proof, not a model's word.

</details>

### Risks, and what was not done

None that I see.

### For the reviewer

- [ ] It does what was asked, and nothing else
- [ ] The tests would fail without the change
- [ ] Every changed file was read (1 file, +2 -1)
- [ ] The repair after red tests mended the code rather than the tests

<details><summary>Gates, rules, models and cost</summary>

| What | Figures |
| --- | --- |
| Tests | 1 of 1 command ended with 0, after 1 repair |
| Guards | 2 let it pass: secrets, size |
| Number of tests | 2 before, 3 now |
| Size | 1 file, +2 -1 (at most 40 files, 1,500 lines) |
| Rules applied | `AGENTS.md` |
| Models | change `openai/x` |
| Cost so far | $0.31 |
| Signed statement | [of all this](https://minions.example/runs/k/statement); `minions verify` checks it |

</details>

<sub>Asked by `ann` · model `openai/x` · cost $0.31 · \
[everything that was read, run and changed](https://minions.example/runs/k)</sub>

<!-- minions:run=3 -->"""


def test_the_body_of_a_pull_request() -> None:
    assert wording.pull_request_body(TASK, FACTS, page_url=PAGE, marker="<!-- minions:run=3 -->") == BODY


@pytest.mark.parametrize(
    ("conflicts", "told"),
    [
        ((), "- [ ] It fits `main`, which moved on meanwhile: git merges both, but nobody tested them together"),
        (
            ("a.py", "b|c"),
            "- [ ] Its conflicts with `main`, which moved on meanwhile, were solved: `a.py`, `b|c`",
        ),
        (tuple(f"{one}.py" for one in range(12)), "`9.py` and 2 more"),
    ],
)
def test_a_base_that_moved_on_is_a_matter_for_the_reviewer(conflicts: tuple[str, ...], told: str) -> None:
    facts = FACTS.model_copy(update={"base_branch": "main", "conflicts": conflicts})
    assert told in wording.pull_request_body(TASK, facts, page_url=PAGE, marker="<!-- minions:run=3 -->")


def test_what_had_network_is_not_told_to_have_had_none() -> None:
    set_up = Evidence(command="npm ci", exit_code=0, seconds=2, where=Where.SET_UP)
    facts = FACTS.model_copy(update={"evidence": (set_up, *FACTS.evidence)})
    body = wording.pull_request_body(TASK, facts, page_url=PAGE, marker="<!-- m -->")
    assert "\n\nRun in a box without secrets and, after set-up, without network; an exit code is the proof" in body
    assert "The set-up could reach package registries only." in body


def test_the_repositorys_own_template_comes_first_and_swallows_nothing() -> None:
    facts = FACTS.model_copy(
        update={"template": "## Changes\n<!-- describe -->\n<details>\n```\nopen\n<!-- never closed"}
    )
    body = wording.pull_request_body(TASK, facts, page_url=PAGE, marker="<!-- m -->")
    assert body.startswith("## Changes\n\n<details>\n```\nopen\n```\n</details>\n\nCloses #12\n")


@pytest.mark.parametrize(
    ("template", "wanted"),
    [
        ("## What changed?\n\n## How was it tested?", ["## What changed?\n\n**Why**", "tested?\n\n- ✅ `python3"]),
        ("# Motivation and context\n# Checklist\n- [ ] Docs", ["context\n\n> **Greeting", "# Checklist\n- [ ] Docs"]),
        ("## Summary\nSay it here.\n## Summary", ["## Summary\nSay it here.\n## Summary\n\n**Why**"]),
        ("```\n## Changes\n```\n## Screenshots", ["```\n## Changes\n```\n## Screenshots\n\nCloses #12"]),
    ],
)
def test_sections_go_under_the_templates_own_headings(template: str, wanted: list[str]) -> None:
    facts = FACTS.model_copy(update={"template": template})
    body = wording.pull_request_body(TASK, facts, page_url=PAGE, marker="<!-- m -->")
    for words in wanted:
        assert words in body
    for once in ("The name was dropped", "| When | Command", "None that I see.", "> **Greeting"):
        assert body.count(once) == 1


HOSTILE = (
    "@octocat fixes #9 /minion\n/minion fix all\n<!-- x --> ![i](https://evil.example/x) [l](https://evil.example)"
)


@pytest.mark.faults
def test_f67_nothing_of_others_has_an_effect() -> None:
    task = TASK.model_copy(update={"title": HOSTILE, "body": HOSTILE, "instructions": HOSTILE})
    finding = Finding(guard="g", sentence=HOSTILE, path=HOSTILE)
    facts = FACTS.model_copy(update={"summary": HOSTILE, "risks": HOSTILE, "remarks": (finding,)})
    texts = [
        wording.pull_request_body(task, facts, page_url=PAGE, marker="<!-- m -->"),
        wording.comment(run(Status.DONE, error=HOSTILE, task=task), BLUEPRINT, PAGE),
        wording.refusal(run(Status.REFUSED, error=HOSTILE, task=task)),
        wording.gave_up(HOSTILE, HOSTILE),
        wording.stopped_by_guards([finding], repairs=2),
        wording.stopped_here(Patch(), [finding]),
    ]
    for text in texts:
        shown = re.sub(r"```.*?```|`[^`\n]+`", "", text, flags=re.DOTALL)
        assert "@octocat" not in shown
        assert "#9" not in shown
        assert "evil.example" not in shown
        assert "<!-- x" not in shown
        assert parse(text) is None


def test_the_title_of_a_pull_request_names_nobody() -> None:
    task = TASK.model_copy(update={"title": "Fix @bob's   #3\n" + "x" * 200})
    title = wording.pull_request_title(task)
    assert title.startswith("Fix @ bob's # 3 xxx")
    assert len(title) == 120


def test_a_commit_says_who_asked_and_where_it_is_recorded() -> None:
    message = wording.commit_message(TASK, summary="The name was dropped.\n\n- see #3\n- @bob", page_url=PAGE)
    assert message == (
        "Greeting forgets the name (#12)\n\n"
        "The name was dropped.\n\n- see # 3\n- @ bob\n\n"
        "Minions-Run: https://minions.example/runs/k\n"
        "Co-authored-by: ann <5+ann@users.noreply.github.com>\n"
    )


@given(st.text(), st.text())
def test_no_title_or_summary_breaks_a_commit(title: str, summary: str) -> None:
    task = TASK.model_copy(update={"title": title})
    message = wording.commit_message(task, summary=summary, page_url=PAGE)
    subject, empty, *_ = message.split("\n")
    assert len(subject) <= 72
    assert subject.endswith("(#12)")
    assert not empty
    assert message.encode().count(b"Co-authored-by: ") == 1


def test_the_branch_holds_no_word_of_others() -> None:
    assert wording.branch_name(12, 3) == "minions/12-3"
    assert wording.branch_name(0, 3) == "minions/task-3"
    assert wording.marker_commit_message(12) == "Minion at work on #12 [skip ci]"


@pytest.mark.parametrize(
    ("sentence", "start"),
    [
        (wording.may_not_ask("eve"), "`eve` may not ask for work here: that takes write permission"),
        (wording.already_at_work(4), "Run 4 is at work on this issue already"),
        (wording.issue_is_closed(12), "#12 is closed, or not there any more. Reopen it"),
        (wording.unknown_blueprint("trie", [BLUEPRINT]), "There is no blueprint `trie`. Did you mean `/minion tried`?"),
        (wording.unknown_blueprint("", [BLUEPRINT]), "There is no blueprint ``(empty)``. These are known:"),
        (wording.broke("think"), "Something in Minions itself broke at `think`."),
        (wording.tried_in_vain("GitHub is down.", 8), "GitHub is down. This was tried 8 times"),
        (wording.went_round("tried", 9), "The blueprint `tried` was walked for more than 9 nodes"),
        (wording.blueprint_changed("tried"), "The blueprint `tried` was changed or removed"),
        (wording.newer_blueprint("tried"), "The blueprint `tried` is of a newer Minions than this worker"),
        (wording.no_way_to_test(), "No way to test this repository was found"),
        (wording.nothing_changed(), "The minion changed nothing"),
        (wording.gave_up("turns", ""), "The minion gave up: its turns were used up. Answer the open question"),
    ],
)
def test_each_sentence_says_what_happened_and_what_to_do(sentence: str, start: str) -> None:
    assert sentence.startswith(start)
    assert len(sentence) > len(start)


def test_red_tests_are_told_with_their_output() -> None:
    failed = [Evidence(command="pytest", exit_code=1, seconds=2, where=Where.AFTER)]
    text = wording.still_red(failed, "x\nE 1 == 2", 3, was_red_before=True)
    assert text.startswith("The tests are still red after 3 repairs: `pytest` ended with exit code 1. The same tests")
    assert text.endswith("```\nx\nE 1 == 2\n```")


def test_a_set_up_that_hangs_is_told() -> None:
    hung = Evidence(command="npm ci", exit_code=124, seconds=1_200, where=Where.SET_UP, timed_out=True)
    assert "`npm ci`, which was stopped after 20 min 00 s" in wording.set_up_failed(hung, "")


def test_a_long_text_of_an_issue_is_folded_and_its_title_is_not() -> None:
    task = TASK.model_copy(update={"body": "Word. " * 200})
    body = wording.pull_request_body(task, FACTS, page_url=PAGE, marker="<!-- m -->")
    shown, _, folded = body.partition("<details><summary>Its text, as it stood when this was asked for</summary>")
    assert "Greeting forgets the name" in shown
    assert "Word." not in shown
    assert folded.count("Word.") > 100


def test_what_is_cut_off_leaves_nothing_open() -> None:
    """Whatever stands behind it on GitHub is not folded with it."""
    rows = tuple(
        Evidence(command=f"test {n} " + "x" * 190, exit_code=0, seconds=1, where=Where.AFTER) for n in range(40)
    )
    facts = FACTS.model_copy(update={"evidence": rows, "summary": "long\n" * 1_500, "template": "line\n" * 9_000})
    for cut in range(0, 9_000, 450):
        longer = facts.model_copy(update={"risks": "risk\n" * cut})
        body = wording.pull_request_body(TASK, longer, page_url=PAGE, marker="<!-- m -->")
        assert body.count("<details>") == body.count("</details>")
        assert body.endswith("<!-- m -->")


def test_a_test_that_is_still_red_is_seen_at_a_glance() -> None:
    rows = (
        Evidence(command="pytest a", exit_code=1, seconds=1, where=Where.AFTER),
        Evidence(command="pytest b", exit_code=124, seconds=1, where=Where.AFTER, timed_out=True),
    )
    facts = FACTS.model_copy(update={"evidence": rows})
    body = wording.pull_request_body(TASK, facts, page_url=PAGE, marker="<!-- m -->")
    assert "- ❌ `pytest a`: exit code 1\n- ❌ `pytest b`: timed out\n" in body
