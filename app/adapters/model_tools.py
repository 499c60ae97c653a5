"""How tools are described to servers that do not know all of JSON Schema."""

from collections.abc import Mapping
from typing import Any, Final

_LIMITS: Final = frozenset(
    {"minLength", "maxLength", "pattern", "format", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}
    | {"multipleOf", "minItems", "maxItems", "uniqueItems", "default", "additionalProperties", "$schema"}
)
"""Words of JSON Schema that some provider refuses: servers that make a grammar of it (llama.cpp, vLLM) and OpenAI's
strict mode know a part of them, and no two know the same."""


def plain_tool(tool: Mapping[str, Any]) -> dict[str, Any]:
    """The tool, in the chat-completions form, with what there is and not within which limits: we check those."""
    function = {name: value for name, value in tool["function"].items() if name != "strict"}
    return {**tool, "function": function | {"parameters": _plain(function["parameters"])}}


def _plain(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_plain(one) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    plain = {name: _plain(value) for name, value in schema.items() if name not in _LIMITS}
    if isinstance(properties := schema.get("properties"), Mapping):  # an argument may be called `pattern`
        plain["properties"] = {name: _plain(value) for name, value in properties.items()}
    return plain
