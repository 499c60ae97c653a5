"""Everything a node can touch that is not its state. Adapters implement these Protocols; nothing here does anything.

A `World` is built for one visit of one run: its forge knows the repository, its sandbox runs in the run's own work
tree, its minion has the budget, tools and prompt of the node.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Literal, Protocol

from pydantic import BaseModel

from app.core.budget import Usage
from app.core.links import Said
from app.core.patch import Patch
from app.core.patience import Patience
from app.core.repo_config import RepoConfig
from app.core.task import Place, Remark


# -- The box ---------------------------------------------------------------------------------------------------------
class CommandResult(BaseModel, frozen=True):
    """What a command in the box did."""

    command: str
    exit_code: int
    """As the shell gives it; 124 when the time was up, 128 + signal when it was killed."""
    output: str
    """Standard output and error, in order, undecodable bytes replaced; head and tail if there was too much."""
    seconds: float
    timed_out: bool = False
    left_out_bytes: int = 0
    """How much output stood between the head and the tail."""
    connections: tuple[str, ...] = ()
    """What an install command reached, and what was refused to it: a sentence each, also at the end of the output."""

    @property
    def ok(self) -> bool:
        """Whether the command succeeded."""
        return self.exit_code == 0


class Sandbox(Protocol):
    """Where commands of one workspace run. The tree is the working directory; there is no network and no secret.

    Several may run at the same time. They share the tree, and the folder `/cache`, which lasts as long as the tree and
    is no part of it; each has processes and a network of its own.
    """

    async def run(self, command: str, *, timeout_s: float = 600, stdin: bytes = b"") -> CommandResult:
        """Run `command` with `bash -c` and wait for it; everything that it started is dead afterwards.

        Raises SandboxError if the box cannot be built. A failing command is a result, not an error.
        """
        ...

    async def set_up(self, commands: Sequence[str], *, timeout_s: float = 1_200) -> Sequence[CommandResult]:
        """Run the repository's install commands, with network to package registries only; stop at the first failure."""
        ...


# -- The past --------------------------------------------------------------------------------------------------------
class Touched(BaseModel, frozen=True):
    """A change of the default branch that touched some of the files that were asked for."""

    sha: str
    author: str
    """The name in the commit, which anybody can choose."""
    at: date
    subject: str
    pull_request: int | None = None
    """Of GitHub's own subjects: `Merge pull request #12 from …`, `Say hello (#12)`."""
    paths: tuple[str, ...] = ()


# -- The work tree ---------------------------------------------------------------------------------------------------
class Workspace(Protocol):
    """The work tree of one run, and the way out of it. Paths are relative to the tree, with `/`."""

    async def check_out(self, sha: str, *, patch: bytes = b"", set_up: Sequence[str] = ()) -> None:
        """Find or create the work tree at commit `sha`.

        A tree made anew is set up by the commands `set_up`, then changed by `patch` (from `Patch.data`). One that
        exists already (the run was interrupted) is kept as it is.
        """
        ...

    async def show(self, path: str) -> bytes | None:
        """A file of the base commit, not of the tree; None if there is none. Not for symlinks: they are None, too."""
        ...

    async def show_all(self, paths: Sequence[str]) -> Mapping[str, bytes]:
        """Several files of the base commit at once, by path; those that `show` would not show are left out."""
        ...

    async def listed(self) -> Sequence[str]:
        """Paths of all files of the base commit, sorted; of a sparse tree only those that it holds."""
        ...

    async def past(self, paths: Sequence[str], *, most: int) -> Sequence[Touched]:
        """The newest changes of these files up to the base commit, at most so many, the newest first.

        Nothing where looking would take too long.
        """
        ...

    async def read(self, path: str) -> bytes:
        """A file of the tree. Raises FileNotFoundError, IsADirectoryError, or PermissionError if it leads outside."""
        ...

    async def write(self, path: str, data: bytes) -> None:
        """Write a file of the tree in one step, keeping its mode. Raises PermissionError if the path leads outside."""
        ...

    async def paths(self, folder: str = "") -> Sequence[str]:
        """Names in one folder of the tree, sorted, folders with a `/` at the end. Raises as `read` does."""
        ...

    async def patch(self) -> Patch:
        """The whole change of the tree against its base, as data; empty if there is no tree yet."""
        ...

    async def publish(self, patch: Patch, *, branch: str, message: str, expected_sha: str, parent_sha: str = "") -> str:
        """Commit `patch` in a clean clone and push it as `branch`; answer with the sha of the commit.

        `patch` is what guards looked at, so the tree is not asked again: nothing else can be pushed.

        `expected_sha` is where the branch must stand now ("" if it must not exist). Raises Conflict if it stands
        elsewhere; if it already holds this very change of this very run, nothing is pushed.

        The commit comes on top of `parent_sha`, one that was published before, or of the base if there is none. `patch`
        is the whole change against the base in either case.
        """
        ...

    async def conflicts(self, commit: str, other: str) -> Sequence[str]:
        """Paths that git cannot merge by itself when `commit`, one that was published, is merged into `other`."""
        ...

    async def remove(self) -> None:
        """Delete the tree and everything else of this run on this machine."""
        ...


