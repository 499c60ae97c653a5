"""Servers of the Model Context Protocol that the operator named: programs on this machine, or addresses.

They run outside of the box, with what the operator gives them. Each call has a connection of its own, as each command
has a shell of its own: nothing of it is left when the worker dies, and nothing is shared between runs. The SDK is
imported when it is wanted for the first time; it takes seconds.
"""

import asyncio
import importlib
import json
import logging
import os
import re
import tomllib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from app.core.errors import SettingsError
from app.core.outside import Offer, Said
from app.core.redaction import Redactor
from app.core.visible import visible

_log = logging.getLogger(__name__)

_LIST_S: Final = 30.0
"""Until a server said what it has: a program in Python takes some seconds to start."""
_MOST_PURPOSE: Final = 1_000
_MOST_SCHEMA: Final = 8_000
"""Characters. Models read each tool in each turn, and we pay for it."""
_MOST_TEXT: Final = 200_000
"""Characters of an answer that are looked at; a model is shown less."""
_MOST_PAGES: Final = 20
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_HEADER: Final = re.compile(r"[!-~]+( [!-~]+)*")


class Server(BaseModel):
    """One server, as the operator's file says it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = Field(default_factory=dict)
    """Variables of the program, besides PATH, HOME and the like."""
    environment_from: tuple[str, ...] = ()
    """Names of variables of the worker's that the program gets, too."""
    url: str = ""
    authorization_file: Path | None = None
    authorization_env: str = ""
    tools: Mapping[str, tuple[str, ...]]
    """Which tools minions of a role may use, by the role, or by BLUEPRINT:ROLE."""
    may_write: tuple[str, ...] = ()
    """Those of them that may be used although the server does not say that they only read."""
    timeout_s: float = Field(default=60.0, gt=0, le=600)

    @field_validator("name")
    @classmethod
    def _named(cls, value: str) -> str:
        if not _NAME.fullmatch(value):
            raise ValueError("small letters, digits, - and _ only, 32 at most")
        return value

    @model_validator(mode="after")
    def _one_way(self) -> "Server":
        if bool(self.command) == bool(self.url):
            raise ValueError("needs either a command or a url")
        if self.url and not self.url.startswith(("https://", "http://")):
            raise ValueError("the url must begin with https://")
        if self.command and (self.authorization_file or self.authorization_env):
            raise ValueError("an authorization is for a url; give a program its secrets by environment_from")
        return self

    def allowed(self, blueprint: str, role: str) -> tuple[str, ...]:
        """Names of the tools that minions of this role may use in this blueprint."""
        return self.tools.get(f"{blueprint}:{role}", self.tools.get(role, ()))

    def authorization(self) -> str:
        """The header's value; empty if there is none. Raises ValueError if it is no header."""
        if not self.authorization_file and not self.authorization_env:
            return ""
        said = self.authorization_file.read_text("utf-8") if self.authorization_file else None
        value = (os.environ.get(self.authorization_env, "") if said is None else said).strip()
        if not _HEADER.fullmatch(value):
            raise ValueError(f"the authorization of {self.name} is empty or not one line, such as: Bearer …")
        return value


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    server: tuple[Server, ...] = ()


def servers(file: Path, find: Callable[[str], object] = find_spec) -> Sequence[Server]:
    """The servers of a file. Raises SettingsError if it cannot be used, or if the SDK is not installed."""
    try:
        said = _File.model_validate(tomllib.loads(file.read_text(encoding="utf-8"))).server
        for one in said:
            one.authorization()
    except ValidationError as error:
        # Only the place and the rule are told: the value may be a secret.
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise SettingsError(f"MINIONS_MCP_FILE cannot be used: {faults}") from None
    except (OSError, ValueError) as error:
        raise SettingsError(f"MINIONS_MCP_FILE cannot be used: {error}") from None
    if len({one.name for one in said}) < len(said):
        raise SettingsError("MINIONS_MCP_FILE cannot be used: two servers have the same name.")
    if said and find("mcp") is None:
        raise SettingsError("MINIONS_MCP_FILE names servers, but the package `mcp` is missing: pip install 'mcp>=2'.")
    return said


