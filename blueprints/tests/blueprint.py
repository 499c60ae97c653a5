"""Write tests: nothing else changes, and they notice mistakes in the code that no test noticed before."""

from collections.abc import Iterator, Sequence
from typing import ClassVar, Final, Literal

from app.core.blueprint import Blueprint, agent, step
from app.core.budget import Budget
from app.core.guards import Finding, Weight
from app.core.kinds import is_test
from app.core.patch import Change as FileState
from app.core.patch import Patch
from app.core.world import World
from blueprints.steps.change import Change
from blueprints.steps.ci import watch
from blueprints.steps.delivery import explain
from blueprints.steps.gates import checked, lint
from blueprints.steps.leftovers import change_of
from blueprints.steps.preparation import prepare
from blueprints.steps.texts import text_before, text_now
from blueprints.steps.ways import to_a_pull_request
from blueprints.steps.work import Worked, implemented
from blueprints.tests.lines_run import inside
from blueprints.tests.measuring import COVERED, covered, judged_by_lines
from blueprints.tests.mistakes import Mistake, mistakes, named, only_tests_changed, spread, targets

ONLY: Final = "only tests"
NOTICED: Final = "mistakes noticed"
_MOST: Final = 12
"""Mistakes that are tried, each with the tests as they were and, if those do not see it, with the new ones."""
_MOST_S: Final = 900.0
"""Seconds for all of them with the tests as they were; what is left then is not tried."""
_LONGER: Final = 3.0
"""Times that the tests take without a mistake, after which one that runs on counts as seen."""


class Tests(Change):
    """Tests under way."""

    demands: ClassVar[str] = (
        "Only tests may change. Small mistakes are put into the code that the issue names (a comparison, a constant, "
        "what is returned), one at a time: of those that the tests did not notice before, the new ones have to notice "
        "some, and you are told which they do not. Tests have to run lines of that code which none ran before."
    )
    tidies_others: ClassVar[bool] = False
    told: bool = False
    """Whether the minion was told of mistakes that its tests do not notice, which happens once."""
    told_of_lines: bool = False
    """Whether it was told that its tests run no line that none ran before, which happens once."""


@agent("Write the tests", prompt="implement.md", budget=Budget(), role="implement")
async def implement(tests: Tests, world: World) -> Worked:
    """Let a minion write the tests that the issue asks for."""
    return await implemented(tests, world)


@step("Keep to the tests")
async def only_tests(tests: Tests, world: World) -> Literal["pass", "mend", "stop"]:
    """Send back a change of anything but tests."""
    found = []
    for file in (await change_of(tests, world.workspace)).files:
        before = await text_before(world.workspace, file.path)
        if not is_test(file.path) and not only_tests_changed(
            file.path, before, await text_now(world.workspace, file.path)
        ):
            sentence = "This is no test, and nothing else was asked for. Leave it as it was."
            found.append(Finding(guard=ONLY, sentence=sentence, path=file.path, weight=Weight.MEND))
    return checked(tests, ONLY, found)


@step("Measure what tests run")
async def measure(tests: Tests, world: World) -> Literal["pass", "mend", "stop"]:
    """Compare which lines of the code the tests run now with those that they ran before."""
    patch = await change_of(tests, world.workspace)
    paths = await _targets(tests, patch, world)
    said = _said(tests)
    before = await covered(tests, world, paths)
    after = await covered(tests, world, paths, patch.data) if before else {}
    meant = {path: inside(path, await text_before(world.workspace, path), said) for path in before}
    found = [*judged_by_lines(before, after, meant, is_told=tests.told_of_lines)]
    tests.told_of_lines = tests.told_of_lines or any(each.weight is Weight.MEND for each in found)
    return checked(tests, COVERED, found)


@step("Put mistakes into the code")
async def notice(tests: Tests, world: World) -> Literal["pass", "mend", "stop"]:
    """Try mistakes that the tests as they were do not notice; the new tests have to notice some of them."""
    patch = await change_of(tests, world.workspace)
    chosen = await _chosen(tests, patch, world)
    missed = await _missed(tests, chosen, world, b"") if tests.config.test else []
    still = await _missed(tests, missed, world, patch.data) if missed else []
    found = [*_judged(tests, chosen, missed, still)]
    tests.told = tests.told or any(each.weight is Weight.MEND for each in found)
    return checked(tests, NOTICED, found)


