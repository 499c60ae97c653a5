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
