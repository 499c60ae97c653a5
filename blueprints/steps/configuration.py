"""Read from the base commit how a repository wants to be handled. What the tree says does not count."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextlib import suppress
from fnmatch import fnmatch, fnmatchcase
from typing import Any, Final

import yaml

from app.core.commented_json import parse
from app.core.detection import REQUIREMENTS_FOLDER, REQUIREMENTS_INSIDE, ROOT_FILES, TEST_FOLDERS, detect
from app.core.errors import ConfigError, RepositoryError
from app.core.layout import Layout
from app.core.repo_config import IMAGE_NAME, PATH, RepoConfig
from app.core.workspace import Workspace

_log = logging.getLogger(__name__)

Show = Callable[[str], Awaitable[bytes | None]]
"""`Workspace.show`."""

MOST_BYTES: Final = 64 * 1_024
"""Of `.github/minion.yml`; a hand-written one has some hundred."""
_MOST_LOOKED_AT: Final = 1024 * 1024
"""Bytes of each file that commands are told from; a larger one counts by its name only."""
_MOST_TESTS: Final = 20
"""Test files that are read to tell pytest from unittest."""
_DEV_CONTAINERS: Final = (".devcontainer/devcontainer.json", ".devcontainer.json")
_TEMPLATES: Final = tuple(
    f"{folder}{name}"
    for folder in (".github/", "", "docs/")
    for name in ("pull_request_template.md", "PULL_REQUEST_TEMPLATE.md")
)
"""https://docs.github.com/en/communities/using-templates-to-encourage-useful-issues-and-pull-requests"""


async def configuration(workspace: Workspace) -> RepoConfig:
    """What the repository says, and for commands that it does not say, what its files tell. Raises ConfigError."""
    said = await _said(workspace.show)
    await _check_folders(said.sparse, workspace)
    if None not in {said.setup, said.lint, said.test}:
        return said
    return said.over(await _detected(workspace))


async def layout(show: Show) -> Layout:
    """Which files the work tree holds. Everything, if the file cannot be used: `configuration` says so in the tree."""
    try:
        return (await _said(show)).layout
    except RepositoryError as error:
        _log.info("The work tree holds everything: %s", error)
        return Layout()


async def container_image(show: Show, *, own: str, allowed: Sequence[str]) -> str:
    """The image that the base commit asks for, or the installation's `own`, which may be empty.

    Of a dev container only `image` counts: nothing is built from a Dockerfile. An image that is not `allowed` (globs)
    is refused if it was meant for Minions, and passed over if it was meant for people. Raises ConfigError.
    """
    said = await _said(show)
    if said.image:
        if _is_allowed(said.image, own, allowed):
            return said.image
        raise ConfigError(
            f"{PATH} asks for the image `{said.image}`, which this installation does not allow. Choose another, or ask "
            f"its operator to name it in MINIONS_CONTAINER_IMAGES."
        )
    for path in _DEV_CONTAINERS:
        wanted = _image_of_dev_container(await show(path))
        if wanted and _is_allowed(wanted, own, allowed):
            return wanted
        if wanted is not None:
            why = f"its image {wanted} is not allowed here" if wanted else "it names no image that can be used"
            _log.info("The dev container in %s is passed over: %s.", path, why)
            break
    return own


async def pull_request_template(workspace: Workspace) -> str:
    """The repository's own template; empty if it has none."""
    for path in _TEMPLATES:
        if data := await workspace.show(path):
            return data[:MOST_BYTES].decode("utf-8", "replace")
    return ""


async def _said(show: Show) -> RepoConfig:
    data = await show(PATH)
    return RepoConfig() if data is None else parsed(data)


def parsed(data: bytes) -> RepoConfig:
    """What a `.github/minion.yml` says. Raises ConfigError."""
    return RepoConfig.parse(_read(data))


async def _check_folders(folders: Sequence[str], workspace: Workspace) -> None:
    for number, folder in enumerate(folders, 1):
        try:
            await workspace.paths(folder)
        except OSError:
            raise ConfigError(
                f"{PATH}: `sparse`, entry {number}, names the folder `{folder}`, which is not in the repository."
            ) from None


def _is_allowed(image: str, own: str, allowed: Sequence[str]) -> bool:
    return image == own or any(fnmatchcase(image, glob) for glob in allowed)


def _image_of_dev_container(data: bytes | None) -> str | None:
    """The `image` of the file; empty if it names none that can be used, such as a Dockerfile; None without a file.

    https://containers.dev/implementors/json_reference/
    """
    if data is None:
        return None
    with suppress(ValueError, RecursionError):
        said = parse(data[:MOST_BYTES].decode())
        image = said.get("image") if isinstance(said, dict) else None
        if isinstance(image, str) and re.fullmatch(IMAGE_NAME, image):
            return image
    return ""


async def _detected(workspace: Workspace) -> RepoConfig:
    names = await workspace.paths()
    wanted = [name for name in names if any(fnmatch(name, glob) for glob in ROOT_FILES)]
    wanted += [name for name in names if name.endswith(".py")][:_MOST_TESTS]
    wanted += REQUIREMENTS_INSIDE if f"{REQUIREMENTS_FOLDER}/" in names else ()
    for folder in TEST_FOLDERS:
        if f"{folder}/" in names:
            with suppress(OSError):
                inside = await workspace.paths(folder)
                wanted += [f"{folder}/{name}" for name in inside if name.endswith(".py")][:_MOST_TESTS]
    shown = {name: await workspace.show(name) for name in dict.fromkeys(wanted)}
    files = {name: data for name, data in shown.items() if data is not None and len(data) <= _MOST_LOOKED_AT}
    return await asyncio.to_thread(detect, files, names)


def _read(data: bytes) -> object:
    if len(data) > MOST_BYTES:
        raise ConfigError(f"{PATH} has {len(data):,} bytes; at most {MOST_BYTES:,} are read. Make it shorter.")
    try:
        return yaml.load(data, _Strict)  # noqa: S506 - a SafeLoader that refuses even more
    except yaml.MarkedYAMLError as error:
        where = f" in line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ConfigError(f"{PATH} is no YAML that can be used{where}: {error.problem}.") from None
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError, RecursionError):
        # All but the first: what PyYAML itself stumbles over, such as `!!bool maybe`.
        raise ConfigError(f"{PATH} is no YAML that can be used. Check it with a YAML linter.") from None


class _Strict(yaml.SafeLoader):
    """Refuses what is a mistake or an attack in a small file: a key twice, and references."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]  # PyYAML
            raise yaml.constructor.ConstructorError(
                None, None, "references (`*name`) are not allowed", event.start_mark
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - PyYAML's
        seen: set[object] = set()
        for key, _ in node.value:
            if key.value in seen if isinstance(key, yaml.ScalarNode) else False:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} is there twice", key.start_mark
                )
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else id(key))
        return super().construct_mapping(node, deep=deep)