class Leftovers(Protocol):
    """What runs leave on this machine. Who sweeps must look first and ask who still lives then, never the other way."""

    async def of_runs(self) -> AbstractSet[int]:
        """Ids of runs of which something is on this machine, whether they are at work or not."""
        ...

    async def sweep(self, over: AbstractSet[int]) -> Sequence[str]:
        """Remove what is left of these runs, and what belongs to no run any more; answer with what it was.

        Nothing if somebody else sweeps this machine just now. What cannot be removed is logged, and stays.
        """
        ...


# -- The minion ------------------------------------------------------------------------------------------------------
class Submission(BaseModel, frozen=True):
    """The minion says that it is done; gates decide whether that is so."""

    kind: Literal["submission"] = "submission"
    summary: str
    """What was done and why, for the pull request."""
    verification: tuple[str, ...] = ()
    """Commands that show that it works."""
    risks: str = ""
    model: str = ""
    """Who worked, for the pull request; empty if the loop does not say."""
    usage: Usage = Usage()
    """What this piece of work used."""
    rules: tuple[str, ...] = ()
    """Rule files of the repository that were given to it."""


class GaveUp(BaseModel, frozen=True):
    """The minion, or the bound that stopped it, says why there is no result."""

    kind: Literal["gave up"] = "gave up"
    reason: str
    """A word: `spec_conflict`, `env_broken`, `needs_human`, `too_big`, `turns`, `tokens`, `dollars`, `seconds`, …"""
    detail: str
    model: str = ""
    usage: Usage = Usage()
    rules: tuple[str, ...] = ()


class Minion(Protocol):
    """The agent loop, set up with the prompt, tools, model role and budget of one agent node."""

    async def work(self, facts: Mapping[str, str]) -> Submission | GaveUp:
        """Fill the node's prompt with `facts` and work until something is submitted or given up."""
        ...


# -- The reviewer ----------------------------------------------------------------------------------------------------
class ReviewFinding(BaseModel, frozen=True):
    """What a reviewer says about one place of a change. Its words are a model's; only `exit_code` is a fact."""

    path: str
    line: int
    """In the file as it is after the change; 0 for a file of which the diff shows no line."""
    severity: Literal["blocker", "major", "minor"]
    claim: str
    evidence: str
    reproduction: str = ""
    """A command that fails because of it, according to the reviewer."""
    suggestion: str = ""
    exit_code: int | None = None
    """Of that command, run by us in a copy of the tree that nobody else had; None if it did not come to an end."""

    @property
    def is_reproduced(self) -> bool:
        """Whether its command was seen to fail; 126 and 127 are the shell's, which found no such program."""
        return self.exit_code not in {None, 0, 126, 127}


class Review(BaseModel, frozen=True):
    """What a reviewer came to."""

    findings: tuple[ReviewFinding, ...] = ()
    summary: str = ""
    """What was looked at, and what could not be."""
    model: str = ""
    usage: Usage = Usage()


