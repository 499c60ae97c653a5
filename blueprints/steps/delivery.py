"""How a run ends: with a pull request, or with an explanation."""

import logging
from typing import Any

from app.core import wording
from app.core.blueprint import step
from app.core.budget import Usage
from app.core.errors import Conflict, Denied, NotFound, RepositoryError
from app.core.evidence import Reviews, Where
from app.core.failures import failures
from app.core.guards import Weight
from app.core.patch import Patch
from app.core.redaction import Redactor
from app.core.reviewer import ReviewFinding
from app.core.statement import Published, Worked
from app.core.world import World
from blueprints.steps.change import Change, Watched, digest
from blueprints.steps.configuration import pull_request_template
from blueprints.steps.gates import inspected
from blueprints.steps.leftovers import change_of

_log = logging.getLogger(__name__)


@step("Open a pull request")
async def publish(change: Change, world: World) -> None:
    """Push the change, in the place of the branch's first commit, and open a pull request. Twice is once.

    From the second time on, what was mended is a commit on top of the last one, and the pull request is brought up to
    date. If somebody else has pushed meanwhile, nothing is: who looks at the checks next says so.
    """
    summary = Redactor().redact(change.summary)
    patch = await change_of(change, world.workspace)
    # The very change that is pushed, however the tree may have come to differ from what was guarded before.
    found = await inspected(change, world, patch)
    if findings := [each for each in found if each.weight is not Weight.REMARK]:
        raise RepositoryError(wording.stopped_by_guards(findings))
    if change.pushed == digest(patch):
        return  # what was mended came to nothing
    try:
        await _push(change, world, patch, summary)
    except Conflict:
        if _earlier(change):
            return
        raise
    reviewed = change.reviews.newest.findings if change.reviews.newest else ()
    change.annotations, change.details = wording.annotations(patch, (*found, *change.proof), reviewed), ""
    await world.notary.attest(published(change, patch).model_dump(mode="json"))
    if change.task.is_pull_request and change.pull_request_number is not None:
        return  # it was there before, in somebody's own words; the run's comment under it says what was done now
    await _propose(change, world, patch, summary)


async def _propose(change: Change, world: World, patch: Patch, summary: str) -> None:
    """Open the pull request, or bring it up to date."""
    redactor = Redactor()
    moved_on, conflicts = await _since(change, world)
    facts = wording.PullRequestFacts(
        summary=summary,
        risks=redactor.redact(change.risks),
        evidence=change.evidence,
        patch=patch,
        guards=change.guards,
        figures=change.figures,
        remarks=(*change.remarks, *change.proof),
        rules=change.rules,
        model=change.model,
        usd=(change.usage + change.reviews.usage).usd if change.model else None,
        repairs=change.repairs,
        base_branch=moved_on,
        conflicts=conflicts,
        reviews=change.reviews,
        most_files=change.config.max_files,
        most_lines=change.config.max_changed_lines,
        template=await pull_request_template(world.workspace),
        enclosed=change.enclosed,
    )
    pull_request = await world.forge.find_or_create_pull_request(
        branch=change.branch,
        base=change.base_branch,
        marker=world.marker,
        title=redactor.redact(wording.pull_request_title(change.task)),
        body=redactor.redact(
            wording.pull_request_body(change.task, facts, page_url=world.page_url, marker=world.marker)
        ),
    )
    change.pull_request_number = pull_request.number
    change.pull_request_url = pull_request.url


async def _since(change: Change, world: World) -> tuple[str, tuple[str, ...]]:
    """The branch that the change is for if it is not where it was, and where the two do not merge by themselves."""
    now = await world.forge.branch_sha(change.base_branch)
    if now in {change.base_sha, ""}:
        return "", ()
    try:
        return change.base_branch, tuple(await world.workspace.conflicts(change.head_sha, now))
    except RepositoryError as error:  # it was rewritten, or has nothing in common any more: GitHub says so itself
        _log.info("Whether %s conflicts with %s cannot be told: %s", change.branch, change.base_branch, error)
        return "", ()