class McpServers:
    """Implements `Servers`. What each server has is asked once, and known until this process ends."""

    def __init__(self, named: Sequence[Server], redactor: Redactor) -> None:
        self._servers = {one.name: one for one in named}
        self._known: dict[str, Sequence[Any]] = {}
        self._asked: dict[str, asyncio.Task[Sequence[Any]]] = {}
        """Servers that are being asked what they have: whoever else wants to know waits for the same answer."""
        for one in named:
            secrets = [one.authorization(), one.authorization().rpartition(" ")[2]]
            for secret in filter(None, [*secrets, *(os.environ.get(name, "") for name in one.environment_from)]):
                redactor.add(secret)
        self._clean = redactor.redact

    async def offers(self, blueprint: str, role: str) -> Sequence[Offer]:
        """As `Servers` says."""
        found: list[Offer] = []
        named = [one for one in self._servers.values() if one.allowed(blueprint, role)]
        for server, tools in zip(named, await asyncio.gather(*map(self._tools, named)), strict=True):
            wanted, has = server.allowed(blueprint, role), {tool.name: tool for tool in tools}
            if missing := sorted(set(wanted) - has.keys()):
                _log.warning("The server %s does not have: %s", server.name, ", ".join(missing))
            found += [offer for name in wanted if name in has and (offer := _offer(server, has[name]))]
        return found

    async def call(self, offer: Offer, arguments: Mapping[str, Any], *, timeout_s: float) -> Said:
        """As `Servers` says."""
        server = self._servers.get(offer.server)
        if server is None:
            return Said(text=f"There is no server {offer.server!r} any more.", ok=False)
        limit_s = min(timeout_s, server.timeout_s)
        try:
            async with asyncio.timeout(limit_s), _connected(server) as client:
                result = await client.call_tool(offer.tool, dict(arguments))
                text, ok = _text(result), not result.is_error
        except TimeoutError:
            text, ok = f"It did not answer within {limit_s:.0f} seconds.", False
        except Exception as error:  # an outermost edge: another's program, by another's library
            text, ok = _why(error), False
            _log.warning("The server %s failed: %s", server.name, self._shown(text))
        if not ok:  # it may have other tools by now: the next run asks it
            self._known.pop(server.name, None)
        return Said(text=self._shown(text), ok=ok)

    def _shown(self, text: str) -> str:
        """The beginning of a text, without secrets: looking for them in ten megabytes would hold up everybody."""
        return self._clean(text[: 2 * _MOST_TEXT])[:_MOST_TEXT]

    async def missing(self) -> Sequence[str]:
        """What the operator named and minions do not get, a sentence each."""
        found = []
        for server in self._servers.values():
            has = {tool.name: tool for tool in await self._tools(server)}
            if not has:
                found.append(f"The server {server.name} does not say what it has; the log says why.")
                continue
            for name in sorted({name for names in server.tools.values() for name in names}):
                if name not in has:
                    found.append(f"The server {server.name} has no tool {name!r}; it has {', '.join(sorted(has))}.")
                elif not _offer(server, has[name]):
                    found.append(f"{name!r} of the server {server.name} may write, or is too long: see may_write.")
        return found

    async def _tools(self, server: Server) -> Sequence[Any]:
        """What the server has; nothing if it does not say, and it is asked again next time."""
        if server.name in self._known:
            return self._known[server.name]
        if server.name not in self._asked:
            self._asked[server.name] = asyncio.create_task(self._ask(server))
        return await asyncio.shield(self._asked[server.name])

    async def _ask(self, server: Server) -> Sequence[Any]:
        try:
            async with asyncio.timeout(min(_LIST_S, server.timeout_s)), _connected(server) as client:
                self._known[server.name] = await _listed(client)
        except Exception as error:  # as above
            _log.warning("The server %s does not say what it has: %s", server.name, self._shown(_why(error)))
            return ()
        finally:
            del self._asked[server.name]
        return self._known[server.name]


async def _listed(client: Any) -> Sequence[Any]:
    tools: list[Any] = []
    cursor = None
    for _ in range(_MOST_PAGES):
        page = await client.list_tools(cursor=cursor)
        tools += page.tools
        cursor = page.next_cursor
        if not cursor:
            break
    return tools


def _offer(server: Server, tool: Any) -> Offer | None:
    """None for a tool that may write, and was not allowed to by name, or that takes too long to explain."""
    only_reads = bool(tool.annotations and tool.annotations.read_only_hint)
    if not only_reads and tool.name not in server.may_write:
        _log.warning(
            "%s of the server %s does not say that it only reads: name it in may_write", tool.name, server.name
        )
        return None
    parameters = tool.input_schema or {"type": "object", "properties": {}}
    if len(json.dumps(parameters)) > _MOST_SCHEMA:
        _log.warning("%s of the server %s has a schema that is too long to be told", tool.name, server.name)
        return None
    purpose = visible(tool.description or tool.name).strip()[:_MOST_PURPOSE]
    return Offer(server=server.name, tool=tool.name, purpose=purpose, parameters=parameters, only_reads=only_reads)


@asynccontextmanager
async def _connected(server: Server) -> AsyncIterator[Any]:
    """A client of the server, for as long as this lasts; a program ends with it."""
    sdk = await asyncio.to_thread(importlib.import_module, "mcp")
    if server.command:
        passed = {name: os.environ[name] for name in server.environment_from if name in os.environ}
        program = sdk.StdioServerParameters(
            command=server.command[0], args=list(server.command[1:]), env={**server.environment, **passed}
        )
        # What it says there, nobody has redacted.
        with await asyncio.to_thread(Path(os.devnull).open, "w", encoding="utf-8") as nowhere:
            async with sdk.Client(sdk.stdio_client(program, errlog=nowhere), cache=None) as client:
                yield client
        return
    http = await asyncio.to_thread(importlib.import_module, "httpx2")
    by_http = await asyncio.to_thread(importlib.import_module, "mcp.client.streamable_http")
    headers = {"Authorization": value} if (value := server.authorization()) else {}
    async with (
        http.AsyncClient(headers=headers, timeout=server.timeout_s, follow_redirects=False) as plain,
        sdk.Client(by_http.streamable_http_client(server.url, http_client=plain), cache=None) as client,
    ):
        yield client


def _text(result: Any) -> str:
    """What a model can read of a result; of everything else, what it is."""
    parts = []
    for block in result.content:
        kind = getattr(block, "type", "?")
        if kind == "text":
            parts.append(block.text)
        elif kind == "resource" and getattr(block.resource, "text", None) is not None:
            parts.append(block.resource.text)
        elif kind == "resource_link":
            parts.append(f"[{block.uri}]")
        else:
            parts.append(f"[{kind}, which is not shown]")
    if not parts and result.structured_content is not None:
        parts.append(json.dumps(result.structured_content, ensure_ascii=False))
    return "\n".join(parts) or "[nothing]"


def _why(error: BaseException) -> str:
    """The innermost word for it: task groups wrap what happened in them."""
    while isinstance(error, BaseExceptionGroup) and error.exceptions:
        error = error.exceptions[0]
    return str(error) or type(error).__name__