def _said(tests: Tests) -> str:
    return f"{tests.task.title}\n{tests.task.body}\n{tests.task.instructions}"


async def _targets(tests: Tests, patch: Patch, world: World) -> list[str]:
    """Paths of the code that is to be tested."""
    changed = [file.path for file in patch.files if file.change is not FileState.DELETED]
    texts = [await text_now(world.workspace, path) for path in changed]
    return targets(_said(tests), "\n".join(texts), await world.workspace.listed())


async def _chosen(tests: Tests, patch: Patch, world: World) -> list[Mistake]:
    found: list[Mistake] = []
    for path in await _targets(tests, patch, world):
        found += mistakes(path, await text_before(world.workspace, path), _said(tests))
    return spread(found, _MOST)


async def _missed(tests: Tests, chosen: Sequence[Mistake], world: World, patch: bytes) -> list[Mistake]:
    """Those that the tests do not notice: as they were, or with the change."""
    if not chosen:
        return []
    async with world.clean.open(tests.base_sha, patch=patch, set_up=tests.config.setup or ()) as tree:

        async def run(limit_s: float) -> tuple[bool, float]:
            seconds = 0.0
            for command in tests.config.test or ():
                result = await tree.sandbox.run(command, timeout_s=limit_s)
                seconds += result.seconds
                if not result.ok:
                    return False, seconds
            return True, seconds

        is_green, took_s = await run(tests.config.test_timeout_s)
        if not is_green:
            return []  # red without a mistake: nothing can be told
        limit_s = min(took_s * _LONGER + 10, tests.config.test_timeout_s)
        missed, left_s = list[Mistake](), _MOST_S
        for mistake in chosen:
            right = await tree.workspace.read(mistake.path)
            await tree.workspace.write(mistake.path, mistake.text.encode() + _rest(mistake, right))
            is_green, took_s = await run(limit_s)
            await tree.workspace.write(mistake.path, right)
            missed += [mistake] if is_green else []
            left_s -= took_s
            if left_s < 0 and not patch:
                break
    return missed


def _rest(mistake: Mistake, right: bytes) -> bytes:
    """The tests that stand behind the code in the same file, as the tree has them."""
    _, mark, tests = right.partition(b"#[cfg(test)]")
    return mark + tests if mistake.path.endswith(".rs") else b""


def _judged(
    tests: Tests, chosen: Sequence[Mistake], missed: Sequence[Mistake], still: Sequence[Mistake]
) -> Iterator[Finding]:
    if not chosen:
        sentence = (
            "Whether the tests notice mistakes was not tried: none is known that fits into the code they are about."
        )
        yield Finding(guard=NOTICED, sentence=sentence, weight=Weight.REMARK)
    elif not missed:
        sentence = f"All {len(chosen)} mistakes that were tried are noticed by the tests as they were, too."
        yield Finding(guard=NOTICED, sentence=sentence, weight=Weight.REMARK)
    elif len(still) == len(missed):
        sentence = (
            f"Nothing that was put into the code and that the tests did not notice before is noticed by the new ones. "
            f"Write tests that fail with these: {named(still)}."
        )
        yield Finding(guard=NOTICED, sentence=sentence, weight=Weight.MEND)
    elif still:
        # Once only: a mistake that changes nothing anybody could see cannot be noticed.
        weight = Weight.REMARK if tests.told else Weight.MEND
        ask = "" if tests.told else " Test what somebody could see of them; say in your summary which change nothing."
        sentence = (
            f"Of {len(missed)} mistakes that no test noticed before, the new ones notice {len(missed) - len(still)}, "
            f"and not these: {named(still)}.{ask}"
        )
        yield Finding(guard=NOTICED, sentence=sentence, weight=weight)
    else:
        sentence = f"The new tests notice all {len(missed)} mistakes that were tried and that no test noticed before."
        yield Finding(guard=NOTICED, sentence=sentence, weight=Weight.REMARK)


BLUEPRINT: Final[Blueprint[Tests]] = Blueprint(
    name="tests",
    summary="Write tests of the code that the issue names, which notice mistakes that were put into it",
    state=Tests,
    start=prepare,
    checks=watch,
    version=2,
    goes_on_from=1,
    edges={
        prepare: {"ready": implement, "cannot": explain},
        implement: {"changed": lint, "gave up": explain},
        **to_a_pull_request(checks=[only_tests], proofs=[measure, notice]),
    },
)
