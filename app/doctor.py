"""`minions doctor`: everything that an installation needs, one line each, with what to do about what is missing."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sqlalchemy import create_engine, text
from sqlalchemy.exc import SQLAlchemyError

from app.adapters.github.permissions import EVENTS, PERMISSIONS
from app.adapters.litellm_library import warm_up
from app.adapters.mcp import McpServers
from app.adapters.mcp import servers as mcp_servers
from app.adapters.sandbox.egress.allow_list import PORT, is_public
from app.adapters.sandbox.egress.registries import reach
from app.adapters.sandbox.egress.tunnel import resolved
from app.adapters.signing import FILE, SigningKey
from app.adapters.slack.directory import directory
from app.adapters.store.url import with_driver
from app.adapters.workspace.folders import GIB, Ways
from app.boxes import chosen_boxes
from app.core.errors import MinionsError, Unavailable
from app.core.model import Model
from app.core.redaction import Redactor
from app.core.rollout import REVIEW
from app.core.wording.figures import counted
from app.github import github
from app.home import prepared_home
from app.log import redactor_of
from app.models import chosen_models, embedder
from app.operator_rules import operators_rules
from app.registry import load
from app.settings import Settings
from app.slack import threads

_RESOLVE_S: Final = 5.0
"""For each name; resolvers answer within milliseconds."""


@dataclass(frozen=True)
class Examined:
    """One thing that was looked at."""

    what: str
    sentences: tuple[str, ...]
    """What is wrong, and what to do; nothing if it is well."""
    remark: str = ""
    wishes: tuple[str, ...] = ()
    """What would be better, and how; runs are worked on all the same."""

    @property
    def is_well(self) -> bool:
        """Whether nothing has to be done."""
        return not self.sentences


def examine(settings: Settings, *, ask_model: bool, tell: Callable[[str], None] = print) -> int:
    """Look at everything and tell it; answer with the exit code: 0 if all is well."""

    async def look() -> bool:
        well = True
        async for one in _examined(settings, ask_model=ask_model):
            well = well and one.is_well
            tell(f"{'ok  ' if one.is_well else 'FAIL'}  {one.what}{f': {one.remark}' if one.remark else ''}")
            for sentence in (*one.sentences, *one.wishes):
                tell("".join(f"      {line}\n" for line in sentence.splitlines()).rstrip("\n"))
        tell("All is well." if well else "Something is missing. `minions demo` needs none of the settings.")
        return well

    return 0 if asyncio.run(look()) else 1


async def _examined(settings: Settings, *, ask_model: bool) -> AsyncIterator[Examined]:
    yield Examined("settings", tuple(settings.missing()))
    yield Examined("pages", (), *_pages(settings))
    async with _told("data folder") as one:
        one.remark = str(prepared_home(settings))
    yield one.done()
    if one.faults:
        return
    boxes = chosen_boxes(settings, redactor_of(settings))
    yield Examined("boxes", tuple(await boxes.check()), await boxes.kind())
    if boxes.protections:
        holding = sum(one.holds for one in boxes.protections)
        wishes = tuple(one.sentence for one in boxes.protections if not one.holds and not one.is_necessary)
        told = f"{holding} of {len(boxes.protections)} hold, each tried in a box just now"
        yield Examined("protections", (), told, wishes)
    ways = await asyncio.to_thread(Ways.of, settings.home)
    yield Examined("work trees", (), ways.told(int(settings.disk_gib * GIB)))
    for what, look in _looks(settings, ask_model=ask_model):
        async with _told(what) as one:
            one.remark = await look()
        yield one.done()


def _looks(settings: Settings, *, ask_model: bool) -> Iterator[tuple[str, Callable[[], Awaitable[str]]]]:
    """What is looked at besides, as far as it is set: its name, and what answers with a remark or raises."""
    yield "registries", lambda: _registries(settings)
    yield "search", _ripgrep
    yield "database", lambda: asyncio.to_thread(_database, settings)
    yield "GitHub App", lambda: _app(settings)
    yield "model", lambda: _model(settings, ask=ask_model)
    yield "reviews", lambda: _reviewer(settings, ask=ask_model)
    if settings.embedding_model:
        yield "search by meaning", lambda: _embedder(settings, ask=ask_model)
    yield "signing key", lambda: asyncio.to_thread(_signing_key, settings)
    yield "blueprints", lambda: asyncio.to_thread(lambda: ", ".join(load(settings.blueprints_folder)))
    if settings.slack_bot_token.get_secret_value() or settings.slack_signing_secret.get_secret_value():
        yield "Slack", lambda: asyncio.to_thread(_slack, settings)
    if rules := settings.rules_file:
        yield "the operator's rules", lambda: asyncio.to_thread(_rules, rules)
    if servers := settings.mcp_file:
        yield "tools from outside", lambda: _servers(servers, redactor_of(settings))


async def _ripgrep() -> str:
    if not shutil.which("rg"):
        raise MinionsError("ripgrep is missing: apt-get install ripgrep")
    return "ripgrep"


def _signing_key(settings: Settings) -> str:
    return SigningKey.at(settings.signing_key_file or settings.home / FILE).public.id[:16] + "…"


def _rules(file: Path) -> str:
    return counted(len(operators_rules(file)), "character")


def _pages(settings: Settings) -> tuple[str, tuple[str, ...]]:
    """Who can see the pages of runs, and what may be done about it."""
    if settings.signs_in:
        return "for those who sign in with GitHub", ()
    if settings.is_on_loopback:
        return "for everybody on this machine", ()
    wish = "Set MINIONS_CLIENT_ID and MINIONS_CLIENT_SECRET, so that people can sign in: until then nobody sees a page."
    return "closed", (wish,)


class _Telling:
    """Collects what is said about one thing."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.remark = ""
        self.faults: tuple[str, ...] = ()

    def done(self) -> Examined:
        return Examined(self.what, self.faults, self.remark)


