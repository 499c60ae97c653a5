"""Read what reviewers said, and put an answer under each remark."""

import logging
import re
from typing import Final, Literal

from app.core.blueprint import step
from app.core.errors import Denied, NotFound
from app.core.fence import fenced
from app.core.redaction import Redactor
from app.core.task import Place
from app.core.wording import followups
from app.core.world import World
from blueprints.steps.change import Change
from blueprints.steps.remarks import told_remark

_log = logging.getLogger(__name__)

_ANSWER: Final = re.compile(
    r"(?m)^[ \t]*(?:[-*][ \t]+)?(?:\*\*)?(?:Remark[ \t]+)?#?(\d{1,3})(?:[.:)]\*\*|\*\*[.:)]|[.:)])[ \t]+(\S.*)$"
)


class Answers(Change):
    """A pull request whose reviewers are to be answered."""

    new_tests = "never"
    demands = "Reviewers of a pull request are answered: what they ask for is done, and nothing else is."

    answers: tuple[str, ...] = ()
    """A sentence for each remark, in their order; empty for one that the minion did not answer."""


@step("Read what reviewers said", in_tree=False)
async def listen(change: Answers, world: World) -> Literal["said", "nothing"]:
    """What people with write permission said since the branch moved last."""
    if not change.task.is_pull_request:
        change.explanation = followups.only_on_pull_requests("review")
        return "nothing"
    if not change.task.remarks:
        change.explanation = followups.nothing_was_said()
        return "nothing"
    return "said"


def remarks(change: Answers) -> str:
    """All remarks as data for a minion, each with its number and its place."""
    return fenced(
        "\n\n".join(f"{number}: {told_remark(one)}" for number, one in enumerate(change.task.remarks, 1)),
        "what reviewers with write permission said",
    )


def answers_in(summary: str, number: int) -> tuple[str, ...]:
    """The minion's sentence for each of so many remarks; the first one counts."""
    found: dict[int, str] = {}
    for match in _ANSWER.finditer(summary):
        found.setdefault(int(match[1]), match[2].strip())
    return tuple(found.get(each, "") for each in range(1, number + 1))


@step("Answer each remark", in_tree=False)
async def reply(change: Answers, world: World) -> Literal["checks", "done"]:
    """Put the sentence and the commit under each remark at a line; those about all of the change in one comment.

    Twice is once: each answer carries a marker by which it is found again.
    """
    task, redact = change.task, Redactor().redact
    sha = change.head_sha if change.pushed else ""
    number = change.pull_request_number if change.pull_request_number != task.number else None
    general: list[tuple[str, str]] = []
    for at, remark in enumerate(task.remarks, 1):
        said = redact((change.answers[at - 1 : at] or ("",))[0] or followups.done(_ANSWER.sub("", change.summary)))
        if remark.comment_id is None:
            general.append((remark.author.login, said))
            continue
        place = Place(number=task.number, comment_id=remark.comment_id, in_review=True)
        marker = followups.reply_marker(world.marker, at)
        text = f"{followups.reply(said, sha, number)}\n\n{marker}"
        try:
            await world.forge.reply(place, marker, text)
        except (Denied, NotFound) as error:
            _log.info("Remark %s of #%s cannot be answered: %s", remark.comment_id, task.number, error)
    if general:
        marker = followups.reply_marker(world.marker, 0)
        text = f"{followups.replies(general, sha)}\n\n{marker}"
        try:
            await world.forge.put_comment(task.number, marker, text, comment_id=None)
        except (Denied, NotFound) as error:
            _log.info("Nothing can be said on #%s: %s", task.number, error)
    return "checks" if change.pushed else "done"
