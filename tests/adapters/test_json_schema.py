from typing import Any

import pytest

from app.adapters.json_schema import JsonSchema

SCHEMA = {
    "type": "object",
    "required": ["name"],
    "properties": {"limits": {"type": "object", "properties": {"hold": {"type": "integer", "maximum": 5}}}},
}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"name": "a", "limits": {"hold": 5}}, []),
        (
            {"limits": {"hold": 6}},
            [("", "'name' is a required property"), ("limits.hold", "6 is greater than the maximum of 5")],
        ),
        ([], [("", "[] is not of type 'object'")]),
    ],
)
async def test_what_a_schema_does_not_allow(value: Any, told: list[tuple[str, str]]) -> None:
    found = await JsonSchema().mismatches(SCHEMA, value)
    assert found is not None
    assert sorted((one.at, one.message) for one in found) == told


@pytest.mark.hostile
@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "https://example.test/s.json"},
        {"$ref": "other.json"},
        {"$ref": "file:///etc/passwd"},
        {"type": "nonsense"},
        [],
        "x",
    ],
)
async def test_a_schema_that_cannot_be_used_says_nothing(schema: Any) -> None:
    assert await JsonSchema().mismatches(schema, {"a": 1}) is None


@pytest.mark.parametrize(
    ("path", "right", "wrong"),
    [
        ("deploy/docker-compose.prod.yml", {"services": {"a": {"image": "x"}}}, {"services": {"a": {"port": 80}}}),
        (
            ".readthedocs.yaml",
            {"version": 2, "build": {"os": "ubuntu-24.04", "tools": {"python": "3.12"}}},
            {"version": 2, "build": {"os": "ubuntu-24.04", "tool": {}}},
        ),
        (
            "Taskfile.yml",
            {"version": "3", "tasks": {"a": {"cmds": ["x"]}}},
            {"version": "3", "tasks": {"a": {"cmds": 7}}},
        ),
    ],
)
async def test_files_that_everybody_knows_have_their_tools_schema(path: str, right: Any, wrong: Any) -> None:
    known = JsonSchema().known(path)
    assert known
    assert await JsonSchema().mismatches(known[1], right) == []
    assert await JsonSchema().mismatches(known[1], wrong)


def test_every_schema_that_is_known_of_is_in_the_package() -> None:
    paths = (
        *("bitbucket-pipelines.yml", "cloudbuild.yaml", "codecov.yml", "compose.yaml", ".github/dependabot.yml"),
        *(".github/ISSUE_TEMPLATE/config.yml", ".github/ISSUE_TEMPLATE/bug.yml", ".mergify.yml", ".readthedocs.yml"),
        *("Taskfile.yml", ".travis.yml", ".woodpecker/test.yaml"),
    )
    assert [path for path in paths if JsonSchema().known(path) is None] == []
    assert JsonSchema().known("settings.yaml") is None
