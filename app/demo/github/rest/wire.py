"""How requests are read and answers are paged."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from fastapi import Request
from pydantic import BaseModel, ConfigDict, ValidationError

from app.demo.github.refusal import Refusal

PER_PAGE = 30
MOST_PER_PAGE = 100
"""Both from docs.github.com, "Using pagination in the REST API"."""


class Sent(BaseModel):
    """A request body. Unknown fields are refused: GitHub ignores them, and so hides misspelt ones."""

    model_config = ConfigDict(extra="forbid", strict=True)


Body = TypeVar("Body", bound=Sent)
Thing = TypeVar("Thing")


def sent(model: type[Body]) -> Callable[[Request], Awaitable[Body]]:
    """A FastAPI dependency that reads the body as `model`. Raises Refusal: 400 if it is no JSON, else 422."""

    async def read(request: Request) -> Body:
        raw = await request.body()
        try:
            return model.model_validate_json(raw or b"{}")
        except ValidationError as error:
            found = error.errors(include_url=False)
            if any(one["type"] == "json_invalid" for one in found):
                raise Refusal(400, "Problems parsing JSON") from error
            raise Refusal(422, "Invalid request.\n\n" + "\n".join(_sentence(one) for one in found)) from error

    return read


def page(request: Request, things: Sequence[Thing]) -> tuple[Sequence[Thing], dict[str, str]]:
    """The page of `things` that the query asks for, and the Link header that leads to the others."""
    size = min(max(_number(request, "per_page", PER_PAGE), 1), MOST_PER_PAGE)
    at = max(_number(request, "page", 1), 1)
    last = max((len(things) + size - 1) // size, 1)
    targets = {"prev": at - 1, "next": at + 1, "last": last, "first": 1}
    if at >= last:
        del targets["next"], targets["last"]
    if at == 1:
        del targets["prev"], targets["first"]
    links = [link(request, word, {"page": str(number)}) for word, number in targets.items()]
    return things[(at - 1) * size : at * size], {"Link": ", ".join(links)} if links else {}


def link(request: Request, word: str, query: Mapping[str, str]) -> str:
    """One entry of a Link header: the same address with another query."""
    root = str(request.app.state.hub.url)
    return f'<{root}{request.url.path}?{urlencode({**request.query_params, **query})}>; rel="{word}"'


def _number(request: Request, name: str, default: int) -> int:
    value = request.query_params.get(name, "")
    return int(value) if value.isdecimal() else default


def _sentence(error: Mapping[str, Any]) -> str:
    """One thing that is wrong with a body, in GitHub's manner."""
    where = "/".join(str(step) for step in error["loc"])
    if error["type"] == "missing":
        return f'"{where}" wasn\'t supplied.'
    if error["type"] == "extra_forbidden":
        return f'"{where}" is not a permitted key.'
    if error["type"] == "string_too_long":
        most = error["ctx"]["max_length"]
        return f'For "{where}": Only {most} characters are allowed; {len(error["input"])} were supplied.'
    if error["type"] == "too_long":
        most = error["ctx"]["max_length"]
        return f'For "{where}": No more than {most} items are allowed; {len(error["input"])} were supplied.'
    return f'For "{where}": {error["msg"]}.'
