"""Keep what set-up, tests and caches leave behind out of the change.

Repositories mostly ignore such files themselves, but not all do. A folder that holds a `.gitignore` with `*` is
invisible to git, itself included; that is how uv, ruff and pytest hide theirs. `CACHEDIR.TAG` marks others, such as
cargo's `target` (https://bford.info/cachedir/).
"""

from fnmatch import fnmatch
from typing import Final

from app.core.patch import Change as FileState
from app.core.patch import Patch
from app.core.workspace import Workspace
from blueprints.steps.change import Change

_FOLDERS: Final = (
    "__pycache__",
    ".venv",
    "*.egg-info",
    ".eggs",
    ".tox",
    ".nox",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    ".hypothesis",
    "htmlcov",
    "node_modules",
    ".nyc_output",
)
"""Names that tools give to folders of their own, and hardly a person does."""
_MOST_GENERATED: Final = 200
"""Files. Who makes more has to ignore them: guards would stop a change with all of them."""


async def change_of(change: Change, workspace: Workspace) -> Patch:
    """The change of the tree, without leftovers in the tools' own folders and without what set-up or tests made."""
    return (await _without_folders(workspace)).without(frozenset(change.generated))


async def _without_folders(workspace: Workspace) -> Patch:
    patch = await workspace.patch()
    added = [file.path for file in patch.files if file.change is FileState.ADDED]
    folders = {folder for path in added if (folder := _folder(path))}
    for folder in sorted(folders):
        await workspace.write(f"{folder}/.gitignore", b"*\n")
    return await workspace.patch() if folders else patch


async def tidy(workspace: Workspace) -> tuple[str, ...]:
    """Before anybody works: give files that set-up and tests changed back as they were, and hide new folders.

    Answers with what cannot be put away: new files among the repository's own.
    """
    files = (await _without_folders(workspace)).files
    if changed := [file.path for file in files if file.change is not FileState.ADDED]:
        await workspace.restore(changed)
    return tuple(file.path for file in files if file.change is FileState.ADDED)[:_MOST_GENERATED]


def _folder(path: str) -> str:
    """The part of `path` up to the first folder that is a tool's own; empty if there is none."""
    *parts, name = path.split("/")
    if parts and name == "CACHEDIR.TAG":
        return "/".join(parts)
    for at, part in enumerate(parts):
        if any(fnmatch(part, glob) for glob in _FOLDERS):
            return "/".join(parts[: at + 1])
    return ""