class Reviewer(Protocol):
    """A model that reads a change cold. It works in copies of the tree from which nothing comes back."""

    async def review(self, patch: Patch, facts: Mapping[str, str]) -> Review | GaveUp:
        """Fill the node's prompt with `facts`, and read. A review that cannot be had is GaveUp, never an error."""
        ...

    async def reproduce(self, patch: Patch, commands: Sequence[str], *, timeout_s: float) -> Sequence[CommandResult]:
        """Run each command in a fresh copy of the tree with `patch`. One that cannot be run is left out."""
        ...


class NoReviewer:
    """Where nobody reviews."""

    async def review(self, patch: Patch, facts: Mapping[str, str]) -> Review | GaveUp:  # noqa: ARG002 - the Protocol
        """There is no review."""
        return GaveUp(reason="no reviewer", detail="")

    async def reproduce(self, patch: Patch, commands: Sequence[str], *, timeout_s: float) -> Sequence[CommandResult]:  # noqa: ARG002 - the Protocol
        """Nothing is run."""
        return ()


# -- The notary ------------------------------------------------------------------------------------------------------
class Notary(Protocol):
    """Signs what is said about a commit that was published, and keeps it with the run."""

    async def attest(self, facts: Mapping[str, object]) -> None:
        """Sign `facts` (JSON, in the form of `core/statement.py`). Those about a later commit replace the earlier."""
        ...


class NoNotary:
    """Where nothing is signed."""

    async def attest(self, facts: Mapping[str, object]) -> None:
        """Nothing is kept."""


# -- Guards ----------------------------------------------------------------------------------------------------------
class Weight(StrEnum):
    """What a finding means for the change."""

    MEND = "mend"
    """It may not leave like this; a minion can put it right."""
    PEOPLE = "people"
    """It may not leave, and only people may decide what becomes of it."""
    REMARK = "remark"
    """It may leave, and whoever reviews it should know this."""


class Finding(BaseModel, frozen=True):
    """What is the matter with a change."""

    guard: str
    sentence: str
    """What is wrong and what to do about it."""
    path: str = ""
    line: int = 0
    """In the file afterwards, or before where the line went; 0 where it is about the whole file."""
    weight: Weight = Weight.PEOPLE


Show = Callable[[str], Awaitable[bytes | None]]
"""A file of the base commit by its path, as `Workspace.show` gives it."""


class Guards(Protocol):
    """Every deterministic check of a change before it leaves the box."""

    @property
    def names(self) -> Sequence[str]:
        """Which guards there are, for people."""
        ...

    async def inspect(
        self, patch: Patch, config: RepoConfig, *, show: Show | None = None, allowed: AbstractSet[str] = frozenset()
    ) -> Sequence[Finding]:
        """What is the matter with `patch`; it may leave if there are only remarks.

        `config` is the repository's, from the base commit, whose files `show` gives; without it less can be told.
        `allowed` are words of `core/allowances.py`: what is allowed becomes a remark.
        """
        ...


class PackageFacts(BaseModel, frozen=True):
    """What a registry says about a package that a change wants."""

    exists: bool
    licence: str = ""
    """As the registry has it: an SPDX expression at best; empty if it does not say."""
    age_days: float | None = None
    """Since the version that is wanted was published, else the first one there was; None if that is not told."""
    has_version: bool = True
    """Whether there is a version like the one that is wanted."""


class PackageIndex(Protocol):
    """Registries of packages, asked about single packages."""

    async def look_up(self, ecosystem: str, name: str, version: str) -> PackageFacts | None:
        """What is known of a package of `pypi` or `npm`; `version` is exact, or empty. None: cannot be told now."""
        ...


class Flaw(BaseModel, frozen=True):
    """A place in a file that a static analysis warns of."""

    rule: str
    """As the analysis calls it: `S602`."""
    line: int
    message: str


class Analysis(Protocol):
    """Static analysis of source text, which is never run."""

    async def flaws(self, path: str, text: str) -> Sequence[Flaw] | None:
        """What is dangerous in this text; None if that cannot be told."""
        ...


class ChangedCoverage(BaseModel, frozen=True):
    """Which lines of a change tests run."""

    measured: int
    """Changed lines of which the report tells whether they were run; more than none."""
    missing: Mapping[str, tuple[int, ...]] = {}
    """Lines that were not, by path."""

    @property
    def per_cent(self) -> float:
        """How many of the measured lines were run."""
        return 100 * (1 - sum(map(len, self.missing.values())) / self.measured)