@asynccontextmanager
async def _told(what: str) -> AsyncIterator[_Telling]:
    """Turn an error into its sentence."""
    one = _Telling(what)
    try:
        yield one
    except MinionsError as error:
        one.faults = (str(error), *([error.detail] if error.detail else []))


def _database(settings: Settings) -> str:
    if not settings.database_url:
        return "the embedded PostgreSQL, started with the server"
    engine = create_engine(with_driver(settings.database_url))
    try:
        with engine.connect() as connection:
            version = connection.execute(text("SHOW server_version")).scalar_one()
            connection.execute(text("CREATE TEMPORARY TABLE minions_doctor (id int)"))
            return f"PostgreSQL {version}"
    except SQLAlchemyError as error:
        raise MinionsError(
            "MINIONS_DATABASE_URL cannot be used: is it reachable, and may its user create tables?",
            detail=str(getattr(error, "orig", error)).strip(),
        ) from None
    finally:
        engine.dispose()


async def _registries(settings: Settings) -> str:
    allowed = reach(settings.registries, settings.egress_hosts, settings.registries_file)
    known = [*allowed.public, *allowed.own, *allowed.private]
    asked = [host for host in allowed.public if host not in allowed.own]
    found = await asyncio.gather(*map(_leads_inside, asked))
    inside = [host for host, is_inside in zip(asked, found, strict=True) if is_inside]
    if not inside:
        return counted(len(set(known)), "host")
    shown = ", ".join(inside[:3]) + (f" and {len(inside) - 3} more" if len(inside) > 3 else "")
    return (
        f"{counted(len(set(known)), 'host')}, but {shown} lead to addresses that are not public, where set-up commands "
        f"may not go; if those are mirrors of your network, name them in MINIONS_EGRESS_HOSTS"
    )


