"""What the HTTP API is told and tells: a wish, a run as it stands, a problem."""

from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, Field

from app.core.campaign import Part, Standing
from app.core.requests import Request
from app.core.run import Run, Status
from app.core.wording import campaign_elsewhere

_REPOSITORY: Final = r"^(\.*[A-Za-z0-9_-])[A-Za-z0-9_.-]*/(\.*[A-Za-z0-9_-])[A-Za-z0-9_.-]*$"
"""`OWNER/NAME`, and no way to another path."""


class NewRun(BaseModel, extra="forbid"):
    """What is wanted."""

    repository: str = Field(
        pattern=_REPOSITORY, max_length=200, description="`OWNER/NAME`, where the App is installed."
    )
    title: str = Field(min_length=1, max_length=250, description="Title of the issue that is opened.")
    body: str = Field(default="", max_length=50_000, description="Its text: what is wanted, as Markdown.")
    blueprint: str = Field(default="fix", max_length=50, description="Which workflow.")


class PartShown(BaseModel):
    """One part of a campaign as it stands: a run of its own, in a repository of its own."""

    repository: str
    within: str = Field(default="", description="What may be changed there; empty: everything.")
    status: str = Field(description="As that of a run; `queued` also before it begins.")
    explanation: str = ""
    issue_url: str = ""
    pull_request_url: str = ""
    usd: float = 0.0


class RunShown(BaseModel):
    """A run as it stands, or a campaign of many."""

    id: str = Field(description="Name of the run in this API.")
    status: str = Field(
        description="`opening` while its issue is being opened; then `queued`, `running`, `waiting`, and at the end "
        "`done`, `failed`, `stopped` or `refused`."
    )
    explanation: str = Field(default="", description="Why it is not going well, or came to nothing; for people.")
    repository: str
    title: str
    blueprint: str
    node: str = Field(default="", description="The node at which it stands.")
    asked_at: datetime
    ended_at: datetime | None = None
    issue_url: str = Field(default="", description="The record on GitHub.")
    page_url: str = Field(default="", description="What it reads, runs and changes.")
    pull_request_url: str = ""
    usd: float = Field(default=0.0, description="What it cost so far, in US dollars.")
    parts: list[PartShown] = Field(
        default=[],
        description="Of a campaign, which `migrate` becomes where several places are named: its issue tells of all of "
        "them. Such a one is `done` if each part came to something.",
    )


class Runs(BaseModel):
    """Runs that were asked for with this token, the newest first."""

    runs: list[RunShown]


class Problem(BaseModel):
    """Why something was not done."""

    detail: str = Field(description="A sentence.")


def shown(asked: Request, work: Run | Standing | None, *, page_url: str, github_url: str) -> RunShown:
    """A run or campaign as it stands, or the request that there is none for yet."""
    wanted, repository = asked.wanted, asked.repository
    name = repository.full_name if repository else wanted.full_name
    stands = RunShown(
        id=asked.key,
        status="refused" if asked.error else "opening",
        explanation=asked.error,
        repository=name,
        title=wanted.title,
        blueprint=wanted.blueprint,
        asked_at=asked.asked_at,
        issue_url=f"{github_url}/{name}/issues/{asked.number}" if asked.number else "",
    )
    if work is None:
        return stands
    if isinstance(work, Standing):
        return stands.model_copy(update=_of_campaign(work, github_url))
    run = work
    more: dict[str, Any] = {
        "status": run.status.value,
        "explanation": run.error,
        "node": run.at,
        "ended_at": run.ended_at,
        "page_url": f"{page_url}/runs/{run.key}",
        "pull_request_url": run.trail.pull_request_url,
        "usd": round(run.usage.usd, 6),
    }
    return stands.model_copy(update=more)


def _of_campaign(standing: Standing, github_url: str) -> dict[str, Any]:
    return {
        "status": standing.status.value,
        "explanation": campaign_elsewhere(standing),
        "parts": [_part(one, github_url) for one in standing.parts],
        "usd": round(sum(one.spent_usd for one in standing.parts), 6),
    }


def _part(part: Part, github_url: str) -> PartShown:
    run, name = part.run, part.spot.full_name
    return PartShown(
        repository=name,
        within=part.spot.within,
        status=run.status.value if run else _before_its_run(part),
        explanation=part.error or (run.error if run else ""),
        issue_url=f"{github_url}/{name}/issues/{part.number}" if part.number else "",
        pull_request_url=run.pull_request_url if run else "",
        usd=round(part.spent_usd, 6),
    )


def _before_its_run(part: Part) -> str:
    if part.is_stopped:
        return Status.STOPPED.value
    if part.error:
        return Status.REFUSED.value
    return Status.QUEUED.value if part.is_waiting else "opening"