class CoverageReader(Protocol):
    """Reads the reports of coverage that test runners leave."""

    async def changed_lines(self, name: str, report: bytes, patch: bytes) -> ChangedCoverage | None:
        """What the report in file `name` (Cobertura, Clover, JaCoCo, lcov) says of the lines that `patch` adds.

        None if nothing of them is measured, or the report cannot be read.
        """
        ...


# -- Clean trees -----------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class CleanTree:
    """A work tree that no minion was in, and its box."""

    workspace: Workspace
    sandbox: Sandbox


class CleanTrees(Protocol):
    """Makes work trees in which a change has to show that it works."""

    def open(
        self, sha: str, *, patch: bytes = b"", set_up: Sequence[str] = ()
    ) -> AbstractAsyncContextManager[CleanTree]:
        """A tree at commit `sha`, set up by the commands `set_up`, with `patch` in it; removed at the end.

        Raises RepositoryError if the patch does not fit, Unavailable if set-up fails.
        """
        ...


# -- GitHub ----------------------------------------------------------------------------------------------------------
class Permission(StrEnum):
    """What a person may do in a repository; GitHub maps maintain to write and triage to read."""

    NONE = "none"
    READ = "read"
    WRITE = "write"
    ADMIN = "admin"

    @property
    def may_write(self) -> bool:
        """Whether this is enough to ask for work."""
        return self in {Permission.WRITE, Permission.ADMIN}


class Reaction(StrEnum):
    """Reactions that Minions uses, as the REST API spells them."""

    EYES = "eyes"
    ROCKET = "rocket"
    CONFUSED = "confused"
    YES = "+1"
    NO = "-1"


class Head(BaseModel, frozen=True):
    """A branch and the commit that it stands at."""

    branch: str
    sha: str


class Remote(BaseModel, frozen=True):
    """Where git fetches from and pushes to."""

    url: str
    """Without any credential in it."""
    header: str = ""
    """HTTP header that carries the credential, for this host only; a secret. Empty where none is needed."""


class Button(BaseModel, frozen=True):
    """What people can press on a check run that is completed; GitHub shows three at most."""

    label: str
    """At most 20 characters."""
    description: str
    """At most 40 characters."""
    identifier: str
    """At most 20 characters: comes back when it is pressed."""


class Check(BaseModel, frozen=True):
    """A check run as we want it to be."""

    name: str
    external_id: str
    """Our run: the same external id on the same commit is the same check run."""
    status: Literal["queued", "in_progress", "completed"]
    conclusion: Literal["success", "failure", "neutral", "cancelled", "timed_out", ""] = ""
    details_url: str
    title: str
    summary: str
    text: str = ""
    buttons: tuple[Button, ...] = ()


class Pull(BaseModel, frozen=True):
    """A pull request as it stands, whoever opened it."""

    number: int
    url: str
    head: Head
    base: str
    """The branch that it wants to go to."""
    is_open: bool
    is_merged: bool
    is_ours: bool
    """Whether we opened it, from a branch of ours in this repository."""
    is_from_fork: bool
    moved_at: datetime
    """When its newest commit was made."""


class PullRequest(BaseModel, frozen=True):
    """A pull request that exists."""

    number: int
    url: str
    """The page for people."""


# -- CI --------------------------------------------------------------------------------------------------------------
class Verdict(BaseModel, frozen=True):
    """What the checks and statuses of one commit say together, ours left out."""

    state: Literal["never", "none", "pending", "red", "unclear", "green"]
    """`never`: nobody checks commits here. `none`: nothing has started yet. `pending`: something is still to come.

    All have ended: `red` if one failed, else `unclear` if one was cancelled or wants a person, else `green`.
    """
    mark: str = ""
    """Another one whenever anything about them is different."""
    red: tuple[str, ...] = ()
    """Names of those that failed, also while others are still to come."""
    unclear: tuple[str, ...] = ()
    """Names of those that ended without telling whether the commit is good."""
    open: tuple[str, ...] = ()
    """Names of those that are still to come."""


