"""What a change has to show in trees that no minion was in: the tree of a minion is no proof.

Four trees, each made of the base commit, with another part of the change in it:

    all of it             the tests are green, there are no fewer of them, and what was claimed is true
    nothing               how many tests there were
    tests only            what is new in them fails without the rest, or else what was claimed
    all but the tests     the tests as they were still pass, or it is told which do not
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final, Literal

from app.core import wording
from app.core.blueprint import step
from app.core.collection import listing
from app.core.coverage import ChangedCoverage
from app.core.diff import file_diffs
from app.core.evidence import Where, evidence
from app.core.failures import failures
from app.core.guards import Finding, Weight
from app.core.node_tests import npm_listing
from app.core.sandbox import CommandResult, Sandbox
from app.core.workspace import CleanTree
from app.core.world import World
from blueprints.steps.change import Change
from blueprints.steps.commands import report, run
from blueprints.steps.difference import NEW_TESTS, claims, different
from blueprints.steps.gates import judged
from blueprints.steps.leftovers import change_of
from blueprints.steps.reports import reports
from blueprints.steps.trees import Parts, run_tests, unless_allowed

CLEAN: Final = "clean tree"
CLAIMS: Final = "claims"
COUNT: Final = "number of tests"
OLD_TESTS: Final = "old tests"
COVERAGE: Final = "coverage"
GATES: Final = (CLEAN, CLAIMS, COUNT, NEW_TESTS, OLD_TESTS, COVERAGE)
"""What is tried here, as people read it."""
_LIST_S: Final = 300.0
"""Seconds to list tests: nothing is run, but everything is imported."""

Names = frozenset[str] | None
"""Of tests; None where they cannot be told."""


@step("Prove it in a clean tree")
async def prove(change: Change, world: World) -> Literal["pass", "mend", "stop"]:
    """Try the change in trees of its own: what holds there is evidence, and what does not goes back to the minion."""
    parts = Parts.of(await change_of(change, world.workspace))
    for where in (Where.CLEAN, Where.CLAIMED, Where.NEW_TESTS, Where.UNCLAIMED, Where.OLD_TESTS):
        change.keep([], where)
    change.figures = {gate: figure for gate, figure in change.figures.items() if gate not in GATES}
    found, names = await _whole(change, world, parts)
    if not any(each.weight is not Weight.REMARK for each in found):
        found += await _fewer(change, world, names, parts)
        found += await different(change, world, parts)
        found += await _old_tests(change, world, parts)
    change.proof = tuple(each for each in found if each.weight is Weight.REMARK)
    change.guards = (*(name for name in change.guards if name not in GATES), *GATES)
    return judged(change, found)


async def _whole(change: Change, world: World, parts: Parts) -> tuple[list[Finding], Names]:
    """The whole change: the tests, and what was claimed. Also the names of the tests that there are now."""
    async with world.clean.open(change.base_sha, patch=parts.whole, set_up=change.config.setup or ()) as tree:
        names = await listed(change, tree)
        results = await run_tests(change, tree.sandbox, Where.CLEAN)
        found = [*_red(change, results)]
        if all(each.weight is Weight.REMARK for each in found):
            found += await _coverage(change, world, tree, parts)
            found += await _claims(change, tree.sandbox)
    return found, names


def _red(change: Change, results: Sequence[CommandResult]) -> Iterator[Finding]:
    """Commands that fail; a remark if nothing fails in them that did not fail before any change."""
    failed = [result for result in results if not result.ok]
    if not failed:
        return
    change.report = report(failed)
    now, before = failures(change.report), failures(change.report_before)
    if now and now <= before:
        yield Finding(guard=CLEAN, sentence=wording.fails_as_before(sorted(now)), weight=Weight.REMARK)
        return
    commands = [result.command for result in failed]
    yield Finding(guard=CLEAN, sentence=wording.red_in_a_clean_tree(commands), weight=Weight.MEND)


async def _claims(change: Change, sandbox: Sandbox) -> list[Finding]:
    """Run again what the minion said that shows it."""
    results = await run(change, sandbox, claims(change), Where.CLAIMED)
    failed = [result for result in results if not result.ok]
    if failed:
        change.report = report(failed)
    return [
        Finding(guard=CLAIMS, sentence=wording.claim_failed(evidence(result, Where.CLAIMED)), weight=Weight.MEND)
        for result in failed
    ]


async def _coverage(change: Change, world: World, tree: CleanTree, parts: Parts) -> list[Finding]:
    """What a report that the tests left says of the changed lines; nothing where there is none."""
    if world.coverage is None or not parts.touches_source:
        return []
    async for path, found in reports(tree):
        if told := await world.coverage.changed_lines(path, found, parts.rest):
            return _covered(change, told)
    return []


def _covered(change: Change, told: ChangedCoverage) -> list[Finding]:
    change.count(COVERAGE, wording.lines_run(told))
    if not told.missing:
        return []
    least = change.config.min_changed_coverage
    path, lines = next(iter(told.missing.items()))
    weight = Weight.MEND if told.per_cent < least else Weight.REMARK
    sentence = wording.lines_not_run(told, least if told.per_cent < least else 0)
    return [Finding(guard=COVERAGE, sentence=sentence, path=path, line=lines[0], weight=weight)]


async def listed(change: Change, tree: CleanTree) -> Names:
    """Names of all tests, where every test command can be asked for them."""
    names: frozenset[str] = frozenset()
    for command in change.config.test or ():
        how = listing(command) or npm_listing(command, await _package(tree))
        if how is None:
            return None
        result = await tree.sandbox.run(how.command, timeout_s=_LIST_S)
        if result.left_out_bytes or result.timed_out:
            return None
        found = how.read(result.output)
        names |= frozenset(f"{command}: {name}" for name in found) if len(change.config.test or ()) > 1 else found
    return names


async def _package(tree: CleanTree) -> str:
    """The tree's own `package.json`; empty if it has none."""
    try:
        return (await tree.workspace.read("package.json")).decode(errors="replace")
    except OSError:
        return ""


