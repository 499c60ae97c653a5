"""The page that describes the HTTP API, made of its OpenAPI description. It needs nothing from elsewhere, no script."""

from collections.abc import Iterator, Mapping
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

_POLICY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


def reference(described: Mapping[str, Any]) -> HTMLResponse:
    """The page."""
    environment = Environment(
        loader=PackageLoader("app.web"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    schemas = described.get("components", {}).get("schemas", {})
    calls = list(_calls(described, schemas))
    text = environment.get_template("reference.html").render(info=described["info"], calls=calls)
    return HTMLResponse(text, headers=_POLICY)


def _calls(described: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    base = described["servers"][0]["url"]
    for path, verbs in described["paths"].items():
        for verb, call in verbs.items():
            sent = call.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
            yield {
                "verb": verb.upper(),
                "address": f"{base}{path}",
                "summary": call.get("summary", ""),
                "parameters": [
                    (one["name"], one["in"], one.get("description", ""), one.get("required", False))
                    for one in call.get("parameters", [])
                ],
                "body": list(_fields(sent, schemas)),
                "answers": [
                    (status, answer.get("description", ""), list(_fields(_schema(answer), schemas)))
                    for status, answer in call.get("responses", {}).items()
                ],
            }


def _schema(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    schema: Mapping[str, Any] = answer.get("content", {}).get("application/json", {}).get("schema", {})
    return schema


def _fields(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[tuple[str, str, str, bool]]:
    """Name, type, description, and whether it has to be there."""
    if "$ref" in schema:
        schema = schemas.get(schema["$ref"].rpartition("/")[2], {})
    wanted = schema.get("required", [])
    for name, one in schema.get("properties", {}).items():
        kinds = one.get("anyOf", [one])
        kind = " or ".join(str(part.get("format") or part.get("type") or "object") for part in kinds)
        yield name, kind, one.get("description", ""), name in wanted
