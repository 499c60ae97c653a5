"""How a run ends: with a pull request, or with an explanation."""

from app.core import wording
from app.core.blueprint import step
from app.core.errors import RepositoryError
from app.core.evidence import Where
from app.core.failures import failures
from app.core.redaction import Redactor
from app.core.world import World
from blueprints.steps.change import Change
from blueprints.steps.configuration import pull_request_template
from blueprints.steps.leftovers import change_of


@step("Open a pull request")
async def publish(change: Change, world: World) -> None:
    """Push the change, in the place of the branch's first commit, and open a pull request. Twice is once."""
    redactor = Redactor()
    summary = redactor.redact(change.summary)
    patch = await change_of(world.workspace)
    # The very change that is pushed, however the tree may have come to differ from what was guarded before.
    if findings := await world.guards.inspect(patch, change.config):
        raise RepositoryError(wording.stopped_by_guards(findings))
    message = redactor.redact(wording.commit_message(change.task, summary=summary, page_url=world.page_url))
    change.head_sha = await world.workspace.publish(
        patch, branch=change.branch, message=message, expected_sha=change.head_sha
    )
    if change.task.is_pull_request and change.pull_request_number is not None:
        return  # it was there before, in somebody's own words; the run's comment under it says what was done now
    facts = wording.PullRequestFacts(
        summary=summary,
        risks=redactor.redact(change.risks),
        evidence=change.evidence,
        patch=patch,
        guards=change.guards,
        rules=change.rules,
        model=change.model,
        usd=change.usage.usd if change.model else None,
        repairs=change.repairs,
        template=await pull_request_template(world.workspace),
    )
    pull_request = await world.forge.find_or_create_pull_request(
        branch=change.branch,
        base=change.base_branch,
        marker=world.marker,
        title=redactor.redact(wording.pull_request_title(change.task)),
        body=wording.pull_request_body(change.task, facts, page_url=world.page_url, marker=world.marker),
    )
    change.pull_request_number = pull_request.number
    change.pull_request_url = pull_request.url


@step("Say why it stopped")
async def explain(change: Change, world: World) -> None:
    """Leave an explanation for people. Nodes that know why have written it; a used-up one could not."""
    if not change.explanation:
        failed = [each for each in change.evidence if each.where is Where.AFTER and not each.ok]
        now, before = failures(change.report), failures(change.report_before)
        was_red_before = bool(now) and now <= before
        change.explanation = wording.still_red(failed, change.report, change.repairs, was_red_before=was_red_before)
    change.explanation = Redactor().redact(change.explanation)
