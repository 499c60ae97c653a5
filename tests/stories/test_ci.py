"""Conversations about checks: a pull request is pushed, CI has something to say about it, and Minions answers."""

from collections.abc import Sequence
from typing import Any

import pytest

from app.demo.github.actions import Job, Push, Workflow
from app.demo.github.objects import WorkflowRun
from app.demo.github.plumbing import Git
from app.demo.workflows import workflows
from tests.stories.patience import until

pytestmark = [pytest.mark.story, pytest.mark.timeout(600)]

FIX = "sed -i 's/without their accents/without their accents (NFKD)/' README.md"


class Asked:
    """An issue that ann has labelled, in a repository with CI, and what came of it."""

    def __init__(self, town: Any, script: Any, config: str = "") -> None:
        files = dict(town.wanted.files) | ({".github/minion.yml": config} if config else {})
        self.town = town
        self.hub = town.stage.hub
        self.name = town.repository(files)
        self.ann = town.person("ann", self.name)
        self.hub.run_on_push(self.name, script)
        self.number = 0

    async def label(self) -> None:
        wish = self.town.wanted.issue
        self.number = await self.ann.file(wish.title, wish.body)
        await self.ann.label(self.number, "minion")

    async def comment(self, words: str) -> str:
        """The run's comment on the issue, as soon as these words stand in it."""

        async def look() -> str:
            bodies = [one["body"] for one in await self.ann.comments(self.number)]
            return next((body for body in bodies if words in body), "")

        return str(await until(look))

    async def is_at_work(self) -> bool:
        """Whether its branch is there."""
        return len(await self.ann.branches()) > 1

    async def pull(self) -> dict[str, Any]:
        (pull,) = await self.ann.pulls()
        return dict(pull)

    async def subjects(self) -> list[str]:
        """Of the commits of the pull request, newest first."""
        head = (await self.pull())["head"]["sha"]
        git = Git(self.hub.repository(self.name).path)
        return (await git.text("log", "--format=%s", f"main..{head}")).splitlines()

    async def own_check(self) -> dict[str, Any]:
        """Minions' check on the head."""
        checks = await self.ann.checks((await self.pull())["head"]["sha"])
        return next(check for check in checks if check["app"]["slug"] == "minions")

    async def waiting(self) -> WorkflowRun:
        """A workflow that is held back, as soon as the run waits for it."""
        await self.comment("⏸️ Waiting")
        run: WorkflowRun = self.hub.workflow_runs(self.name)[-1]
        return run


def held(*jobs: Job) -> Any:
    async def script(_push: Push) -> Sequence[Workflow]:
        return [Workflow("CI", jobs or (Job("unit tests"),), is_held=True)]

    return script


async def always_red(_push: Push) -> Sequence[Workflow]:
    log = "##[error]The machine is on fire.\n"
    return [Workflow("CI", (Job("docs", "failure", log=log), Job("unit tests")))]


async def nothing(_push: Push) -> Sequence[Workflow]:
    return []


async def test_what_ci_finds_is_mended_by_a_minion_that_sees_the_log(town: Any) -> None:
    """The push of the App starts CI, as does the second one."""
    asked = Asked(town, workflows)
    await asked.label()
    told = await asked.comment("its checks are green")
    pull = await asked.pull()
    assert f"Pull request #{pull['number']} waits for review" in told
    assert await asked.subjects() == ["Mend what docs found (#1)", "Accented letters disappear from slugs (#1)"]
    assert "After red checks: The README now names the form of Unicode" in pull["body"]
    runs = asked.hub.workflow_runs(asked.name)
    assert [run.conclusion for run in runs] == ["failure", "success"]
    assert runs[-1].suite.head_sha == pull["head"]["sha"]
    prompt = str(next(one["messages"] for one in town.stage.models.requests if "Mend what the checks" in str(one)))
    assert "README.md:8: Name the form of Unicode (NFKD)." in prompt
    assert "accents are told of without the form of Unicode" in prompt
    check = await asked.own_check()
    assert check["conclusion"] == "success"
    assert "Mend what the checks found" in check["output"]["summary"]


async def test_what_the_repository_fixes_by_itself_is_not_asked_of_a_model(town: Any) -> None:
    asked = Asked(town, workflows, f"autofix: {FIX!r}\n".replace("\\'", "''"))
    await asked.label()
    await asked.comment("its checks are green")
    assert await asked.subjects() == ["Mend what docs found (#1)", "Accented letters disappear from slugs (#1)"]
    assert "sed -i" in (await asked.pull())["body"]
    assert "NFKD" in str(await asked.ann.files((await asked.pull())["number"]))
    check = await asked.own_check()
    assert "| Mend what the checks found | 🤖 agent | not needed |" in check["output"]["summary"]


async def test_what_stays_red_is_handed_over_with_what_was_learned(town: Any) -> None:
    asked = Asked(town, always_red)
    await asked.label()
    told = await asked.comment("is handed over: its checks are red")
    for words in ("these checks are red: `docs`, after 2 tries:", "The minion mended it", "The machine is on fire."):
        assert words in told
    check = await asked.own_check()
    assert check["conclusion"] == "neutral"
    assert "handed over" in check["output"]["title"]
    (comment,) = await asked.ann.comments((await asked.pull())["number"])
    assert "The machine is on fire." in comment["body"]

    async def ended() -> bool:
        return "confused" in await asked.ann.reactions(asked.number)

    await until(ended)


@pytest.mark.faults
async def test_f69_without_ci_the_run_ends_well(town: Any) -> None:
    asked = Asked(town, nothing)
    await asked.label()
    await asked.comment("waits for review, no checks found")
    assert (await asked.own_check())["conclusion"] == "success"


