"""What the engine needs of a store. One implementation, on PostgreSQL, is in `adapters/store/`."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from pydantic import BaseModel

from app.core.campaign import CampaignDraft
from app.core.census import Census
from app.core.errors import MinionsError
from app.core.events import (
    BranchDeleted,
    InstallationChanged,
    IssueEdited,
    Noticed,
    OrderGiven,
    PullReopened,
    Pushed,
    StopRequested,
)
from app.core.journal import Entry, Journal
from app.core.orders import Given
from app.core.places import ANY_NUMBER, MostOpen, Turn
from app.core.purse import Estimate, Purse
from app.core.rollout import Rollouts
from app.core.run import Run
from app.core.task import Repository, Task
from app.core.vitals import Vitals


class Stale(MinionsError):
    """Somebody else moved the run on meanwhile. Whoever gets this stops and does nothing more with it."""


class StoreDown(MinionsError):
    """The database cannot be reached or does not answer. What was asked of it did not happen, or will be seen later."""


class Occupied(MinionsError):
    """Another run is at work on the same issue. `run_id` says which."""

    def __init__(self, sentence: str, *, run_id: int) -> None:
        super().__init__(sentence)
        self.run_id = run_id


class Receipt(BaseModel, frozen=True):
    """What became of a delivery."""

    reason: str
    """A sentence: the answer to GitHub and the line in the log."""
    run_id: int | None = None
    is_new: bool = False


class Delivery(BaseModel, frozen=True):
    """One delivery of a webhook. (`app_id`, `guid`) names the event: a redelivery carries the same guid."""

    app_id: str
    guid: str
    event: str
    action: str

    def known(self) -> Receipt:
        """What became of it, where it was stored before."""
        return Receipt(reason=f"Delivery {self.guid} was received before: nothing to do.")


class Draft(BaseModel, frozen=True):
    """A run that somebody asked for and that does not exist yet."""

    intent: str
    """Unique word of the act that asked; asking twice with the same word makes one run."""
    task: Task
    blueprint: str
    blueprint_version: int
    is_open: bool = False
    """Whether nobody named the blueprint, so that triage may choose another one."""
    start: str
    """Name of the first node; empty if there is no such blueprint, which admission will say."""


Act = (
    Draft
    | CampaignDraft
    | StopRequested
    | IssueEdited
    | PullReopened
    | OrderGiven
    | BranchDeleted
    | InstallationChanged
    | Pushed
    | Noticed
)
"""What a delivery can lead to."""


class Recorded(BaseModel, frozen=True):
    """A journal entry as it stands in the store."""

    visit: int
    """Index of the visit in the run, from 0."""
    number: int
    """Place in the journal of that visit, from 0."""
    at: datetime
    entry: Entry


class Site(BaseModel, frozen=True):
    """A repository in which runs on issues or pull requests have not ended."""

    repository: Repository
    since: datetime
    """When the first of them was asked for, by GitHub's time."""


