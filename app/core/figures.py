"""What can be told of many runs together, and what each figure means."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final, Literal, NamedTuple, Protocol

from pydantic import BaseModel

MOST_LISTED: Final = 25
"""Runs on one page of the list."""
By = Literal["all", "repository", "blueprint", "model", "week"]
BY: Final[tuple[By, ...]] = ("repository", "blueprint", "model", "week")

OUTCOMES: Final = ("at work", "pull request", "merged", "closed", "nothing", "failed", "stopped", "refused")
"""What a run came to, as people look for it."""


class Wanted(BaseModel, frozen=True):
    """Which runs are meant. What is empty leaves nothing out."""

    repository: str = ""
    blueprint: str = ""
    model: str = ""
    outcome: str = ""
    """One of `OUTCOMES`."""
    requester: str = ""
    text: str = ""
    """In the title; a number is also that of an issue or a pull request."""
    weeks: int = 12
    """The newest; 0 for all."""
    page: int = 1
    """From 1."""


class Group(BaseModel, frozen=True):
    """The figures of runs that have something in common."""

    by: By
    name: str
    runs: int
    opened: int
    merged: int
    untouched: int
    checked: int
    """Pull requests with a first verdict of CI."""
    green_at_first: int
    rounds: float | None
    comments: float | None
    reverted: int
    thumbs_up: int
    thumbs_down: int
    seconds: float | None
    usd: float

    @property
    def usd_per_merged(self) -> float | None:
        """Of all runs, also of those that came to nothing."""
        return self.usd / self.merged if self.merged else None

    @property
    def share_green(self) -> float | None:
        """Of pull requests with a verdict."""
        return self.green_at_first / self.checked if self.checked else None

    @property
    def satisfaction(self) -> float | None:
        """👍 of all thumbs."""
        thumbs = self.thumbs_up + self.thumbs_down
        return self.thumbs_up / thumbs if thumbs else None


class Cause(BaseModel, frozen=True):
    """Why runs came to nothing, and the newest of them."""

    sentence: str
    runs: int
    examples: Sequence[tuple[str, str]]
    """Key of the page, and title."""


class Listed(BaseModel, frozen=True):
    """A run in a list."""

    run_id: int
    key: str
    repository: str
    number: int
    title: str
    requester: str
    blueprint: str
    model: str
    outcome: str
    asked_at: datetime
    usd: float
    pull_request_number: int | None


class Overview(BaseModel, frozen=True):
    """Everything that the overview shows."""

    groups: Sequence[Group]
    causes: Sequence[Cause]
    runs: Sequence[Listed]

    def by(self, by: By) -> list[Group]:
        """The groups of one kind."""
        return [group for group in self.groups if group.by == by]


class Figures(Protocol):
    """What overviews read."""

    async def overview(self, wanted: Wanted, repositories: Collection[int] | None) -> Overview:
        """Of runs in these repositories, by their ids; None for all."""
        ...

    async def listed(self, wanted: Wanted, repositories: Collection[int] | None, at_most: int) -> Sequence[Listed]:
        """The newest of these runs, as far as the page that is wanted goes."""
        ...


class Definition(NamedTuple):
    """What a figure means."""

    anchor: str
    name: str
    meaning: str
    columns: tuple[str, ...]
    """What it is made of and called where figures are taken along: fields and properties of `Group`."""


DEFINITIONS: Final = (
    Definition("runs", "Runs", "Tasks that somebody asked for in this time, whatever came of them.", ("runs",)),
    Definition(
        "opened",
        "Pull requests",
        "Pull requests that runs opened. What a run adds to one that exists is not counted anew.",
        ("opened",),
    ),
    Definition("merged", "Merged", "Those of them that somebody merged.", ("merged",)),
    Definition(
        "untouched",
        "Untouched",
        "Merged ones whose branch stood, when they were merged, where a run had pushed it: no person added a commit.",
        ("untouched",),
    ),
    Definition(
        "green",
        "Green at first",
        "Of pull requests whose checks came to a verdict: the share in which the first verdict was green. Those "
        "without checks are left out.",
        ("checked", "green_at_first", "share_green"),
    ),
    Definition(
        "rounds",
        "CI rounds",
        "How often a run waited for checks, on the average of runs that waited at all: 1 means that nothing was "
        "mended.",
        ("rounds",),
    ),
    Definition(
        "comments",
        "Review comments",
        "Comments at lines of the change, on the average of pull requests that were closed or merged.",
        ("comments",),
    ),
    Definition(
        "reverted",
        "Reverted",
        "Merged ones that were taken back within 14 days: by a pull request that GitHub's button “Revert” made, or by "
        "a commit on the default branch whose message says “This reverts commit …” of the merge or of the branch's "
        "last commit.",
        ("reverted",),
    ),
    Definition(
        "satisfaction",
        "Satisfaction",
        "👍 as a share of all 👍 and 👎 on pull requests that runs opened and on the comments in which they say how "
        "they stand. GitHub is asked for them now and then, until 14 days after a pull request was closed and 60 days "
        "after the run was asked for. Who reacts in both places counts twice; where nobody does there is no figure.",
        ("thumbs_up", "thumbs_down", "satisfaction"),
    ),
    Definition(
        "time",
        "Time to pull request",
        "From asking to the opened pull request, waiting in the queue included. The geometric mean, so that one run "
        "of a day does not outweigh a hundred of ten minutes.",
        ("seconds",),
    ),
    Definition(
        "cost",
        "Cost per merged",
        "What all runs in the row cost by the ledger of model calls, also those that came to nothing, for each merged "
        "pull request.",
        ("usd", "usd_per_merged"),
    ),
)
"""In the order of the columns."""
