"""Which lines of the code that an issue names are run by tests: as they were, and with the change."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from app.core.coverage import ChangedCoverage
from app.core.guards import Finding, Weight
from app.core.neutral import code
from app.core.world import World
from blueprints.steps.change import Change
from blueprints.steps.reports import reports
from blueprints.steps.texts import text_before
from blueprints.tests.lines_run import PREPARE, SHOW, TRACER, added, measuring, told

COVERED: Final = "coverage of the code"
"""The check, as people read it."""
_MOST_FILES: Final = 20
_MOST_LINES: Final = 20
"""Numbers of lines that are named of one file."""
_SHOW_S: Final = 60.0

Covered = Mapping[str, ChangedCoverage]
"""By path of the code."""


async def covered(change: Change, world: World, paths: Sequence[str], patch: bytes = b"") -> Covered:
    """How much of these files the tests run with `patch` on the base; files that cannot be measured are left out."""
    paths, outputs = paths[:_MOST_FILES], list[str]()
    if not paths or not change.config.test:
        return {}
    async with world.clean.open(change.base_sha, patch=patch, set_up=change.config.setup or ()) as tree:
        await tree.sandbox.run(PREPARE, timeout_s=_SHOW_S, stdin=TRACER.encode())
        for command in change.config.test:
            await tree.sandbox.run(measuring(command, paths), timeout_s=change.config.test_timeout_s)
            outputs.append((await tree.sandbox.run(SHOW, timeout_s=_SHOW_S)).output)
        found = told(outputs, paths)
        rest = [path for path in paths if path not in found]
        texts = {path: await text_before(tree.workspace, path) for path in rest}
        if world.coverage is not None and rest:
            async for name, report in reports(tree):
                for path, text in texts.items():
                    one = await world.coverage.changed_lines(name, report, added({path: text}))
                    found |= {path: one} if one else {}
    return found


def judged_by_lines(
    before: Covered, after: Covered, meant: Mapping[str, Collection[int]], *, is_told: bool
) -> Iterator[Finding]:
    """What the change adds, as a remark; a finding to be mended if lines are left, none came, and nobody `is_told`.

    `meant` are lines of functions that the issue names, by path; empty where it names none.
    """
    both = [path for path in before if path in after]
    if not both:
        sentence = "How many lines of the code the tests run could not be measured."
        yield Finding(guard=COVERED, sentence=sentence, weight=Weight.REMARK)
        return
    measured = sum(before[path].measured for path in both)
    then, now = (measured - sum(map(len, _missing(each, both).values())) for each in (before, after))
    figures = (
        f"Of {measured} lines in {', '.join(map(code, both[:5]))} tests run {now} ({100 * now / measured:.0f} %); "
        f"before it were {then} ({100 * then / measured:.0f} %)."
    )
    old = {path: _within(lines, meant.get(path, ())) for path, lines in _missing(before, both).items()}
    left = {path: lines - set(after[path].missing.get(path, ())) for path, lines in old.items()}
    if any(left.values()) or not any(old.values()):
        yield Finding(guard=COVERED, sentence=figures, weight=Weight.REMARK)
        return
    places = "; ".join(f"{code(path)} {_numbers(lines)}" for path, lines in old.items() if lines)
    ask = "" if is_told else " Test what runs some of them; say in your summary which nothing can run."
    sentence = f"{figures} The new tests run no line that none ran before. Not run: {places}.{ask}"
    yield Finding(guard=COVERED, sentence=sentence, weight=Weight.REMARK if is_told else Weight.MEND)


def _missing(each: Covered, paths: Sequence[str]) -> dict[str, set[int]]:
    return {path: set(each[path].missing.get(path, ())) for path in paths}


def _within(lines: set[int], meant: Collection[int]) -> set[int]:
    return lines & set(meant) if meant else lines


def _numbers(lines: Collection[int]) -> str:
    more = [f"and {len(lines) - _MOST_LINES} more"] if len(lines) > _MOST_LINES else []
    return ", ".join([*map(str, sorted(lines)[:_MOST_LINES]), *more])