def published(change: Change, patch: Patch) -> Published:
    """What is known of the commit that was pushed just now, for who wants to check it without believing anybody."""
    redact = Redactor().redact
    models = [Worked(role="change", model=change.model, **_spent(change.usage))]
    if change.reviews.usage.turns:
        by = change.reviews.newest.model if change.reviews.newest else ""
        models.append(Worked(role="review", model=by, **_spent(change.reviews.usage)))
    return Published(
        head_sha=change.head_sha,
        base_sha=change.base_sha,
        branch=change.branch,
        base_branch=change.base_branch,
        patch_sha256=digest(patch),
        files=len(patch.files),
        added=patch.added,
        deleted=patch.deleted,
        commands=tuple(one.model_copy(update={"command": redact(one.command)}) for one in change.evidence),
        guards=change.guards,
        figures=change.figures,
        remarks=(*change.remarks, *change.proof),
        done=redact(change.summary),
        not_done=redact(change.risks),
        rules=change.rules,
        models=tuple(models),
        repairs=change.repairs,
        reviews=_told(change.reviews),
    )


def _told(reviews: Reviews) -> Reviews:
    """The same without secrets in commands: what is run has to stay what it is, and what is shown has not."""

    def plain(one: ReviewFinding) -> ReviewFinding:
        return one.model_copy(update={"reproduction": Redactor().redact(one.reproduction)})

    newest, settled = reviews.newest, tuple(map(plain, reviews.settled))
    if newest is not None:
        newest = newest.model_copy(update={"findings": tuple(map(plain, newest.findings))})
    return reviews.model_copy(update={"newest": newest, "settled": settled})


def _spent(usage: Usage) -> dict[str, Any]:
    return {"usd": usage.usd, "turns": usage.turns, "tokens": usage.tokens}


def _earlier(change: Change) -> str:
    """The commit of this run that stands on the branch; empty if there is none yet."""
    has_pushed = change.pull_request_number is not None and change.head_sha != change.base_sha
    return change.head_sha if has_pushed else ""


async def _push(change: Change, world: World, patch: Patch, summary: str) -> None:
    on = _earlier(change)
    if on or change.failing:
        names = [one.name for one in change.failing]
        done = change.tried[-1] if change.tried else ""
        message = wording.mending_message(change.task, checks=names, summary=done, page_url=world.page_url)
    else:
        message = wording.commit_message(change.task, summary=summary, page_url=world.page_url)
    change.head_sha = await world.workspace.publish(
        patch,
        branch=change.branch,
        message=Redactor().redact(message),
        expected_sha=change.head_sha,
        parent_sha=on,
    )
    change.pushed, change.pushed_at, change.watched = digest(patch), world.now(), Watched()


@step("Say why it stopped")
async def explain(change: Change, world: World) -> None:
    """Leave an explanation for people. Nodes that know why have written it; a used-up one could not.

    If a pull request is open, its checks are red, and what was tried about that did not pass the gates here.
    """
    if not change.explanation and change.findings:
        change.explanation = wording.stopped_by_guards(change.findings, repairs=change.repairs)
    if not change.explanation:
        failed = [each for each in change.evidence if each.where is Where.AFTER and not each.ok]
        now, before = failures(change.report), failures(change.report_before)
        was_red_before = bool(now) and now <= before
        change.explanation = wording.still_red(failed, change.report, change.repairs, was_red_before=was_red_before)
    if change.findings:
        await _show_places(change, world)
    if change.pull_request_number:
        await leave_to_people(change, world)
    else:
        change.explanation = Redactor().redact(change.explanation)


async def _show_places(change: Change, world: World) -> None:
    """Have the check run show what gates found at its places. What a minion did after that may have moved them."""
    patch = await change_of(change, world.workspace)
    if change.guarded != digest(patch):
        return
    change.details = Redactor().redact(wording.stopped_here(patch, change.findings))
    if not change.pushed:  # else the check run's commit has other lines
        change.annotations = wording.annotations_of_a_stop(patch, change.findings)


async def leave_to_people(change: Change, world: World) -> None:
    """Say also in a comment on the pull request what people have to know who go on with it. Twice is once."""
    told = wording.handed_over(
        change.head_sha if change.pushed else change.base_sha,
        checks=change.checks,
        names=change.watched.names,
        failing=change.failing,
        tried=change.tried,
        why=change.explanation,
    )
    change.explanation = Redactor().redact(told)
    number = change.pull_request_number
    if not number or number == change.task.number:  # there the run's own comment says it
        return
    try:
        text = f"{change.explanation}\n\n{world.marker}"
        await world.forge.put_comment(number, world.marker, text, comment_id=None)
    except (Denied, NotFound) as error:
        _log.info("Nothing can be said on #%s: %s", number, error)
