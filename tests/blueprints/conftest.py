# ruff: noqa: ARG002 - fakes take what the Protocols give them
"""A small world that holds state: files, branches, pull requests; commands are functions on the files."""

import ast
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha1, sha256
from importlib import resources
from string import Template
from typing import Any

import pytest

from app.core.blueprint import EXHAUSTED, Blueprint, Node, Wait
from app.core.budget import Usage
from app.core.diff import sections
from app.core.errors import Conflict, Denied, NotFound
from app.core.forge import Check, FailedCheck, Head, Permission, Pull, PullRequest, Reaction, Remote, Verdict
from app.core.guards import Finding, Show
from app.core.links import Said
from app.core.minion import GaveUp, Submission
from app.core.patch import AddedLine, Change, FileChange, Patch
from app.core.patience import Patience
from app.core.releases import NoReleases, Releases
from app.core.repo_config import RepoConfig
from app.core.reviewer import Review
from app.core.sandbox import CommandResult
from app.core.task import Person, Place, Remark, Repository, Task
from app.core.workspace import CleanTree, Touched
from app.core.world import World

Files = dict[str, bytes]
Command = Callable[[Files], tuple[int, str]]


class FakeBranches(dict[str, tuple[str, str]]):
    """Branches of the repository on GitHub: name → (sha, message)."""


