"""What is run in clean trees: the parts of a change, and the tests on one of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.core.allowances import allowed
from app.core.collection import narrowed, stands_alone
from app.core.diff import sections
from app.core.evidence import Where
from app.core.guards import Weight
from app.core.kinds import is_source, is_test
from app.core.patch import Change as FileState
from app.core.patch import Patch
from app.core.sandbox import CommandResult, Sandbox
from blueprints.steps.change import Change
from blueprints.steps.commands import run


@dataclass(frozen=True)
class Parts:
    """A change, and what of it goes in which tree."""

    whole: bytes
    tests: bytes
    rest: bytes
    """All but the tests."""
    edited: tuple[str, ...]
    """Paths of tests that were there, and are changed or go."""
    alone: tuple[str, ...]
    """Paths of changed tests that are there afterwards, and can be run without others."""
    touches_source: bool

    @classmethod
    def of(cls, patch: Patch) -> "Parts":
        """Take a patch apart."""
        files = [(is_test(path), data) for path, data in sections(patch.data)]
        tests = [file for file in patch.files if is_test(file.path)]
        return cls(
            whole=patch.data,
            tests=b"".join(data for is_tests, data in files if is_tests),
            rest=b"".join(data for is_tests, data in files if not is_tests),
            edited=tuple(file.path for file in tests if file.change is not FileState.ADDED),
            alone=tuple(
                file.path for file in tests if file.change is not FileState.DELETED and stands_alone(file.path)
            ),
            touches_source=any(is_source(file.path) for file in patch.files),
        )


async def run_tests(
    change: Change, sandbox: Sandbox, where: Where, files: Sequence[str] = ()
) -> Sequence[CommandResult]:
    """Run the test commands, for `files` only where that can be."""
    chosen = files if all(map(stands_alone, files)) else ()
    commands = [narrowed(command, chosen) or command for command in change.config.test or ()]
    return await run(change, sandbox, commands, where)


def unless_allowed(change: Change, otherwise: Weight = Weight.MEND) -> Weight:
    """What becomes of tests that are fewer or show less: a remark, if the task or the repository allows it."""
    is_allowed = "tests" in allowed(change.task) | frozenset(change.config.allow)
    return Weight.REMARK if is_allowed else otherwise
