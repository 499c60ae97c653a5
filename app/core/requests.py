"""Work that was asked for elsewhere than on GitHub: over the API, in Slack, by a schedule.

All of it comes to one kind of task: a request is stored with the job that opens an issue for it, as the record, and the
run that works on that issue, or the campaign, is started as a label would have started it.
"""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Literal, Protocol

from pydantic import BaseModel

from app.core.campaign_wish import NAME, Wish, wish_in
from app.core.errors import MinionsError
from app.core.forms import answered
from app.core.hidden import strip_hidden
from app.core.repo_config import Suggestion
from app.core.run import Run
from app.core.store import Draft
from app.core.task import Person, Repository

Door = Literal["api", "slack", "schedule", "event", "campaign"]
"""By `event` nobody asks: an issue is opened about what was noticed, and no run is started.

Without a `suggestion` it is about what is wrong with the repository's own file.
"""


class Differs(MinionsError):
    """The same word was used before, for another request."""


class TooMany(MinionsError):
    """So many were taken within an hour that this one is not. `retry_after_s` says when there is room again."""

    def __init__(self, sentence: str, *, retry_after_s: float) -> None:
        super().__init__(sentence)
        self.retry_after_s = retry_after_s


class Thread(BaseModel, frozen=True):
    """A conversation in Slack that a request came from."""

    channel: str
    at: str
    """`ts` of its first message, by which Slack names it."""
    asked_at: str
    """`ts` of the message that asked: what was said later is not part of the task."""
    user: str
    """Who asked, by Slack's id."""


class Wanted(BaseModel, frozen=True):
    """What somebody wants, in the words of the door that they came by."""

    door: Door
    full_name: str
    """`OWNER/NAME`; empty if it has to be found out yet, which only Slack does."""
    title: str
    body: str = ""
    instructions: str = ""
    blueprint: str
    login: str
    """The GitHub account that asks: it must be allowed to write there, which is looked up."""
    source: str = ""
    """For people: which token, schedule or channel it came from."""
    token_id: int | None = None
    """The API token that it came with."""
    thread: Thread | None = None
    suggestion: Suggestion | None = None
    """What was noticed, if this is that."""
    campaign: int | None = None
    """The campaign that it is a part of."""
    is_own: bool = True
    """Whether who asks has also written it: what others wrote allows nothing."""


def campaign_of(wanted: Wanted) -> Wish | None:
    """The campaign that is asked for; None if it is work in one repository, as each part of a campaign is."""
    if wanted.blueprint != NAME or wanted.campaign is not None:
        return None
    return wish_in(answered(strip_hidden(wanted.body)), strip_hidden(wanted.instructions))


class Request(BaseModel, frozen=True):
    """A request as it is stored."""

    id: int
    key: str
    """Unguessable name of it, and of its run, in the API."""
    intent: str
    wanted: Wanted
    repository: Repository | None = None
    number: int = 0
    """The issue that was opened for it; 0 if there is none yet."""
    error: str = ""
    """Why it was refused, a sentence for people."""
    told: str = ""
    """What was told last where it came from, such as in its thread, so that it is told once."""
    asked_at: datetime

    @property
    def run_intent(self) -> str:
        """By which the store knows the run of this request, or its campaign."""
        return f"request/{self.id}"


class Requests(Protocol):
    """Where requests are kept. Every method is one transaction."""

    async def take(self, intent: str, wanted: Wanted, *, per_hour: int = 0) -> Request:
        """Keep a request with the job that opens it; the second time, answer with what there is.

        At most `per_hour` of one token are taken in any hour, unless that is 0. Raises TooMany, and Differs if
        something else was asked for by the same word.
        """
        ...

    async def load(self, request_id: int) -> Request:
        """The request. Raises NotFound."""
        ...

    async def find(self, key: str) -> Request:
        """The request with this key. Raises NotFound."""
        ...

    async def of_token(self, token_id: int, at_most: int) -> Sequence[tuple[Request, Run | None]]:
        """The newest requests of a token, with their runs, newest first."""
        ...

    async def run_of(self, request: Request) -> Run | None:
        """The run that works on it; None if there is none yet, or if it was refused."""
        ...

    async def opened(self, request: Request, repository: Repository, number: int) -> Request:
        """Note where its issue is."""
        ...

    async def refuse(self, request: Request, why: str) -> bool:
        """Note why there will be no run; False if there is one already, or a campaign."""
        ...

    async def start(self, request: Request, draft: Draft, reason: str) -> None:
        """Start the run, unless there is one already or the request was refused meanwhile."""
        ...

    def turn(self) -> AbstractAsyncContextManager[bool]:
        """Whether it is ours, among all workers, to tell what is new."""
        ...

    async def untold(self, door: Door, at_most: int) -> Sequence[tuple[Request, Run | None]]:
        """Requests that came by this door, of the last days, whose end was not told yet."""
        ...

    async def tell(self, request: Request, told: str, *, is_end: bool) -> None:
        """Note what was told where it came from, and whether nothing more is to be told."""
        ...


class Asker(BaseModel, frozen=True):
    """A GitHub account, and whether it may ask for work in a repository."""

    person: Person
    may_ask: bool


class Tracker(Protocol):
    """The issues of one repository. Each call may raise a ForgeError."""

    async def asker(self, login: str) -> Asker | None:
        """The account and whether it may write; None if there is no such account, or if it has no right at all."""
        ...

    async def find_or_create_issue(
        self, *, marker: str, title: str, body: str, since: datetime, labels: Sequence[str] = ()
    ) -> int:
        """Open our issue that carries `marker`, or find it; answer with its number. None is older than `since`."""
        ...


class Trackers(Protocol):
    """Every repository that the App is installed on."""

    async def find(self, full_name: str) -> Repository:
        """The repository `OWNER/NAME`. Raises NotFound with what to do about it."""
        ...

    def tracker(self, repository: Repository) -> Tracker:
        """Its issues."""
        ...
