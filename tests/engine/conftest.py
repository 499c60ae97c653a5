"""A GitHub, a work tree and a blueprint that hold state, for runs that need no box and no model."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest

from app.adapters.store import PostgresStore
from app.core.blueprint import END, Blueprint, Node, State, Wait, step
from app.core.errors import Locked, NotFound
from app.core.events import OrderGiven, StopRequested
from app.core.forge import Check, FailedCheck, Forge, Head, Permission, Pull, PullRequest, Reaction, Remote, Verdict
from app.core.guards import Finding, Show
from app.core.links import Said
from app.core.minion import Submission
from app.core.orders import Order, Stop
from app.core.patch import Patch
from app.core.repo_config import RepoConfig
from app.core.run import Run
from app.core.signals import Signals
from app.core.store import Draft, Receipt
from app.core.task import Person, Place, Remark, Repository, Task
from app.core.tracing import Tracer
from app.core.workspace import Touched
from app.core.world import World
from app.engine.admission import Admission
from app.engine.ending import Ending
from app.engine.orders import Orders
from app.engine.progress import Progress
from app.engine.runner import Runner


@dataclass
class FakeGitHub:
    """Implements `Forge`. Everything that was done to it can be looked at; `faults` are raised by the next calls."""

    permissions: dict[str, Permission] = field(default_factory=lambda: {"ann": Permission.WRITE})
    open_issues: set[int] = field(default_factory=lambda: {7, 8})
    head: Head = field(default_factory=lambda: Head(branch="main", sha="base"))
    reactions: set[tuple[int, int | None, Reaction]] = field(default_factory=set)
    branches: dict[str, str] = field(default_factory=dict)
    checks: dict[int, tuple[str, Check]] = field(default_factory=dict)
    comments: dict[int, str] = field(default_factory=dict)
    pulls: dict[str, str] = field(default_factory=dict)
    opened: dict[int, Pull] = field(default_factory=dict)
    """Pull requests as they stand, by number."""
    said: list[Remark] = field(default_factory=list)
    """In reviews, of whichever pull request."""
    locked: set[int] = field(default_factory=set)
    faults: list[Exception] = field(default_factory=list)

    def _maybe(self) -> None:
        if self.faults:
            raise self.faults.pop(0)

    async def permission(self, login: str) -> Permission:
        self._maybe()
        return self.permissions.get(login, Permission.NONE)

    async def default_head(self) -> Head:
        self._maybe()
        return self.head

    async def issue_is_open(self, number: int) -> bool:
        return number in self.open_issues

    async def remote(self, *, write: bool) -> Remote:
        return Remote(url=f"file:///nowhere?write={write}")

    async def react(self, number: int, place: Place | None, reaction: Reaction) -> None:
        if number in self.locked:
            raise Locked("The conversation is locked.")
        self.reactions.add((number, place.comment_id if place else None, reaction))

    async def find_or_create_branch(self, branch: str, *, base_sha: str, message: str) -> str:
        self._maybe()
        return self.branches.setdefault(branch, f"{message} on {base_sha}")

    async def restart_branch(self, branch: str, *, base_sha: str, message: str) -> str:
        self._maybe()
        self.branches[branch] = f"{message} on {base_sha}"
        return self.branches[branch]

    async def branch_sha(self, branch: str) -> str:
        return self.branches.get(branch, "")

    async def delete_branch(self, branch: str, *, expected_sha: str) -> bool:
        if self.branches.get(branch, expected_sha) != expected_sha:
            return False
        self.branches.pop(branch, None)
        return True

    async def pull(self, number: int) -> Pull:
        if number not in self.opened:
            raise NotFound("There is no such pull request.")
        return self.opened[number]

    async def close_pull(self, number: int) -> None:
        self.opened[number] = self.opened[number].model_copy(update={"is_open": False})

    async def reply(self, place: Place, marker: str, text: str) -> None:  # noqa: ARG002
        raise AssertionError("nobody answers remarks here")

    async def remarks(self, number: int, *, since: datetime) -> Sequence[Remark]:  # noqa: ARG002
        return [remark for remark in self.said if remark.at >= since]

    async def put_check(self, sha: str, check: Check, *, check_id: int | None) -> int:
        self._maybe()
        if check_id is None:
            same = (
                key for key, (at, known) in self.checks.items() if (at, known.external_id) == (sha, check.external_id)
            )
            check_id = next(same, len(self.checks) + 1)
        self.checks[check_id] = (sha, check)
        return check_id

    async def put_comment(self, number: int, marker: str, text: str, *, comment_id: int | None) -> int:
        self._maybe()
        if number not in self.open_issues and comment_id is None:
            raise NotFound("The issue is gone.")
        if number in self.locked:
            raise Locked("The conversation is locked.")
        found = next((key for key, known in self.comments.items() if marker in known), None)
        comment_id = comment_id or found or len(self.comments) + 1
        self.comments[comment_id] = text
        return comment_id

    async def find_or_create_pull_request(
        self, *, branch: str, base: str, marker: str, title: str, body: str
    ) -> PullRequest:
        self.pulls[branch] = f"{title} into {base}: {body} {marker}"
        url = "https://github.test/pull/99"
        self.opened[99] = Pull(
            number=99,
            url=url,
            head=Head(branch=branch, sha=self.branches.get(branch, "")),
            base=base,
            is_open=True,
            is_merged=False,
            is_ours=True,
            is_from_fork=False,
            moved_at=datetime(2026, 1, 1, tzinfo=UTC),
        )
        return PullRequest(number=99, url=url)

    async def talk(self, number: int, place: Place | None) -> Said:
        raise AssertionError((number, place))

    async def file(self, path: str, ref: str) -> bytes:
        raise AssertionError((path, ref))

    async def verdict(self, sha: str) -> Verdict:
        raise AssertionError(sha)

    async def failures(self, sha: str) -> Sequence[FailedCheck]:
        raise AssertionError(sha)


class FakeWorkspace:
    """Implements `Workspace` on a dict: what the tests here need of it."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.removed = 0

    async def check_out(self, sha: str, *, patch: bytes = b"", set_up: Sequence[str] = ()) -> None:  # noqa: ARG002
        self.files.setdefault("base", sha.encode() + patch)

    async def show(self, path: str) -> bytes | None:
        return self.files.get(path)

    async def show_all(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        raise AssertionError(paths)

    async def listed(self) -> Sequence[str]:
        raise AssertionError

    async def blobs(self, paths: Sequence[str]) -> Mapping[str, str]:
        raise AssertionError(paths)

    async def links(self) -> Mapping[str, str]:
        raise AssertionError

    async def past(self, paths: Sequence[str], *, most: int) -> Sequence[Touched]:
        raise AssertionError((paths, most))

    async def read(self, path: str) -> bytes:
        return self.files[path]

    async def write(self, path: str, data: bytes) -> None:
        self.files[path] = data

    async def restore(self, paths: Sequence[str], *, patch: bytes = b"") -> None:
        raise AssertionError((paths, patch))

    async def paths(self, folder: str = "") -> Sequence[str]:
        return sorted(name for name in self.files if name.startswith(folder))

    async def patch(self) -> Patch:
        return Patch(data=b"".join(self.files.values()))

    async def publish(
        self,
        patch: Patch,  # noqa: ARG002
        *,
        branch: str,
        message: str,
        expected_sha: str,
        parent_sha: str = "",  # noqa: ARG002
    ) -> str:
        return f"{message} on {branch} after {expected_sha}"

    async def conflicts(self, commit: str, other: str) -> Sequence[str]:
        raise AssertionError((commit, other))

    async def remove(self) -> None:
        self.removed += 1


class Idle:
    """Stands for the parts of a world that these blueprints do not touch."""

    async def work(self, facts: Mapping[str, str]) -> Submission:
        return Submission(summary=str(facts))

    names: tuple[str, ...] = ()

    async def inspect(
        self,
        patch: Patch,
        config: RepoConfig,
        *,
        show: Show | None = None,
        allowed: AbstractSet[str] = frozenset(),
        task: Task | None = None,
    ) -> Sequence[Finding]:
        raise AssertionError((patch, config, show, allowed, task))

    def open(self, sha: str, *, patch: bytes = b"", set_up: Sequence[str] = ()) -> Any:
        raise AssertionError((sha, patch, set_up))

    async def run(self, command: str, *, timeout_s: float = 600, stdin: bytes = b"") -> Any:
        raise AssertionError((command, timeout_s, stdin))

    async def set_up(self, commands: Sequence[str], *, timeout_s: float = 1_200) -> Any:
        raise AssertionError((commands, timeout_s))


class Bread(State):
    """What the test blueprint knows."""

    doughs: int = 0
    calls: int = 0


@step("Knead the dough", at_most=3)
async def knead(bread: Bread, world: World) -> Literal["smooth"]:
    bread.doughs += 1
    await world.workspace.write("dough", str(bread.doughs).encode())
    return "smooth"


@step("Bake it")
async def bake(bread: Bread, world: World) -> Literal["crisp", "burnt"] | Wait:
    guests = await world.forge.branch_sha("guests")
    bread.calls += 1
    if guests == "late":
        return Wait(what="the guests", deadline=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=1))
    return "crisp" if guests == "hungry" or bread.doughs == 2 else "burnt"