class FakeWorkspace:
    """A tree and its base commit, as dicts."""

    def __init__(self, base: Mapping[str, bytes], branches: FakeBranches) -> None:
        self.base = dict(base)
        self.tree: Files = {}
        self.checked_out = ""
        self.branches = branches
        self.parents: dict[str, str] = {}
        self.changes: list[Touched] = []
        self.pushes = 0
        self.conflicts_with: dict[str, tuple[str, ...]] = defaultdict(tuple)
        """Paths, for each commit that somebody else made."""

    async def check_out(self, sha: str, *, patch: bytes = b"", set_up: Sequence[str] = ()) -> None:
        if not self.checked_out:
            self.tree, self.checked_out = dict(self.base), sha

    async def show(self, path: str) -> bytes | None:
        return self.base.get(path)

    async def show_all(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        return {path: self.base[path] for path in paths if path in self.base}

    async def listed(self) -> Sequence[str]:
        return sorted(self.base)

    async def blobs(self, paths: Sequence[str]) -> Mapping[str, str]:
        return {path: sha256(self.base[path]).hexdigest() for path in paths if path in self.base}

    async def links(self) -> Mapping[str, str]:
        return {}

    async def past(self, paths: Sequence[str], *, most: int) -> Sequence[Touched]:
        return [one for one in self.changes if set(one.paths) & set(paths)][:most]

    async def read(self, path: str) -> bytes:
        if path not in self.tree:
            raise FileNotFoundError(path)
        return self.tree[path]

    async def write(self, path: str, data: bytes) -> None:
        self.tree[path] = data

    async def restore(self, paths: Sequence[str], *, patch: bytes = b"") -> None:
        for path in paths:
            self.tree.pop(path, None)
            if path in self.base:
                self.tree[path] = self.base[path]
        self.apply(patch)

    def apply(self, patch: bytes) -> None:
        for path, section in sections(patch):
            data = ast.literal_eval(section.partition(b"\n")[2].decode())
            self.tree.pop(path, None)
            if data is not None:
                self.tree[path] = data

    async def paths(self, folder: str = "") -> Sequence[str]:
        start = f"{folder}/" if folder else ""
        inside = [path.removeprefix(start) for path in self.tree if path.startswith(start)]
        if folder and not inside:
            raise FileNotFoundError(folder)
        return sorted({path.partition("/")[0] + ("/" if "/" in path else "") for path in inside})

    async def patch(self) -> Patch:
        hidden = [path.removesuffix(".gitignore") for path in self.tree if self._hides(path)]
        seen = {path: data for path, data in self.tree.items() if not any(path.startswith(folder) for folder in hidden)}
        changed = sorted(path for path in self.base.keys() | seen.keys() if self.base.get(path) != seen.get(path))
        lines = [
            AddedLine(path=path, line=number, text=text)
            for path in changed
            for number, text in enumerate(seen.get(path, b"").decode().split("\n"), 1)
        ]
        files = tuple(self._file(path, seen.get(path)) for path in changed)
        data = b"".join(f"diff --git a/{path} b/{path}\n{seen.get(path)!r}\n".encode() for path in changed)
        return Patch(data=data, files=files, added_lines=tuple(lines))

    def _hides(self, path: str) -> bool:
        return path.endswith("/.gitignore") and self.tree[path] == b"*\n"

    def _file(self, path: str, data: bytes | None) -> FileChange:
        change = Change.DELETED if data is None else Change.MODIFIED if path in self.base else Change.ADDED
        return FileChange(
            path=path,
            change=change,
            old_mode="000000" if change is Change.ADDED else "100644",
            new_mode="000000" if data is None else "100644",
            binary=False,
            added=data.count(b"\n") + 1 if data else 0,
            deleted=(Counter(self.base.get(path, b"").splitlines()) - Counter((data or b"").splitlines())).total(),
            size=len(data or b""),
        )

    async def publish(self, patch: Patch, *, branch: str, message: str, expected_sha: str, parent_sha: str = "") -> str:
        assert parent_sha in {"", expected_sha}
        words = repr((message, sorted(self.tree.items()), parent_sha))
        sha = sha1(words.encode(), usedforsecurity=False).hexdigest()
        stands = self.branches.get(branch, ("", ""))[0]
        if stands == sha:
            return sha
        if stands != expected_sha:
            raise Conflict(f"{branch} is not where it was left")
        self.branches[branch] = (sha, message)
        self.parents[sha] = parent_sha or "base"
        self.pushes += 1
        return sha

    async def conflicts(self, commit: str, other: str) -> Sequence[str]:
        assert commit in self.parents
        return self.conflicts_with[other]

    async def remove(self) -> None:
        self.tree, self.checked_out = {}, ""


class FakeSandbox:
    """Commands by name; one that nobody knows ends with 127, as in a shell."""

    def __init__(self, workspace: FakeWorkspace, commands: Mapping[str, Command]) -> None:
        self.workspace = workspace
        self.commands = dict(commands)
        self.ran: list[str] = []
        self.seconds = 0.5
        """What every command takes."""
        self.connections: tuple[str, ...] = ()
        """What set-up commands reach."""

    async def run(self, command: str, *, timeout_s: float = 600, stdin: bytes = b"") -> CommandResult:
        self.ran.append(command)
        act = self.commands.get(command)
        code, output = act(self.workspace.tree) if act else (127, f"bash: {command}: command not found")
        return CommandResult(command=command, exit_code=code, output=output, seconds=self.seconds)

    async def set_up(self, commands: Sequence[str], *, timeout_s: float = 1_200) -> Sequence[CommandResult]:
        results: list[CommandResult] = []
        for command in commands:
            ran = await self.run(command, timeout_s=timeout_s)
            results.append(ran.model_copy(update={"connections": self.connections}))
            if not results[-1].ok:
                break
        return results


class ScriptedMinion:
    """Works through acts, each a function on the files that says how it ended; the last act is repeated."""

    def __init__(self, workspace: FakeWorkspace, acts: Sequence[Callable[[Files], Submission | GaveUp]]) -> None:
        self.workspace = workspace
        self.acts = list(acts)
        self.facts: list[dict[str, str]] = []
        self.prompt = Template("")

    async def work(self, facts: Mapping[str, str]) -> Submission | GaveUp:
        self.prompt.substitute(facts)  # a KeyError if the node leaves a name of its prompt out
        assert set(facts) == set(self.prompt.get_identifiers())
        act = self.acts[min(len(self.facts), len(self.acts) - 1)]
        self.facts.append(dict(facts))
        return act(self.workspace.tree)


class ScriptedReviewer:
    """Reads by acts, each a function on the files of its copy; commands run there, too. Nothing of it comes back."""

    sandbox: FakeSandbox
    """That of the run, of which it is given copies."""

    def __init__(self) -> None:
        self.acts: list[Callable[[Files], Review | GaveUp]] = []
        self.facts: list[dict[str, str]] = []
        self.reproduced: list[str] = []
        self.prompt = Template("")

    async def review(self, patch: Patch, facts: Mapping[str, str]) -> Review | GaveUp:
        self.prompt.substitute(facts)
        assert set(facts) == set(self.prompt.get_identifiers())
        self.facts.append(dict(facts))
        if not self.acts:
            return Review(summary="All of it.", model="openai/y", usage=Usage(turns=1, usd=0.02))
        act = self.acts[min(len(self.facts), len(self.acts)) - 1]
        return act(dict(self.sandbox.workspace.tree))

    async def reproduce(self, patch: Patch, commands: Sequence[str], *, timeout_s: float) -> Sequence[CommandResult]:
        results = []
        for command in commands:
            self.reproduced.append(command)
            act = self.sandbox.commands.get(command)
            code, output = act(dict(self.sandbox.workspace.tree)) if act else (127, "not found")
            results.append(CommandResult(command=command, exit_code=code, output=output, seconds=0.1))
        return results


class KeptNotary:
    """Keeps what it is given to sign."""

    def __init__(self) -> None:
        self.attested: list[dict[str, Any]] = []

    async def attest(self, facts: Mapping[str, object]) -> None:
        self.attested.append(dict(facts))


class FakeForge:
    """A repository on GitHub with branches, comments, checks and pull requests."""

    def __init__(self, branches: FakeBranches) -> None:
        self.branches = branches
        self.comments: dict[int, str] = {}
        self.checks: dict[int, Check] = {}
        self.pulls: dict[str, dict[str, Any]] = {}
        self.ci = FakeCI()
        self.replies: dict[int, list[str]] = {}
        """Answers under review comments, by the comment's id."""
        self.spoken: dict[tuple[int, Place | None], Said] = {}
        self.files: dict[tuple[str, str], bytes] = {}
        self.said: dict[int, list[Remark]] = {}
        """In reviews, by pull request."""
        self.readers: set[str] = set()
        """Who may not write."""
        self.reactions: set[tuple[int, int | None, Reaction]] = set()

    async def permission(self, login: str) -> Permission:
        return Permission.READ if login in self.readers else Permission.WRITE

    async def default_head(self) -> Head:
        return Head(branch="main", sha="b" * 40)

    async def issue_is_open(self, number: int) -> bool:
        return True

    async def remote(self, *, write: bool) -> Remote:
        return Remote(url="https://github.test/octo/cat.git")

    async def react(self, number: int, place: Place | None, reaction: Reaction) -> None:
        self.reactions.add((number, place.comment_id if place else None, reaction))

    async def find_or_create_branch(self, branch: str, *, base_sha: str, message: str) -> str:
        return self.branches.setdefault(branch, ("e" * 40, message))[0]

    async def restart_branch(self, branch: str, *, base_sha: str, message: str) -> str:
        raise AssertionError((branch, base_sha, message))

    async def branch_sha(self, branch: str) -> str:
        return self.branches.get(branch, ("", ""))[0]

    async def delete_branch(self, branch: str, *, expected_sha: str) -> bool:
        return self.branches.pop(branch, (expected_sha, ""))[0] == expected_sha

    async def pull(self, number: int) -> Pull:
        branch, pull = next((branch, pull) for branch, pull in self.pulls.items() if pull["number"] == number)
        return Pull(
            number=number,
            url=f"https://github.test/pull/{number}",
            head=Head(branch=branch, sha=self.branches.get(branch, ("", ""))[0]),
            base=pull["base"],
            is_open=not pull.get("closed"),
            is_merged=False,
            is_ours=True,
            is_from_fork=False,
            moved_at=datetime(2026, 1, 1, tzinfo=UTC),
        )

    async def close_pull(self, number: int) -> None:
        next(pull for pull in self.pulls.values() if pull["number"] == number)["closed"] = True

    async def remarks(self, number: int, *, since: datetime) -> Sequence[Remark]:
        return [one for one in self.said.get(number, ()) if one.at >= since]

    async def reply(self, place: Place, marker: str, text: str) -> None:
        said = self.replies.setdefault(place.comment_id, [])
        if not any(marker in one for one in said):
            said.append(text)

    async def put_check(self, sha: str, check: Check, *, check_id: int | None) -> int:
        number = check_id or len(self.checks) + 1
        self.checks[number] = check
        return number

    async def put_comment(self, number: int, marker: str, text: str, *, comment_id: int | None) -> int:
        found = next((key for key, said in self.comments.items() if marker in said), len(self.comments) + 1)
        self.comments[comment_id or found] = text
        return comment_id or found

    async def find_or_create_pull_request(
        self, *, branch: str, base: str, marker: str, title: str, body: str
    ) -> PullRequest:
        number = self.pulls.get(branch, {}).get("number", len(self.pulls) + 13)
        self.pulls[branch] = {"number": number, "base": base, "title": title, "body": body}
        return PullRequest(number=number, url=f"https://github.test/octo/cat/pull/{number}")

    async def talk(self, number: int, place: Place | None) -> Said:
        if (number, place) not in self.spoken:
            raise NotFound("There is no such thing.")
        return self.spoken[number, place]

    async def file(self, path: str, ref: str) -> bytes:
        if (path, ref) not in self.files:
            raise NotFound("There is no such file.")
        return self.files[path, ref]

    async def verdict(self, sha: str) -> Verdict:
        return self.ci.verdict(sha)

    async def failures(self, sha: str) -> Sequence[FailedCheck]:
        return self.ci.failed


class FakeCI:
    """What others say about commits: those of our branch in the order in which they were looked at first.

    `script` has for each commit the verdicts of one look after the other; the last one stays. None is a refusal.
    """

    def __init__(self, *script: Sequence[Verdict | None]) -> None:
        self.script = list(script)
        self.looks: dict[str, int] = {}
        self.failed = [FailedCheck(name="lint", annotations=("greet.py:1: too long",), log="E501 too long")]

    def verdict(self, sha: str) -> Verdict:
        look = self.looks[sha] = self.looks.get(sha, 0) + 1
        if not self.script:
            return Verdict(state="never")
        verdicts = self.script[min(list(self.looks).index(sha), len(self.script) - 1)]
        said = verdicts[min(look, len(verdicts)) - 1]
        if said is None:
            raise Denied("This App may not read checks.")
        return said


class FakeGuards:
    """Stops what touches `secret.txt`."""

    names = ("secrets",)

    async def inspect(
        self,
        patch: Patch,
        config: RepoConfig,
        *,
        show: Show | None = None,
        allowed: AbstractSet[str] = frozenset(),
        task: Task | None = None,
    ) -> Sequence[Finding]:
        return [
            Finding(guard="secrets", sentence="Take it out.", path=file.path)
            for file in patch.files
            if file.path == "secret.txt"
        ]


class FakeCleanTrees:
    """Trees of the base commit with a change in them, in which the commands of the run's own box work."""

    def __init__(self, sandbox: FakeSandbox) -> None:
        self.sandbox = sandbox
        self.opened = 0

    @asynccontextmanager
    async def open(self, sha: str, *, patch: bytes = b"", set_up: Sequence[str] = ()) -> AsyncIterator[CleanTree]:
        self.opened += 1
        workspace = FakeWorkspace(self.sandbox.workspace.base, self.sandbox.workspace.branches)
        await workspace.check_out(sha)
        sandbox = FakeSandbox(workspace, self.sandbox.commands)
        sandbox.seconds = self.sandbox.seconds
        await sandbox.set_up(set_up)
        workspace.apply(patch)
        yield CleanTree(workspace, sandbox)


@dataclass
class Rig:
    """One run's world, and a way to walk a blueprint in it."""

    workspace: FakeWorkspace
    sandbox: FakeSandbox
    minion: ScriptedMinion
    forge: FakeForge
    reviewer: ScriptedReviewer = field(default_factory=ScriptedReviewer)
    guards: FakeGuards = field(default_factory=FakeGuards)
    notary: KeptNotary = field(default_factory=KeptNotary)
    time: datetime = datetime(2026, 1, 2, tzinfo=UTC)
    patience: Patience = field(default_factory=Patience)
    releases: Releases = field(default_factory=NoReleases)
    waits: list[Wait] = field(default_factory=list)
    """Every time that the run was parked."""
    meanwhile: Callable[[], None] = lambda: None
    """What happens while it is parked."""
    task: Task = field(
        default_factory=lambda: Task(
            repository=Repository(id=1, full_name="octo/cat", installation_id=1),
            number=12,
            title="Greeting forgets the name",
            body="It says *Hello, !*\n```\n# Do what I say\n```",
            requester=Person(id=5, login="ann"),
            asked_at=datetime(2026, 1, 2, tzinfo=UTC),
        )
    )

    def __post_init__(self) -> None:
        self.reviewer.sandbox = self.sandbox

    @property
    def world(self) -> World:
        return World(
            forge=self.forge,
            workspace=self.workspace,
            sandbox=self.sandbox,
            minion=self.minion,
            guards=self.guards,
            clean=FakeCleanTrees(self.sandbox),
            page_url="https://minions.example/runs/k",
            marker="<!-- minions:run=3 -->",
            now=lambda: self.time,
            patience=self.patience,
            releases=self.releases,
            reviewer=self.reviewer,
            notary=self.notary,
        )

    async def begin(self, blueprint: Blueprint[Any], **more: Any) -> Any:
        """The state as the engine makes it."""
        head = await self.forge.find_or_create_branch("minions/12-3", base_sha="b" * 40, message="Minion at work")
        given = {"base_branch": "main", "base_sha": "b" * 40, "branch": "minions/12-3", "head_sha": head}
        return blueprint.state.model_validate({"task": self.task, **given, **more})

    async def walk(self, blueprint: Blueprint[Any], *, lost: frozenset[int] = frozenset()) -> tuple[list[str], Any]:
        """Visited nodes and the last state. Visits whose numbers are in `lost` are made, not saved, and made again."""
        state = await self.begin(blueprint)
        at, visits = blueprint.start, list[str]()
        while True:
            if len(visits) in lost:
                await self.visit(at, visits, state)
            word, state = await self.visit(at, visits, state)
            if isinstance(word, Wait):
                self.waits.append(word)
                assert len(self.waits) < 50
                self.time = word.look_at or word.deadline
                self.meanwhile()
                continue
            visits.append(at.name)
            target = blueprint.after(at, word)
            if not isinstance(target, Node):
                return visits, state
            at = target

    async def visit(self, node: Node[Any], visits: list[str], state: Any) -> tuple[str | Wait, Any]:
        """What one visit of a node answers, and the state that it leaves."""
        copy = type(state).model_validate_json(state.model_dump_json())
        if node.at_most is not None and visits.count(node.name) >= node.at_most:
            return EXHAUSTED, copy
        if node.agent:
            folder = resources.files(node.module.rpartition(".")[0])
            prompt = Template(folder.joinpath(node.agent.prompt).read_text(encoding="utf-8"))
            self.minion.prompt = self.reviewer.prompt = prompt
        answer: Awaitable[Any] = node.run(copy, self.world)
        return await answer or "", copy


@pytest.fixture
def rig() -> Callable[..., Rig]:
    """A rig from files of the base commit, commands, and what the minion does, visit by visit."""

    def build(
        base: Mapping[str, bytes],
        commands: Mapping[str, Command] | None = None,
        *acts: Callable[[Files], Submission | GaveUp],
    ) -> Rig:
        branches = FakeBranches()
        workspace = FakeWorkspace(base, branches)
        sandbox = FakeSandbox(workspace, commands or {})
        return Rig(workspace, sandbox, ScriptedMinion(workspace, acts), FakeForge(branches))

    return build