async def _fewer(change: Change, world: World, now: Names, parts: Parts) -> list[Finding]:
    """Whether there are fewer tests than there were, or others in the place of some that the change does not touch."""
    if not change.config.test:
        return []
    if now is None:
        return [Finding(guard=COUNT, sentence=wording.tests_not_counted(), weight=Weight.REMARK)]
    async with world.clean.open(change.base_sha, set_up=change.config.setup or ()) as tree:
        before = await listed(change, tree)
    if not before:  # the base commit's own tests cannot be listed
        return [Finding(guard=COUNT, sentence=wording.tests_not_counted(), weight=Weight.REMARK)]
    change.count(COUNT, wording.tests_counted(len(before), len(now)))
    if len(now) < len(before):
        sentence = wording.fewer_tests(len(before), len(now), sorted(before - now))
        return [Finding(guard=COUNT, sentence=sentence, weight=unless_allowed(change))]
    if hidden := untouched(before, now, parts.whole):
        return [Finding(guard=COUNT, sentence=wording.tests_hidden(hidden), weight=unless_allowed(change))]
    return []


def untouched(before: frozenset[str], now: frozenset[str], patch: bytes) -> list[str]:
    """Tests that are gone though no line with their names went: something has them left out.

    Of one with cases it is enough that one case is there: cases are computed, and get other names.
    """
    left = {_PARAMETERS.sub("", name) for name in now}
    gone = [name for name in sorted(before) if _PARAMETERS.sub("", name) not in left]
    if not gone:
        return []
    went = {word for diff in file_diffs(patch).values() for line in diff.removed for word in _WORD.findall(line.text)}
    return [name for name in gone if went.isdisjoint(_WORD.findall(_PARAMETERS.sub("", name)))]


_PARAMETERS: Final = re.compile(r"\[.*\]$")
_WORD: Final = re.compile(r"\w{3,}")


async def _old_tests(change: Change, world: World, parts: Parts) -> list[Finding]:
    """Whether tests that were edited pass as they were. Those that do not were rewritten: a reviewer should know."""
    if not change.config.test or not parts.edited or not parts.rest:
        return []
    async with world.clean.open(change.base_sha, patch=parts.rest, set_up=change.config.setup or ()) as tree:
        results = await run_tests(change, tree.sandbox, Where.OLD_TESTS, parts.edited)
    failed = [result for result in results if not result.ok]
    if not failed:
        change.count(OLD_TESTS, wording.edited_tests_pass_as_they_were(len(parts.edited)))
        return []
    names, before, now = failures(report(failed)), failures(change.report_before), failures(change.report)
    if made_to_pass := sorted((names & before) - now):
        sentence = wording.test_made_to_pass(made_to_pass)
        return [Finding(guard=OLD_TESTS, sentence=sentence, weight=unless_allowed(change))]
    if names and not names - now:
        return []
    stops = Weight.PEOPLE if change.config.rewritten_tests == "stop" else Weight.REMARK
    commands = [result.command for result in failed]
    sentence = wording.tests_rewritten(sorted(names - now), commands)
    return [Finding(guard=OLD_TESTS, sentence=sentence, weight=unless_allowed(change, stops))]