class FailedCheck(BaseModel, frozen=True):
    """A check or status that failed, with what it says. Everything in it was written by others."""

    name: str
    url: str = ""
    """The page for people."""
    summary: str = ""
    annotations: tuple[str, ...] = ()
    """As `path:line: message`."""
    log: str = ""
    """What matters of the job's log: around its errors, and the end."""


class Forge(Protocol):
    """GitHub as seen from inside, for one repository. Every write is find-or-create; ids given back are stored.

    Each call may raise a ForgeError; RateLimited and Unavailable are worth another try later.
    """

    async def permission(self, login: str) -> Permission:
        """What `login` may do here. Not found means NONE."""
        ...

    async def default_head(self) -> Head:
        """The default branch and its newest commit. Raises RepositoryError if the repository is empty."""
        ...

    async def issue_is_open(self, number: int) -> bool:
        """Whether the issue or pull request is there and open."""
        ...

    async def remote(self, *, write: bool) -> Remote:
        """Where git may fetch (or push, if `write`), with a credential of the narrowest kind."""
        ...

    async def react(self, number: int, place: Place | None, reaction: Reaction) -> None:
        """React to the comment, or to the issue itself if there is none."""
        ...

    async def find_or_create_branch(self, branch: str, *, base_sha: str, message: str) -> str:
        """Make `branch` with one empty commit on `base_sha`; answer with its sha, or with that of the existing one."""
        ...

    async def branch_sha(self, branch: str) -> str:
        """Where `branch` stands; empty if it does not exist."""
        ...

    async def delete_branch(self, branch: str, *, expected_sha: str) -> bool:
        """Delete `branch` if it stands at `expected_sha`; False if it stands elsewhere, and is left alone."""
        ...

    async def pull(self, number: int) -> Pull:
        """The pull request. Raises NotFound."""
        ...

    async def close_pull(self, number: int) -> None:
        """Close the pull request, unless it is closed."""
        ...

    async def remarks(self, number: int, *, since: datetime) -> Sequence[Remark]:
        """What was said in reviews of the pull request from `since` on, oldest first, whoever said it.

        GitHub tells times in whole seconds.
        """
        ...

    async def talk(self, number: int, place: Place | None) -> Said:
        """The issue or pull request as it stands, or the comment at `place`. Raises NotFound."""
        ...

    async def file(self, path: str, ref: str) -> bytes:
        """A file at a branch, tag or commit, at most a megabyte of it. Raises NotFound if there is no such file."""
        ...

    async def put_check(self, sha: str, check: Check, *, check_id: int | None) -> int:
        """Make the check run with this external id on `sha` look like `check`; answer with its id."""
        ...

    async def put_comment(self, number: int, marker: str, text: str, *, comment_id: int | None) -> int:
        """Make our one comment that carries `marker` say `text`; answer with its id. A deleted one is made again."""
        ...

    async def find_or_create_pull_request(
        self, *, branch: str, base: str, marker: str, title: str, body: str
    ) -> PullRequest:
        """Open a pull request (a draft where the plan allows it), or bring ours up to date if there is one."""
        ...

    async def verdict(self, sha: str) -> Verdict:
        """What the checks of this very commit say. Raises Denied if this installation may not read them."""
        ...

    async def failures(self, sha: str) -> Sequence[FailedCheck]:
        """What failed on this very commit, the most telling first; with logs of as many as can be read by a model."""
        ...


# -- Together --------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class World:
    """Everything a node can touch that is not its state."""

    forge: Forge
    workspace: Workspace
    sandbox: Sandbox
    minion: Minion
    guards: Guards
    clean: CleanTrees
    page_url: str
    """The page of this run, for people."""
    marker: str
    """Hidden words by which everything that this run wrote on GitHub is found again."""
    now: Callable[[], datetime]
    """The time of day, with time zone."""
    coverage: CoverageReader | None = None
    """None where nobody reads reports of coverage."""
    patience: Patience = field(default_factory=Patience)
    """Of this installation; a repository may say something else."""
    reviewer: Reviewer = field(default_factory=NoReviewer)
    notary: Notary = field(default_factory=NoNotary)