async def _leads_inside(host: str) -> bool:
    try:
        async with asyncio.timeout(_RESOLVE_S):
            return not all(is_public(address) for address in await resolved(host, PORT))
    except (OSError, TimeoutError):
        return False  # a machine without a way out, or without this registry


async def _app(settings: Settings) -> str:
    if not settings.app_id:
        raise MinionsError("Create a GitHub App from manifests/github-app/app.json; README.md says how.")
    async with github(settings, redactor_of(settings)) as (app, _):
        try:
            identity = await app.identity()
        except Unavailable as error:
            asked = f"{error} Is {settings.api_url} its REST API, and can this machine reach it?"
            raise MinionsError(asked, detail=error.detail) from None
        lacking = [f"{name}: {level}" for name, level in PERMISSIONS.items() if identity.permissions.get(name) != level]
        if lacking:
            raise MinionsError(f"Give the App these permissions on its page on GitHub: {', '.join(lacking)}.")
        installations = await app.installations()
    if not installations:
        raise MinionsError(f"{identity.slug} is not installed anywhere: install it on the repositories to work on.")
    suspended = sum(one.suspended_at is not None for one in installations)
    # Those of checks come with the permission, subscribed or not.
    unheard = [name for name in EVENTS if name not in identity.events and not name.startswith("check_")]
    return (
        f"{identity.slug}, {counted(len(installations), 'installation')}"
        + (f", {suspended} suspended" if suspended else "")
        + (f"; it does not hear of {', '.join(unheard)}: subscribe it on its page on GitHub" if unheard else "")
    )


async def _model(settings: Settings, *, ask: bool) -> str:
    if not settings.has_model:
        raise MinionsError("Set MINIONS_MODEL, for example to anthropic/claude-opus-4-8.")
    models = list(chosen_models(settings).at_work)
    if not ask:
        return f"{' and '.join(model.name for model in models)} (not asked; --ask-model asks for something)"
    return "; ".join([await _answered(model) for model in models])


async def _answered(model: Model) -> str:
    await warm_up()
    reply = await model.complete(
        [{"role": "user", "content": "Answer with the word yes."}], [], max_output_tokens=200, timeout_s=60
    )
    return f"{model.name} answered, ${reply.usage.usd:.5f}"


async def _reviewer(settings: Settings, *, ask: bool) -> str:
    models = chosen_models(settings)
    pair = models.pair(REVIEW, {})
    if pair is None:
        return "none, as the settings say"
    if REVIEW not in models.roles:
        return "by the model that works; one of another family in MINIONS_REVIEW_MODEL finds more"
    return await _answered(pair[0]) if ask else f"{pair[0].name} (not asked)"


async def _embedder(settings: Settings, *, ask: bool) -> str:
    model = embedder(settings)
    if model is None or not ask:
        return f"{settings.embedding_model} (not asked)"
    got = await model.embed(["a title", "a heading"], timeout_s=60)
    if got.error:
        raise got.error
    length = len(got.vectors[0] or ())
    return f"{model.name} answered with vectors of {counted(length, 'number')}, ${got.usage.usd:.6f}"


def _slack(settings: Settings) -> str:
    """Who is known. Slack itself is not asked."""
    wanted = {
        "MINIONS_SLACK_BOT_TOKEN": settings.slack_bot_token,
        "MINIONS_SLACK_SIGNING_SECRET": settings.slack_signing_secret,
    }
    for name, value in wanted.items():
        if not value.get_secret_value():
            raise MinionsError(
                f"Set {name} as well: without it Slack is heard and not answered, or the other way round."
            )
    threads(settings)
    known = directory(settings.slack_file)
    return f"{counted(len(known.people), 'person', 'people')}, {counted(len(known.channels), 'channel')}"


async def _servers(file: Path, redactor: Redactor) -> str:
    named = mcp_servers(file)
    if missing := await McpServers(named, redactor).missing():
        raise MinionsError("\n".join(missing))
    return counted(len(named), "server")
