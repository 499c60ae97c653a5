"""Whether anything is seen to be different with a change: a test or a command that fails without it."""

from collections.abc import Sequence
from typing import Final

from app.core import wording
from app.core.collection import narrowed
from app.core.defects import is_about_a_defect, is_about_something_new
from app.core.evidence import Where, evidence
from app.core.failures import failures
from app.core.guards import Finding, Weight
from app.core.sandbox import CommandResult, Sandbox
from app.core.world import World
from blueprints.steps.change import Change
from blueprints.steps.commands import report, run
from blueprints.steps.trees import Parts, run_tests, unless_allowed

NEW_TESTS: Final = "new tests"
MOST_CLAIMS: Final = 10


async def different(change: Change, world: World, parts: Parts) -> list[Finding]:
    """Try the tests of the change, and the commands that the minion named, in a tree without the rest of it."""
    is_tested = bool(change.config.test) and parts.touches_source and change.new_tests != "never"
    claimed = claims(change)
    by_tests = by_claims = False
    if (is_tested and parts.tests) or claimed:
        async with world.clean.open(change.base_sha, patch=parts.tests, set_up=change.config.setup or ()) as tree:
            if is_tested and parts.tests:
                by_tests = await _fail_by_themselves(change, tree.sandbox, parts) or _fails_anew(
                    change, await run_tests(change, tree.sandbox, Where.NEW_TESTS)
                )
            if not by_tests:
                by_claims = await _claims_fail(change, tree.sandbox, claimed)
    # What failed before and passes now is as good as a new test.
    is_mended = bool(change.failed_before) and not change.report
    is_shown = by_tests or is_mended
    if is_shown or by_claims:
        change.count(NEW_TESTS, wording.seen_to_differ(by_tests=by_tests, is_mended=is_mended))
    found = []
    if is_tested and not is_shown:
        found += _no_test(change, parts, by_claims=by_claims)
    if claimed and not (is_shown or by_claims):
        found.append(Finding(guard=NEW_TESTS, sentence=wording.claims_show_nothing(claimed), weight=Weight.REMARK))
    return found


def claims(change: Change) -> list[str]:
    """Commands that the minion named; the repository's own test commands are run anyway."""
    known = set(change.config.test or ())
    named = (command for command in dict.fromkeys(change.claimed) if command.strip() and command not in known)
    return list(named)[:MOST_CLAIMS]


def _no_test(change: Change, parts: Parts, *, by_claims: bool) -> list[Finding]:
    """What a change is told that no test shows. For something new, a command that shows it is enough."""
    is_for_a_defect = change.config.tests_for_bugs and is_about_a_defect(change.task)
    has_to_be = is_for_a_defect or change.new_tests == "always"
    is_for_something_new = change.config.tests_for_features and is_about_something_new(change.task)
    is_needed = has_to_be or (is_for_something_new and not by_claims)
    sentence = wording.no_test_fails_without_it(bool(parts.tests), or_a_command=not has_to_be)
    return [Finding(guard=NEW_TESTS, sentence=sentence, weight=unless_allowed(change) if is_needed else Weight.REMARK)]


async def _claims_fail(change: Change, sandbox: Sandbox, claimed: Sequence[str]) -> bool:
    """Whether a command that succeeds with the change fails here: one that succeeds in either case shows nothing."""
    results = await run(change, sandbox, claimed, Where.UNCLAIMED)
    return any(not result.ok for result in results)


async def _fail_by_themselves(change: Change, sandbox: Sandbox, parts: Parts) -> bool:
    """Whether the changed files of tests fail where they can be run without the others, which is faster."""
    for command in change.config.test or ():
        if not (alone := narrowed(command, parts.alone)):
            continue
        result = await sandbox.run(alone, timeout_s=change.config.test_timeout_s)
        if failures(report([result])) - failures(change.report_before):
            change.keep([evidence(result, Where.NEW_TESTS)], Where.NEW_TESTS)
            return True
    return False


def _fails_anew(change: Change, results: Sequence[CommandResult]) -> bool:
    """Whether something fails that did not on the base commit, as it was."""
    failed = [result for result in results if not result.ok]
    now = failures(report(failed))
    if now - failures(change.report_before):
        return True
    return any(result.command not in change.failed_before for result in failed)
