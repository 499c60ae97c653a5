"""What every run that changes code knows."""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import ClassVar, Final, Literal, Self

from pydantic import BaseModel

from app.core.blueprint import State
from app.core.budget import Usage
from app.core.embeddings import Near
from app.core.enclosed import Enclosed
from app.core.evidence import Evidence, Reviews, Where
from app.core.forge import FailedCheck
from app.core.guards import Finding
from app.core.links import Chunk
from app.core.patch import Patch
from app.core.repo_config import RepoConfig

MOST_REPORT: Final = 12_000
"""Characters of failing output that are kept for the model: the tails, where runners put their summary."""

NewTests = Literal["for defects", "always", "never"]
"""When something in the changed tests has to fail without the rest of the change; `never`: it is not looked for."""


class Watched(BaseModel, frozen=True):
    """What was seen of the checks so far."""

    mark: str = ""
    """Of the newest verdict."""
    since: datetime | None = None
    """When that verdict was seen first, by our own clock: GitHub's may differ."""
    looks: int = 0
    """How often nothing new was seen since."""
    names: tuple[str, ...] = ()
    """Of checks that decided how the waiting ended."""

    def seen(self, mark: str, now: datetime) -> "Watched":
        """After one more look."""
        if self.since is not None and mark == self.mark:
            return self.model_copy(update={"looks": self.looks + 1})
        return Watched(mark=mark, since=now)


class Change(State):
    """A change under way in one repository, for one issue."""

    demands: ClassVar[str] = ""
    """What has to hold for a change of this kind besides what holds for all: for the minions that write and read it."""
    new_tests: ClassVar[NewTests] = "for defects"
    needs_tests: ClassVar[bool] = True
    """Whether a repository in which no way to test is found is declined."""
    tidies_others: ClassVar[bool] = True
    """Whether what the repository's own fixers do to files that nobody changed is part of the change."""

    config: RepoConfig = RepoConfig()
    """What `.github/minion.yml` says and, for commands, what was detected."""
    rules: tuple[str, ...] = ()
    """Rule files of the repository that minions were given."""
    environment: str = ""
    """The card of what a minion finds in its box."""
    orientation: str = ""
    """Where to look first."""
    near: Near = Near()
    """What of it was found by meaning."""
    linked: tuple[Chunk, ...] = ()
    """What the task links to."""
    evidence: tuple[Evidence, ...] = ()
    rewritten: str = ""
    """What codemods did that the issue names, for the minion; empty if there are none."""
    generated: tuple[str, ...] = ()
    """Files that set-up or tests made among the repository's own; needed by the tests, but no part of the change."""
    failed_before: tuple[str, ...] = ()
    """Test commands that failed on the base commit already."""
    report_before: str = ""
    """The end of their output."""
    report: str = ""
    """The end of the output of the test commands that fail now; empty if none does."""
    repairs: int = 0
    summary: str = ""
    """The minion's words for the pull request."""
    risks: str = ""
    model: str = ""
    usage: Usage = Usage()
    guards: tuple[str, ...] = ()
    """Guards that let the change pass."""
    findings: tuple[Finding, ...] = ()
    """Why the change may not leave as it is; empty after every gate that let it pass."""
    guarded: str = ""
    """Digest of the change that gates looked at last."""
    remarks: tuple[Finding, ...] = ()
    """What guards found that stops nothing, for who reviews."""
    proof: tuple[Finding, ...] = ()
    """The same of what was tried in clean trees."""
    figures: Mapping[str, str] = {}
    """What gates counted or saw, by their names, for who reviews: of those that let it pass there is no finding."""
    claimed: tuple[str, ...] = ()
    """Commands of which the minion said that they show that it works."""
    reviews: Reviews = Reviews()
    pushed: str = ""
    """Digest of the patch that was pushed last; empty before the first push."""
    pushed_at: datetime | None = None
    """From when on its checks are waited for; None until somebody looks at them."""
    watched: Watched = Watched()
    failing: tuple[FailedCheck, ...] = ()
    """What the checks of an earlier push found; a round mends it."""
    tried: tuple[str, ...] = ()
    """What was done about red checks, a sentence for each time."""
    enclosed: tuple[Enclosed, ...] = ()
    """What the pull request's text holds besides."""

    def begun_again(self) -> Self:
        """As `State` says: repairs are counted from here, and checks are waited for anew."""
        reviews = self.reviews.model_copy(update={"sent_back": 0, "of": ""})
        anew = {"repairs": 0, "tried": (), "watched": Watched(), "pushed_at": None, "checks": "", "reviews": reviews}
        return super().begun_again().model_copy(update=anew)

    def count(self, gate: str, figure: str) -> None:
        """Note what a gate counted or saw."""
        self.figures = {**self.figures, gate: figure}

    def keep(self, new: list[Evidence], where: Where) -> None:
        """Put evidence in the place of what was known from the same point of the run."""
        self.evidence = (*(each for each in self.evidence if each.where is not where), *new)


class Untested(Change):
    """A change of a kind that tests say nothing about, such as of words: other checks look at it."""

    new_tests: ClassVar[NewTests] = "never"
    needs_tests: ClassVar[bool] = False
    tidies_others: ClassVar[bool] = False


def digest(patch: Patch) -> str:
    """Another word for another change."""
    return sha256(patch.data).hexdigest()
