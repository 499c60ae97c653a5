"""The two tools by which a reviewer says what it found. They look and note; there is nothing that they could change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from pydantic import Field

from app.agent.tools.bash import BASH
from app.agent.tools.tool import Arguments, Desk, Told, Tool
from app.core.journal import Entry, ToolCalled, ToolReturned
from app.core.minion import Submission
from app.core.reviewer import ReviewFinding

MOST_FINDINGS: Final = 6
"""Of one review. Noise is how reviewers fail: people stop reading."""


class FindingArguments(Arguments, frozen=True):
    """One thing that is wrong with the change."""

    path: str = Field(min_length=1, max_length=4_096, description="File of the change that it is about.")
    line: int = Field(
        ge=0,
        le=100_000_000,
        description="Line of that file as it is now, one that the change shows; 0 for a file without lines to show.",
    )
    severity: Literal["blocker", "major", "minor"] = Field(
        description=(
            "blocker: it must not be merged like this, and `reproduction` shows it; major: people should decide on it "
            "before they merge; minor: worth knowing."
        )
    )
    claim: str = Field(min_length=1, max_length=400, description="What is wrong, in one or two sentences.")
    evidence: str = Field(
        min_length=1, max_length=2_000, description="What you saw that shows it: code, or a command and its output."
    )
    reproduction: str = Field(
        default="",
        max_length=4_000,
        description=(
            "For a blocker: a command that exits with 0 once it is mended and with something else now. It is run in a "
            "fresh tree without any file that you made, so write what it needs in it."
        ),
    )
    suggestion: str = Field(default="", max_length=800, description="How to mend it, in four lines at most.")


class VerdictArguments(Arguments, frozen=True):
    """The end of a review."""

    summary: str = Field(
        min_length=1,
        max_length=1_200,
        description="What you checked and how, and what you could not check. No praise, no list of the findings.",
    )


@dataclass
class Notes:
    """What one review has found so far, of a change whose diff shows `places`."""

    places: Mapping[str, frozenset[int]]
    findings: list[ReviewFinding] = field(default_factory=list)

    def take_up(self, entries: Sequence[Entry]) -> None:
        """Know again what the journal says was found: a review that a crash broke off goes on."""
        called: ToolCalled | None = None
        for entry in entries:
            if isinstance(entry, ToolCalled):
                called = entry
            elif isinstance(entry, ToolReturned):
                if called and called.tool == "finding" and entry.ok:
                    self.findings.append(ReviewFinding.model_validate(called.arguments))
                called = None

    @property
    def tools(self) -> tuple[Tool[Any], ...]:
        """Those of a reviewer besides the ones that look: and `bash`, after which nothing is saved."""
        return (
            replace(BASH, purpose=_BASH, alters=False),
            Tool(
                name="finding",
                purpose=(
                    f"Note one thing that is wrong, at a place in the change; {MOST_FINDINGS} at most. Only what you "
                    "are sure of and what matters: no style, no praise, nothing that a tool of the repository says."
                ),
                arguments=FindingArguments,
                run=self._find,
                repeatable=True,
            ),
            Tool(
                name="verdict",
                purpose="End the review, with or without findings.",
                arguments=VerdictArguments,
                run=_end,
                repeatable=True,
            ),
        )

    async def _find(self, arguments: FindingArguments, desk: Desk) -> Told:  # noqa: ARG002 - every tool is given the desk
        if refusal := self._refusal(arguments):
            return Told(refusal, ok=False)
        self.findings.append(ReviewFinding.model_validate(arguments.model_dump()))
        more = ""
        if arguments.severity == "blocker" and not arguments.reproduction.strip():
            more = " Without a command that fails it is told to people, and nothing else comes of it."
        return Told(f"Noted: {len(self.findings)} of {MOST_FINDINGS}.{more}")

    def _refusal(self, arguments: FindingArguments) -> str:
        if len(self.findings) >= MOST_FINDINGS:
            return f"There are {MOST_FINDINGS} findings already, and no more are taken. End with `verdict`."
        lines = self.places.get(arguments.path)
        if lines is None:
            return f"{arguments.path!r} is not in the change. Its files are: {', '.join(sorted(self.places)[:50])}."
        if arguments.line in lines or (not lines and not arguments.line):
            return ""
        if not lines:
            return f"The change shows no lines of {arguments.path}: give 0 as the line."
        near = sorted(lines, key=lambda line: abs(line - arguments.line))[:5]
        return (
            f"Line {arguments.line} of {arguments.path} is not in the change. Near it are: "
            f"{', '.join(map(str, sorted(near)))}. What the change does not touch is not for this review."
        )


async def _end(arguments: VerdictArguments, desk: Desk) -> Told:  # noqa: ARG001 - every tool is given the desk
    return Told("The review is over.", ends=Submission(summary=arguments.summary))


_BASH: Final = (
    "Run a command in a copy of the repository with the change in it: tests, linters, git diff, small scripts. Each "
    "call is a new shell in its root; nothing that it starts lives on after it. There is no network, no terminal. What "
    "you write there goes nowhere. Answers with the exit code and the output, shortened in the middle if it is long."
)
