from collections.abc import Callable
from typing import Any

import pytest

from app.core.errors import ConfigError
from blueprints.steps.configuration import configuration, container_image, layout, pull_request_template

pytestmark = pytest.mark.hostile


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "said",
    [
        *(
            "test: !!bool maybe",
            "test: !!timestamp soon",
            "test: !!int ''",
            "test: !!binary x",
            "- " * 30_000,
            "[" * 60_000,
        ),
        *(
            "{a: " * 16_000,
            "? [a]\n: 1",
            f"? {'1:' * 30_000}1\n: 1",
            "a: &a [*a]",
            "<<: x",
            "'" * 60_001,
            "\0",
            "#" * 70_000,
        ),
        *("!!python/object/apply:os.system [id]", "test: a\ntest: b", "!!set {a}", "x" * 60_000 + ": 1"),
    ],
)
async def test_what_cannot_be_used_is_said_and_breaks_nothing(rig: Callable[..., Any], said: str) -> None:
    workspace = rig({".github/minion.yml": said.encode()}).workspace
    with pytest.raises(ConfigError) as error:
        await configuration(workspace)
    assert len(str(error.value)) < 600


async def test_files_of_many_megabytes_are_not_read_for_commands(rig: Callable[..., Any]) -> None:
    files = {
        "pyproject.toml": b"[tool.pytest.ini_options]\n" + b"\n" * 2_000_000,
        "tests/test_a.py": b"def test_a(): 0",
    }
    run = rig(files)
    await run.workspace.check_out("b" * 40)
    assert (await configuration(run.workspace)).test == (".venv/bin/python -m pytest -q",)


async def test_a_folder_that_is_not_there_is_said(rig: Callable[..., Any]) -> None:
    run = rig({".github/minion.yml": b"test: make\nsparse: [libs/a, lib/b]", "libs/a/x": b""})
    await run.workspace.check_out("b" * 40)
    with pytest.raises(
        ConfigError, match="`sparse`, entry 2, names the folder `lib/b`, which is not in the repository"
    ):
        await configuration(run.workspace)


@pytest.mark.parametrize(
    ("said", "folders"),
    [(b"sparse: libs/a", ("libs/a",)), (b"sparse: []", ()), (b"test: make", ()), (b"sparse: ../x", ()), (b"[", ())],
)
async def test_of_a_file_that_cannot_be_used_the_tree_holds_everything(
    rig: Callable[..., Any], said: bytes, folders: tuple[str, ...]
) -> None:
    assert (await layout(rig({".github/minion.yml": said}).workspace.show)).folders == folders


async def test_of_a_long_template_only_the_beginning_is_read(rig: Callable[..., Any]) -> None:
    workspace = rig({".github/pull_request_template.md": b"x" * 3_000_000}).workspace
    assert len(await pull_request_template(workspace)) < 100_000


async def image(rig: Callable[..., Any], files: dict[str, bytes], *allowed: str, own: str = "own:1") -> str:
    return await container_image(rig(files).workspace.show, own=own, allowed=allowed)


class TestImage:
    async def test_is_the_installations_own_where_nothing_is_said(self, rig: Callable[..., Any]) -> None:
        assert await image(rig, {}) == await image(rig, {".github/minion.yml": b"test: make"}, "*") == "own:1"

    async def test_is_what_the_repository_says_if_that_is_allowed(self, rig: Callable[..., Any]) -> None:
        files = {".github/minion.yml": b"image: python:3.12", ".devcontainer.json": b'{"image": "node:22"}'}
        assert await image(rig, files, "node:*", "python:*") == "python:3.12"

    async def test_that_is_not_allowed_is_refused_with_a_sentence(self, rig: Callable[..., Any]) -> None:
        for said in (b"image: python:3.12", b"image: own:1-secret"):
            with pytest.raises(ConfigError, match=r"does not allow.*MINIONS_CONTAINER_IMAGES"):
                await image(rig, {".github/minion.yml": said}, "node:*")

    async def test_of_a_dev_container_counts_where_nothing_else_is_said(self, rig: Callable[..., Any]) -> None:
        files = {".devcontainer/devcontainer.json": b'{\n  // for people\n  "image": "node:22",\n}'}
        assert await image(rig, files, "node:*") == "node:22"

    @pytest.mark.parametrize(
        "said",
        [
            *(b'{"build": {"dockerfile": "Dockerfile"}}', b'{"image": "--privileged"}', b'{"image": ["node:22"]}'),
            *(b"[]", b"{", b"\xff", b"[" * 60_000, b'{"image": "another:1"}', b'{"image": "node:${localEnv:HOME}"}'),
        ],
    )
    async def test_of_a_dev_container_that_cannot_be_used_is_passed_over(
        self, rig: Callable[..., Any], said: bytes
    ) -> None:
        assert await image(rig, {".devcontainer.json": said}, "node:*") == "own:1"
