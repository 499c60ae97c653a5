"""Migrate: the same change in every place that it is for, until none is left. Many places are counted by a command."""

import re
import shlex
from collections.abc import AsyncIterator, Iterator
from typing import ClassVar, Final, Literal

from app.core.blueprint import Blueprint, agent, step
from app.core.budget import Budget
from app.core.errors import RepositoryError
from app.core.fence import fenced
from app.core.guards import Finding, Weight
from app.core.migration import Scope, scope_of
from app.core.patch import Change as FileState
from app.core.patch import Patch
from app.core.redaction import Redactor
from app.core.wording import migration as words
from app.core.world import World
from blueprints.steps.change import Change, NewTests
from blueprints.steps.ci import watch
from blueprints.steps.codemods import NONE, rewrite
from blueprints.steps.delivery import explain
from blueprints.steps.gates import checked, lint
from blueprints.steps.leftovers import change_of
from blueprints.steps.preparation import prepare
from blueprints.steps.ways import to_a_pull_request
from blueprints.steps.work import Worked, implemented

LEFT: Final = "places left"
"""The check of what is left, as people read it."""
_MOST_SHOWN: Final = 200
"""Places that a minion is told of; it can look for the others by itself."""
_MOST_SENT_BACK: Final = 20
"""Places of one text."""
_LONGEST_LINE: Final = 200
"""Characters of a line that is shown."""
_SEARCHED: Final = frozenset({0, 123})
"""How xargs ends when grep found something everywhere, and when it did not in some of the files:
https://www.gnu.org/software/findutils/manual/html_node/find_html/xargs-options.html
"""
_BEHIND_A_PATH: Final = re.compile(r":(\d+)(?=:)")
_SEARCH_S: Final = 120.0
"""For one text in all files: some hundred megabytes a second."""


class Migration(Change):
    """A migration under way."""

    demands: ClassVar[str] = (
        "It is a migration: one change, made alike in every place that it is for, and nothing else. Texts that the "
        "issue lists behind `gone:` may stand nowhere afterwards but in files behind `except:`; if it has a line "
        "`within:`, nothing outside of that may change."
    )
    new_tests: ClassVar[NewTests] = "never"
    tidies_others: ClassVar[bool] = False

    places: str = ""
    """Where it has to be changed, a line for each place, as far as the issue says by which text one is known."""


@step("Find the places")
async def find(migration: Migration, world: World) -> Literal["found", "nothing", "too many"]:
    """Look for what the issue wants to be gone; without a line that says so, finding them is the minion's work."""
    scope = scope_of(migration.task)
    if not scope.gone:
        return "found"
    paths = scope.searched(await world.workspace.listed())
    places = [each for text in scope.gone async for each in _places(world, text, paths)]
    if not places:
        migration.explanation = words.nothing_to_migrate(scope.gone, scope.within)
        return "nothing"
    files = {place.rpartition(":")[0] for place, _ in places}
    if len(files) > migration.config.max_files:  # no change of all of them would be let pass
        migration.explanation = words.too_many_files(len(files), migration.config.max_files)
        return "too many"
    shown = [f"{place}: {line}" for place, line in places[:_MOST_SHOWN]]
    more = [f"… and {len(places) - _MOST_SHOWN} more"] if len(places) > _MOST_SHOWN else []
    migration.places = Redactor().redact("\n".join([*shown, *more]))
    return "found"


@agent("Migrate the places", prompt="implement.md", budget=Budget(), role="implement")
async def implement(migration: Migration, world: World) -> Worked:
    """Let a minion make the change in all of them."""
    known = fenced(migration.places, "where a command of ours found it") if migration.places else "Find them yourself."
    return await implemented(migration, world, {"places": known, "codemods": migration.rewritten or NONE})


@step("See what is left")
async def left(migration: Migration, world: World) -> Literal["pass", "mend", "stop"]:
    """Send back places that were forgotten, and what was changed outside of what may change."""
    scope = scope_of(migration.task)
    patch = await change_of(migration, world.workspace)
    found = [*_outside(scope, patch)]
    added = [file.path for file in patch.files if file.change is not FileState.DELETED]
    paths = scope.searched(sorted({*await world.workspace.listed(), *added}))
    for text in scope.gone:
        places = [place async for place, _ in _places(world, text, paths)]
        for path, _, line in (place.rpartition(":") for place in places[:_MOST_SENT_BACK]):
            sentence = words.still_there(text)
            found.append(Finding(guard=LEFT, sentence=sentence, path=path, line=int(line), weight=Weight.MEND))
    return checked(migration, LEFT, found)


def _outside(scope: Scope, patch: Patch) -> Iterator[Finding]:
    for file in patch.files:
        if not scope.may_change(file.path):
            sentence = words.outside_of(scope.within)
            yield Finding(guard=LEFT, sentence=sentence, path=file.path, weight=Weight.MEND)


async def _places(world: World, text: str, paths: list[str]) -> AsyncIterator[tuple[str, str]]:
    """Where the text stands in the tree, as `path:line`, each with its line."""
    if not paths:
        return
    search = f"xargs -0 grep -InsHF -e {shlex.quote(text)} --"
    listed = "\0".join(paths).encode(errors="surrogateescape")
    result = await world.sandbox.run(search, timeout_s=_SEARCH_S, stdin=listed)
    if result.exit_code not in _SEARCHED:
        raise RepositoryError(words.not_searched(text, result.exit_code))
    known = set(paths)
    for said in result.output.split("\n"):
        # Names of files may hold what grep puts behind them.
        for match in _BEHIND_A_PATH.finditer(said):
            if said[: match.start()] in known:
                yield f"{said[: match.start()]}:{match[1]}", said[match.end() + 1 :].strip()[:_LONGEST_LINE]
                break


BLUEPRINT: Final[Blueprint[Migration]] = Blueprint(
    name="migrate",
    summary="Make one change in many places, until none is left: in a repository, or as a campaign in many",
    state=Migration,
    start=prepare,
    checks=watch,
    version=3,
    goes_on_from=1,
    edges={
        prepare: {"ready": find, "cannot": explain},
        find: {"found": rewrite, "nothing": explain, "too many": explain},
        rewrite: {"applied": implement, "none": implement},
        implement: {"changed": lint, "gave up": explain},
        **to_a_pull_request(checks=[left]),
    },
)
