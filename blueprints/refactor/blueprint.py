"""Refactor: the same tests are green before and after, none of them was edited, and others find what they use."""

from collections.abc import Iterator
from typing import ClassVar, Final, Literal

from app.core.allowances import allowed
from app.core.blueprint import Blueprint, agent, step
from app.core.budget import Budget
from app.core.diff import sections
from app.core.failures import failures
from app.core.guards import Finding, Weight
from app.core.kinds import is_document, is_test
from app.core.patch import Change as FileState
from app.core.patch import Patch
from app.core.workspace import Workspace
from app.core.world import World
from blueprints.refactor.public import changes, public
from blueprints.steps.change import Change, NewTests
from blueprints.steps.ci import watch
from blueprints.steps.codemods import NONE, rewrite
from blueprints.steps.commands import report
from blueprints.steps.delivery import explain
from blueprints.steps.gates import checked, lint
from blueprints.steps.leftovers import change_of
from blueprints.steps.preparation import prepare
from blueprints.steps.proof import listed
from blueprints.steps.texts import text_before, text_now
from blueprints.steps.ways import to_a_pull_request
from blueprints.steps.work import Worked, implemented

KEPT: Final = "tests and names kept"
"""What is looked for in the change, as people read it."""
SAME: Final = "same before and after"
_KEEP: Final = "Keep it for who uses it: leave it, or import it where it was."


class Refactor(Change):
    """A refactoring under way."""

    demands: ClassVar[str] = (
        "It is a refactoring: nothing may do anything else than before. Tests that are there may not be edited, moved "
        "or taken out; new ones may come in files of their own, and have to pass on the code as it was, too. Public "
        "names and their parameters stay, unless the issue names them."
    )
    new_tests: ClassVar[NewTests] = "never"
    tidies_others: ClassVar[bool] = False


@agent("Refactor the code", prompt="implement.md", budget=Budget(), role="implement")
async def implement(refactor: Refactor, world: World) -> Worked:
    """Let a minion give the code another form."""
    return await implemented(refactor, world, {"codemods": refactor.rewritten or NONE})


@step("See what stayed")
async def keep(refactor: Refactor, world: World) -> Literal["pass", "mend", "stop"]:
    """Send back edited tests, and public names that went or are called otherwise, unless the issue names them."""
    patch = await change_of(refactor, world.workspace)
    found = [] if "tests" in allowed(refactor.task) | set(refactor.config.allow) else [*_edited(patch)]
    found += await _missed(refactor, patch, world.workspace)
    found += _added_only(patch)
    return checked(refactor, KEPT, found)


def _edited(patch: Patch) -> Iterator[Finding]:
    for file in patch.files:
        if is_test(file.path) and file.change is not FileState.ADDED:
            sentence = (
                "Tests may not change where nothing does anything else; bring it back as it was. If the issue asks for "
                "it, a person can allow it by `allow: tests`."
            )
            yield Finding(guard=KEPT, sentence=sentence, path=file.path, weight=Weight.MEND)


def _added_only(patch: Patch) -> Iterator[Finding]:
    """Code in another form has lines less; what only comes on top may be there for show. It may be all right, too."""
    code = [file for file in patch.files if not is_test(file.path) and not is_document(file.path)]
    if code and not any(file.deleted or file.change is FileState.DELETED or file.binary for file in code):
        sentence = "No line of code that was there is changed: it only adds. See whether the old form is still in use."
        yield Finding(guard=KEPT, sentence=sentence, path=code[0].path, weight=Weight.REMARK)


async def _missed(refactor: Refactor, patch: Patch, workspace: Workspace) -> list[Finding]:
    task = refactor.task
    said = f"{task.title}\n{task.body}\n{task.instructions}"
    now = {file.path: public(file.path, await text_now(workspace, file.path)) or {} for file in patch.files}
    anywhere = {name: told for names in now.values() for name, told in names.items()}
    found = []
    for file in patch.files:
        before = public(file.path, await text_before(workspace, file.path)) or {}
        # Of a file that the issue names, something may go to another.
        after = {**anywhere, **now[file.path]} if file.path in said else now[file.path]
        for change in changes(before, after, said):
            sentence = f"{change}, and the issue does not say so. {_KEEP}"
            found.append(Finding(guard=KEPT, sentence=sentence, path=file.path, weight=Weight.MEND))
    return found


@step("Try the same tests before and after")
async def compare(refactor: Refactor, world: World) -> Literal["pass", "mend", "stop"]:
    """Run the tests, new ones among them, on the code as it was: they pass there, too, and are the very same."""
    if not refactor.config.test:
        return checked(refactor, SAME, [])
    patch = await change_of(refactor, world.workspace)
    tests = b"".join(data for path, data in sections(patch.data) if is_test(path))
    set_up = refactor.config.setup or ()
    async with world.clean.open(refactor.base_sha, patch=patch.data, set_up=set_up) as tree:
        after = await listed(refactor, tree)
    async with world.clean.open(refactor.base_sha, patch=tests, set_up=set_up) as tree:
        before = await listed(refactor, tree)
        limit_s = refactor.config.test_timeout_s
        results = [await tree.sandbox.run(command, timeout_s=limit_s) for command in refactor.config.test]
    found = []
    named = failures(report(results)) - failures(refactor.report_before)
    others = {one.command for one in results if not one.ok} - set(refactor.failed_before)
    if red := sorted(named or others):
        shown = ", ".join(f"`{name[:200]}`" for name in red[:10])
        sentence = f"These tests pass now and fail on the code as it was, so something does something else: {shown}"
        found.append(Finding(guard=SAME, sentence=sentence, weight=Weight.MEND))
    if before and after and before != after:
        shown = ", ".join(f"`{name[:200]}`" for name in sorted(before ^ after)[:10])
        sentence = f"Not the same tests are found before and after: {shown}. Let the very same be found."
        found.append(Finding(guard=SAME, sentence=sentence, weight=Weight.MEND))
    return checked(refactor, SAME, found)


BLUEPRINT: Final[Blueprint[Refactor]] = Blueprint(
    name="refactor",
    summary="Give code another form that does the same, with the same tests green before and after",
    state=Refactor,
    start=prepare,
    checks=watch,
    version=2,
    goes_on_from=1,
    edges={
        prepare: {"ready": rewrite, "cannot": explain},
        rewrite: {"applied": implement, "none": implement},
        implement: {"changed": lint, "gave up": explain},
        **to_a_pull_request(checks=[keep], proofs=[compare]),
    },
)
