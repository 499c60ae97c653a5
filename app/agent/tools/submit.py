"""The two ways to end: with a change, or without one."""

from typing import Annotated, Final, Literal

from pydantic import Field

from app.agent.tools.tool import Arguments, Desk, Told, Tool
from app.core.minion import GaveUp, Submission


class SubmitArguments(Arguments, frozen=True):
    """What was done."""

    summary: str = Field(min_length=1, max_length=10_000, description="What you changed and why, for the reviewer.")
    verification: list[Annotated[str, Field(max_length=2_000)]] = Field(
        default_factory=list, max_length=20, description="Commands that you ran and that show that it works."
    )
    risks: str = Field(default="", max_length=5_000, description="What you are not sure of, and what you left undone.")


class GiveUpArguments(Arguments, frozen=True):
    """Why there is no change."""

    reason: Literal["spec_conflict", "env_broken", "needs_human", "too_big"] = Field(
        description=(
            "spec_conflict: the task contradicts itself or the code; env_broken: the sandbox lacks what it needs; "
            "needs_human: a decision is missing; too_big: it does not fit the budget."
        )
    )
    detail: str = Field(min_length=1, max_length=10_000, description="What you found out, and what would help.")


async def _submit(arguments: SubmitArguments, desk: Desk) -> Told:  # noqa: ARG001 - every tool is given the desk
    result = Submission(summary=arguments.summary, verification=tuple(arguments.verification), risks=arguments.risks)
    return Told("Submitted.", ends=result)


async def _give_up(arguments: GiveUpArguments, desk: Desk) -> Told:  # noqa: ARG001 - as above
    return Told("Given up.", ends=GaveUp(reason=arguments.reason, detail=arguments.detail))


SUBMIT: Final = Tool(
    name="submit",
    purpose="End the work: the change in the tree is complete and you have checked it. Gates run afterwards.",
    arguments=SubmitArguments,
    run=_submit,
    repeatable=True,
)
GIVE_UP: Final = Tool(
    name="give_up",
    purpose="End the work without a change. An honest reason helps more than a change that only looks right.",
    arguments=GiveUpArguments,
    run=_give_up,
    repeatable=True,
)