class Store(Protocol):
    """Runs, and the queue that says which of them to advance. Every method is one transaction."""

    async def accept(self, delivery: Delivery | None, decision: Act, reason: str) -> Receipt:
        """Store a delivery, the decision and the jobs that it causes; the second time it only says so."""
        ...

    async def load(self, run_id: int) -> Run:
        """The run. Raises NotFound."""
        ...

    async def find(self, key: str) -> Run:
        """The run with this page key. Raises NotFound."""
        ...

    async def admit(self, run: Run, own: MostOpen = ANY_NUMBER) -> Run:
        """Put a queued run to work if there is a place for it, else have it held; answer with it as it stands now.

        `own` is what its repository says of the pull requests that may wait for review there.

        A run that is held stays queued, and is put to work, with a job that advances it, as soon as there is a place.
        Raises Stale as `save` does, and Occupied if another run of its issue is at work, or held.
        """
        ...

    async def save(self, run: Run, *, patch: bytes | None = None, advance_at: datetime | None = None) -> Run:
        """Save the run with its new visits, in one write; answer with it as it stands now (revision + 1).

        `patch` replaces the saved change, if given. `advance_at` adds a job that advances the run then. Raises Stale if
        the run was saved by somebody else since it was loaded, Occupied if it would be the second at work on one issue
        or on one branch.

        A run that is parked although it was stirred since it was last saved is advanced again at once.
        """
        ...

    async def orders(self, run_id: int, *, heeded: bool = False) -> Sequence[Given]:
        """What this run was told and has not settled yet, oldest first; or what of it was heeded."""
        ...

    async def settle(self, given: Given, *, heeded: bool) -> None:
        """Note that an order was heeded, or that nothing came of it: it is not told again."""
        ...

    async def patch(self, run_id: int) -> bytes:
        """The change as it was saved last."""
        ...

    def journal(self, run_id: int, visit: int) -> Journal:
        """The journal of one visit; model answers are entered in the ledger in the same transaction."""
        ...

    def purse(self, run: Run) -> Purse:
        """The budgets of the month that a run draws on; what the ledger is charged with is settled with them."""
        ...

    async def estimate(self, repository_id: int, blueprint: str) -> Estimate | None:
        """What a run of this blueprint in this repository is likely to cost; None if too few came before it."""
        ...

    def rollouts(self) -> Rollouts:
        """What is known of models that are tried."""
        ...

    async def records(self, run_id: int) -> Sequence[Recorded]:
        """Every journal entry of a run, in order."""
        ...

    async def keep_statement(self, run_id: int, head_sha: str, envelope: str) -> None:
        """Keep what was signed about a commit of a run; a later word about the same commit replaces it."""
        ...

    async def statement(self, run_id: int) -> str:
        """What was signed about what the run published last, as JSON; empty if there is nothing."""
        ...

    async def keep_signing_key(self, key_id: str, pem: str) -> None:
        """Let everybody know a public key of this installation."""
        ...

    async def signing_keys(self) -> Sequence[str]:
        """Every public key of this installation, as PEM, the oldest first."""
        ...

    async def give_places(self) -> int:
        """Put to work what waits for a place although there is one; answer with how many runs."""
        ...

    async def turn(self, run: Run) -> Turn | None:
        """Where a run stands in the line of those that wait for reviews; None if it does not."""
        ...

    async def keep_limits(self, repository: Repository, own: MostOpen) -> None:
        """Note what a repository says of the pull requests that may wait there, and put to work who may begin now."""
        ...

    async def tell_turns(self, at_most: int) -> int:
        """Have those advanced that wait for reviews, and of which people were told another place than they have now.

        Answers with how many those are.
        """
        ...

    async def take_up(self) -> Sequence[int]:
        """Have runs advanced that have not ended, do not wait for a place, and have no job; answer with which."""
        ...

    async def spent_usd(self, run_id: int) -> float:
        """What the ledger says about a run, in US dollars."""
        ...

    async def unfinished(self) -> Sequence[int]:
        """Runs that have not ended, or that ended and were not reported yet."""
        ...

    async def sites(self) -> Sequence[Site]:
        """Where runs on issues or pull requests have not ended, by the repositories' ids."""
        ...

    async def unfinished_on(self, repository_id: int, numbers: Collection[int]) -> Sequence[int]:
        """Runs on these issues or pull requests that have not ended, also those that opened them."""
        ...

    async def stir(self, heads: Collection[tuple[int, str]]) -> int:
        """Something happened to these commits, each of a repository id: have the runs that wait at them look again.

        Answers with how many there are. A run at work is told when it parks.
        """
        ...

    async def stir_parked(self, parked_for: timedelta, at_most: int) -> int:
        """Have runs look again that nobody looked at for so long or longer, the longest first.

        Answers with how many those are.
        """
        ...

    async def census(self, since: datetime) -> Census:
        """How many of what there is, and what models took since then."""
        ...

    async def vitals(self) -> Vitals:
        """How things stand with GitHub."""
        ...

    async def counts(self) -> Mapping[str, int]:
        """How many runs there are of each status."""
        ...
