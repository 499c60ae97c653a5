"""What is said about the update of a dependency."""

from collections.abc import Sequence
from typing import Final

from app.core.evidence import Evidence
from app.core.neutral import code, neutral_line
from app.core.wording.explanations import ending, output_tail

_MOST: Final = 10
"""Packages that are named in one sentence."""


def updated(name: str, before: str, after: str, by: str) -> str:
    """One package, for the pull request's text and for minions."""
    start = f" from {code(before)}" if before else ""
    return f"{code(name)} was updated{start} to {code(after)} by {neutral_line(by)}."


def needed_nothing_else() -> str:
    """The tests pass with the new version as they are."""
    return "The tests pass with it as they are, so nothing else was changed."


def no_dependency(names: Sequence[str]) -> str:
    """What is asked for is in no manifest."""
    named = ", ".join(code(name) for name in names[:_MOST])
    found = (
        f"No manifest that can be updated here wants {named}" if named else "The issue names no dependency to update"
    )
    return (
        f"{found}. Name it as the manifest does, for example: update `requests` to 2.32.0. What yarn, Bun or PDM lock, "
        f"and files of requirements with hashes that no tool compiled, cannot be updated here."
    )


def left_out(names: Sequence[str], most: int) -> str:
    """More packages were named than one run updates."""
    named = ", ".join(code(name) for name in names[:_MOST])
    return f"Not updated, because one run updates {most} packages at most: {named}."


def no_version(names: Sequence[str]) -> str:
    """Nobody said which version, and the registry cannot be asked for its newest."""
    named = ", ".join(code(name) for name in names[:_MOST])
    return f"Which version of {named} is the newest cannot be told now. Say which one it is to be, and ask again."


def is_there_already(name: str, version: str) -> str:
    """There is nothing to do."""
    return f"{code(name)} stands at {code(version)} already, so there is nothing to update."


def updater_failed(failed: Evidence, output: str) -> str:
    """The ecosystem's own tool does not do it."""
    return (
        f"The update stopped at {code(failed.command[:300])}, which {ending(failed)}. Nothing was changed. Only "
        f"package registries can be reached. If other packages stand in the way, name them in the issue, too.\n\n"
        f"{output_tail(output)}"
    )


def not_installed(failed: Evidence, output: str) -> str:
    """The manifest could be updated, but what it wants now cannot be installed."""
    return (
        f"The manifest was updated, but its set-up then stopped at {code(failed.command[:300])}, which "
        f"{ending(failed)}. Nothing was proposed.\n\n{output_tail(output)}"
    )


def changed_nothing(name: str, version: str) -> str:
    """The tool ran through, and the package is not where it should be."""
    return (
        f"The updater ran through, but {code(name)} did not come to {code(version)}: something else in the repository "
        f"holds it back. Say in the issue what may be updated with it."
    )


def written_by_hand(path: str) -> str:
    """A lock file is not as the updater left it; said to a minion."""
    return (
        f"Only the updater writes {code(path)}, and this is not what it wrote. Give the file the contents that it had"
    )


def changelog_title(name: str, before: str, after: str) -> str:
    """Over an excerpt in the pull request."""
    return f"Change log of {neutral_line(name, 100)}, {f'from {before} ' if before else ''}to {after}"
