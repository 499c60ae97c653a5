"""Show by repetition that a test fails at times, and later that it does not any more."""

from typing import Final, Literal

from app.core.blueprint import step
from app.core.collection import listing
from app.core.enclosed import Enclosed
from app.core.evidence import Evidence, Where
from app.core.guards import Finding, Weight
from app.core.redaction import Redactor
from app.core.repetition import Measured
from app.core.sandbox import CommandResult, Sandbox
from app.core.single import alone, named, uncached
from app.core.wording import flakiness
from app.core.world import World
from blueprints.flaky.hiding import NAME as HIDDEN
from blueprints.flaky.hiding import hiding
from blueprints.steps.change import MOST_REPORT, Change
from blueprints.steps.gates import checked
from blueprints.steps.leftovers import change_of

REPEATED: Final = "repetition"
"""The gate's name, as people read it."""
MOST_RUNS: Final = 100
"""While it is to be reproduced. What fails in one of a hundred runs is found with 63 %."""
_FAILURES: Final = 5
"""So many are enough to say how often it fails."""
_CERTAIN: Final = 30
"""What failed in each of so many runs is red, not flaky: with 99 % it passes in less than a seventh of them. Of a test
that passes every other time, ten in a row would be one in a thousand, and people would be sent away for nothing."""
_MOST_S: Final = 900.0
"""Seconds of repetition while it is to be reproduced, by the commands' own time."""
_PROOF_S: Final = 2_700.0
"""Seconds that the proof may take, by what a run took before the change."""
_SLOWER: Final = 2
"""As many times that long it may take in the end: a change may make the test slower, but not by far."""
_LIST_S: Final = 300.0


class Flaky(Change):
    """A test that fails at times, and the work on it."""

    new_tests = "never"
    demands = (
        "A test that fails at times is to be made steady, and the proof is repetition. Nothing may skip it, run it "
        "again after a failure, or wait for some time: all of that is looked for. It has to check as much as it did."
    )

    repeated: str = ""
    """The command that fails at times."""
    measured: Measured = Measured(failed=0, runs=0)
    """How often it did before the change."""


@step("Reproduce it by repetition")
async def reproduce(flaky: Flaky, world: World) -> Literal["flaky", "cannot"]:
    """Run the test that the issue names, alone if that can be, until it has failed some times; count."""
    if not flaky.config.test:
        flaky.explanation = flakiness.nothing_to_repeat()
        return "cannot"
    flaky.repeated = await _command(flaky, world.sandbox)
    flaky.measured, last, seconds = await _measured(flaky, world.sandbox)
    failed, runs = flaky.measured.failed, flaky.measured.runs
    if not failed or last is None:
        flaky.explanation = flakiness.did_not_fail(flaky.repeated, runs)
        return "cannot"
    output = Redactor().redact(last.output)
    if failed == runs:
        flaky.explanation = flakiness.failed_each_time(flaky.repeated, runs, output)
        return "cannot"
    needed = flaky.measured.enough
    if needed * seconds / runs > _PROOF_S:
        flaky.explanation = flakiness.too_slow(flaky.repeated, int(_PROOF_S * runs / seconds), needed)
        return "cannot"
    flaky.report = output[-MOST_REPORT:]
    return "flaky"


async def _command(flaky: Flaky, sandbox: Sandbox) -> str:
    """The first test command that knows what the issue names, for that only; else all of them."""
    task = flaky.task
    text = f"{task.instructions}\n{task.title}\n{task.body}"
    commands = flaky.config.test or ()
    for command in commands:
        if how := listing(command):
            result = await sandbox.run(how.command, timeout_s=_LIST_S)
            if chosen := alone(command, named(text, how.read(result.output))):
                return chosen
    return " && ".join(map(uncached, commands))


async def _measured(flaky: Flaky, sandbox: Sandbox) -> tuple[Measured, CommandResult | None, float]:
    """How often it fails, the last failure, and the seconds that all of it took."""
    failed = runs = 0
    last: CommandResult | None = None
    seconds = 0.0
    while runs < MOST_RUNS and seconds < _MOST_S:
        result = await sandbox.run(flaky.repeated, timeout_s=flaky.config.test_timeout_s)
        runs, seconds = runs + 1, seconds + result.seconds
        if not result.ok:
            failed, last = failed + 1, result
        if failed == runs and runs >= _CERTAIN:
            break
        if failed >= _FAILURES and failed < runs and not result.ok:
            return Measured(failed=failed, runs=runs, stopped_early=True), last, seconds
    return Measured(failed=failed, runs=runs), last, seconds


@step("Look for what would hide it")
async def look(flaky: Flaky, world: World) -> Literal["pass", "mend", "stop"]:
    """Skips, further tries and waiting make a test look steady: none of them may come with the change."""
    return checked(flaky, HIDDEN, list(hiding((await change_of(flaky, world.workspace)).data)))


@step("Prove it by repetition")
async def repeat(flaky: Flaky, world: World) -> Literal["pass", "mend", "stop"]:
    """In a clean tree it may not fail once in so many runs that the old rate would have shown, with 99 %."""
    patch, needed = await change_of(flaky, world.workspace), flaky.measured.enough
    seconds, done = 0.0, 0
    failed: CommandResult | None = None
    async with world.clean.open(flaky.base_sha, patch=patch.data, set_up=flaky.config.setup or ()) as tree:
        while done < needed and failed is None and seconds < _SLOWER * _PROOF_S:
            result = await tree.sandbox.run(flaky.repeated, timeout_s=flaky.config.test_timeout_s)
            done, seconds = done + 1, seconds + result.seconds
            failed = None if result.ok else result
    ran = Evidence(
        command=f"{flaky.repeated}  # run {done} of {needed}",
        exit_code=failed.exit_code if failed else 0,
        seconds=seconds,
        where=Where.REPEATED,
        timed_out=bool(failed and failed.timed_out),
    )
    flaky.keep([ran], Where.REPEATED)
    if failed is None and done < needed:
        sentence = flakiness.slower_now(flaky.repeated, done, needed, seconds)
        return checked(flaky, REPEATED, [Finding(guard=REPEATED, sentence=sentence, weight=Weight.MEND)])
    if failed is None:
        said = flakiness.proved(flaky.repeated, flaky.measured, needed)
        flaky.enclosed = (Enclosed(title="How often it failed, before and after", said=said),)
        return checked(flaky, REPEATED, [])
    flaky.report = Redactor().redact(failed.output)[-MOST_REPORT:]
    sentence = f"{flakiness.fails_still(flaky.repeated, done, needed)}."
    return checked(flaky, REPEATED, [Finding(guard=REPEATED, sentence=sentence, weight=Weight.MEND)])