async def test_while_ci_runs_the_run_waits_and_goes_on_when_it_ends(town: Any) -> None:
    asked = Asked(town, held())
    await asked.label()
    workflow = await asked.waiting()
    pull = await asked.pull()
    told = await asked.comment("Waiting for the checks of")
    assert pull["head"]["sha"][:7] in told
    assert (await asked.own_check())["status"] == "in_progress"
    await asked.hub.actions.finish(workflow)
    await asked.comment("its checks are green")
    assert len(await asked.ann.comments(asked.number)) == 1


@pytest.mark.faults
async def test_f70_what_was_red_and_is_run_anew_in_time_is_green(town: Any) -> None:
    asked = Asked(town, held(), "checks_settle_s: 3\n")
    await asked.label()
    workflow = await asked.waiting()
    await asked.hub.actions.finish(workflow, [Job("unit tests", "failure")])
    await asked.hub.actions.rerun(workflow)
    await asked.hub.actions.finish(workflow, [Job("unit tests", "success")])
    await asked.comment("its checks are green")
    assert len(await asked.subjects()) == 1


async def test_after_the_end_a_button_looks_at_the_checks_once_more(town: Any) -> None:
    asked = Asked(town, always_red)
    await asked.label()
    await asked.comment("is handed over: its checks are red")
    checks = asked.hub.check_runs(asked.name, (await asked.pull())["head"]["sha"])
    check = next(one for one in checks if one.suite.app is asked.town.stage.app)
    (workflow,) = asked.hub.workflow_runs(asked.name, check.suite.head_sha)
    await asked.hub.actions.rerun(workflow)
    await asked.hub.actions.finish(workflow, [Job("docs"), Job("unit tests")])

    async def pressed() -> bool:
        done = bool(check.status == "completed")
        if done:
            asked.hub.checks.press(check, asked.hub.user("ann"), "fix checks")
        return done

    await until(pressed)
    await asked.comment("its checks are green")


async def test_what_does_not_end_in_time_is_left_to_people(town: Any) -> None:
    asked = Asked(town, held(), "checks_wait_s: 2\n")
    await asked.label()
    told = await asked.comment("is handed over: its checks did not end in time")
    assert "`unit tests`" in told
    assert (await asked.own_check())["conclusion"] == "neutral"


@pytest.mark.faults
async def test_f52_a_person_who_pushes_while_ci_runs_takes_over(town: Any) -> None:
    asked = Asked(town, held())
    await asked.label()
    workflow = await asked.waiting()
    pull, repository = await asked.pull(), asked.hub.repository(asked.name)
    git, ref = Git(repository.path), f"refs/heads/{pull['head']['ref']}"
    before = await git.refs()
    author = ("-c", "user.name=ann", "-c", "user.email=ann@example.test")
    words = ("commit-tree", f"{before[ref]}^{{tree}}", "-p", before[ref], "-m", "Mine")
    theirs = (await git.run(*author, *words)).decode().strip()
    await git.move(ref, theirs, before[ref])
    await asked.hub.branches.moved(repository, asked.hub.user("ann"), before)
    await asked.hub.actions.finish(workflow)
    await asked.comment("is yours: somebody pushed to its branch")
    assert (await git.refs())[ref] == theirs


@pytest.mark.faults
async def test_f53_the_reviewer_is_told_what_conflicts_with_a_base_that_moved_on(town: Any) -> None:
    asked = Asked(town, nothing)
    repository = asked.hub.repository(asked.name)
    git, ref = Git(repository.path), "refs/heads/main"
    with town.stage.models.slow():
        await asked.label()
        await until(asked.is_at_work)
        before = await git.refs()
        blob = (await git.run("hash-object", "-w", "--stdin", stdin=b"# Nothing is left\n")).decode().strip()
        tree = (await git.run("mktree", stdin=f"100644 blob {blob}\tslugs.py\n".encode())).decode().strip()
        author = ("-c", "user.name=ann", "-c", "user.email=ann@example.test")
        words = ("commit-tree", tree, "-p", before[ref], "-m", "Begin anew")
        theirs = (await git.run(*author, *words)).decode().strip()
        await git.move(ref, theirs, before[ref])
        await asked.hub.branches.moved(repository, asked.hub.user("ann"), before)
    await asked.comment("waits for review")
    body = (await asked.pull())["body"]
    assert "conflicts with `main`, which moved on meanwhile, were solved: `README.md`, `slugs.py`" in body


@pytest.mark.faults
async def test_f32_an_installation_without_the_new_permissions_gets_its_pull_request(town: Any) -> None:
    asked = Asked(town, workflows)
    owner = asked.hub.repository(asked.name).owner
    (installation,) = (one for one in asked.hub.accounts.installations if one.account is owner)
    del installation.permissions["actions"], installation.permissions["statuses"]
    await asked.label()
    told = await asked.comment("its checks cannot be read")
    assert "accept the App's new permissions" in told
    assert (await asked.own_check())["conclusion"] == "success"


async def test_ci_outside_of_github_counts_as_well(town: Any) -> None:
    asked = Asked(town, held())
    await asked.label()
    workflow = await asked.waiting()
    sha = (await asked.pull())["head"]["sha"]
    await asked.hub.add_status(asked.name, sha, "pending", by="ann", context="circle")
    await asked.hub.actions.finish(workflow)
    await asked.hub.settled()
    assert (await asked.own_check())["status"] == "in_progress"
    await asked.hub.add_status(asked.name, sha, "success", by="ann", context="circle")
    await asked.comment("its checks are green")