@step("Serve it")
async def serve_bread(bread: Bread, world: World) -> None:
    pull = await world.forge.find_or_create_pull_request(
        branch=bread.branch, base=bread.base_branch, marker=world.marker, title="Bread", body=f"{bread.doughs} doughs"
    )
    bread.pull_request_number, bread.pull_request_url = pull.number, pull.url
    bread.head_sha = await world.workspace.publish(
        Patch(), branch=bread.branch, message="Bread", expected_sha=bread.head_sha
    )


@step("Buy some")
async def buy(bread: Bread, world: World) -> None:  # noqa: ARG001 - every node takes the world
    bread.explanation = f"{bread.doughs} doughs were burnt."


BAKERY: Blueprint[Bread] = Blueprint(
    name="bake",
    summary="Bake bread",
    state=Bread,
    start=knead,
    edges={
        knead: {"smooth": bake, "exhausted": buy},
        bake: {"crisp": serve_bread, "burnt": knead},
        serve_bread: END,
        buy: END,
    },
)


def _page(run: Run) -> str:
    return f"https://minions.test/runs/{run.key}"


@dataclass
class Bakery:
    """An engine with everything around it, and the time of day in the test's hand."""

    store: PostgresStore
    github: FakeGitHub = field(default_factory=FakeGitHub)
    workspace: FakeWorkspace = field(default_factory=FakeWorkspace)
    blueprints: Mapping[str, Blueprint[Any]] = field(default_factory=lambda: {"bake": BAKERY})
    time: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    asked: int = 0
    oven: asyncio.Event | None = None
    """Set when a run comes to the oven and stays there."""
    broken_off: int = 0
    signals: Signals = field(default_factory=Signals)
    """Of the newest visit."""

    def runner(
        self, store: Any = None, *, blueprints: Any = None, tracer: Tracer | None = None, **settled: Any
    ) -> Runner:
        """A runner as a new process would make it. `settled` is what Admission is told of by others."""
        store, blueprints, now = store or self.store, blueprints or self.blueprints, lambda: self.time
        progress = Progress(_page, self.clock, interval_s=0)
        ending = Ending(store, blueprints, progress, lambda _run, _forge: self.workspace, now=now, tracer=tracer)
        return Runner(
            store=store,
            blueprints=blueprints,
            progress=progress,
            orders=Orders(store, blueprints, _page, now),
            open_forge=lambda _repository: self.github,
            open_world=self.open_world,
            now=now,
            clock=self.clock,
            admission=Admission(store, blueprints, progress, ending, **settled),
            ending=ending,
            tracer=tracer,
        )

    def clock(self) -> float:
        """Seconds of the test's own time."""
        return self.time.timestamp()

    async def open_world(self, run: Run, node: Node[Any], forge: Forge, signals: Signals) -> World:
        """A world whose forge and workspace are these fakes."""
        self.signals = signals
        idle = Idle()
        oven: Any = self if self.oven and node.name == "bake" else forge
        return World(
            forge=oven,
            workspace=self.workspace,
            sandbox=idle,
            minion=idle,
            guards=idle,
            clean=idle,
            page_url=f"https://minions.test/{run.id}/{node.name}",
            marker=f"<!-- run {run.id} -->",
            now=lambda: self.time,
        )

    async def branch_sha(self, branch: str) -> str:
        """What the oven asks of its forge; it is never told."""
        assert self.oven is not None
        self.oven.set()
        try:
            return await asyncio.Future()
        finally:
            self.broken_off += branch == "guests"

    async def admitted(self, login: str = "ann", number: int = 8) -> Run:
        """A run that is at work, without anybody who goes on with it."""
        return await self.store.admit(await self.store.load(await self.ask(login=login, number=number)))

    async def ask_to_stop(self, login: str, *, comment_id: int | None, number: int = 7) -> None:
        """Somebody wants that there is no work on an issue."""
        if comment_id is not None:
            await self.tell(Stop(), login=login, comment_id=comment_id, number=number)
            return
        self.asked += 1
        event = StopRequested(
            repository=Repository(id=5, full_name="octo/cat", installation_id=3),
            number=number,
            requester=Person(id=len(login), login=login),
            at=self.time,
            intent=f"intent {self.asked}",
        )
        await self.store.accept(None, event, "asked")

    async def tell(self, order: Order, *, login: str = "ann", comment_id: int = 9, number: int = 7) -> Receipt:
        """Somebody tells the run on an issue something, in a comment."""
        self.asked += 1
        place = Place(number=number, comment_id=comment_id)
        task = self._task(login, number).model_copy(update={"comment_id": comment_id})
        event = OrderGiven(
            repository=task.repository,
            number=number,
            order=order,
            requester=task.requester,
            place=place,
            at=self.time,
            intent=f"intent {self.asked}",
            task=task,
        )
        return await self.store.accept(None, event, "told")

    def _task(self, login: str, number: int) -> Task:
        return Task(
            repository=Repository(id=5, full_name="octo/cat", installation_id=3),
            number=number,
            title="Bread, please",
            body="We are hungry.",
            requester=Person(id=len(login), login=login),
            asked_at=self.time,
        )

    async def ask(self, *, login: str = "ann", number: int = 7, blueprint: str = "bake") -> int:
        """Somebody asks for work; answer with the run's id."""
        self.asked += 1
        task = self._task(login, number).model_copy(update={"is_pull_request": number in self.github.opened})
        known = self.blueprints.get(blueprint)
        draft = Draft(
            intent=f"intent {self.asked}",
            task=task,
            blueprint=blueprint,
            blueprint_version=known.version if known else 0,
            start=known.start.name if known else "",
        )
        receipt = await self.store.accept(None, draft, "why")
        assert receipt.run_id is not None
        return receipt.run_id


@pytest.fixture
def bakery(store: PostgresStore) -> Bakery:
    """An engine on a fresh database."""
    return Bakery(store)


@pytest.fixture
def new_bakery(store: PostgresStore) -> Callable[[], Bakery]:
    """Makes one bakery after another on the same database."""
    return lambda: Bakery(store)
