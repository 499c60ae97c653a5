"""GitHub, as the App of the settings."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import httpx

from app.adapters.github import payloads
from app.adapters.github.app import App
from app.adapters.github.auth import AppAuth, KeyFile, KeyText
from app.adapters.github.forge import GitHubForges
from app.adapters.github.history import GitHubHistory
from app.adapters.github.lookups import Lookups
from app.adapters.github.pace import Paces
from app.adapters.github.tokens import Tokens
from app.adapters.store import PostgresStore
from app.adapters.workspace.workspace import Author
from app.core.errors import ForgeError, Unavailable
from app.core.events import Event
from app.core.pace import THE_APP, Allowance
from app.core.redaction import Redactor
from app.engine.dispatch import Blueprints
from app.settings import Settings


def chosen_paces(settings: Settings, store: PostgresStore | None = None) -> Paces:
    """How fast GitHub is called: by all workers on one store together, or by this process where there is none."""
    allowance = Allowance(
        write_spacing_s=settings.write_spacing_s,
        calls_at_once=settings.calls_at_once,
        creations_per_hour=settings.creations_per_hour,
    )
    if store is None or not settings.write_spacing_s:  # a loopback server: no database is asked before a call
        return Paces(allowance)
    return Paces(allowance, lambda installation_id: store.turns(settings.app_id, installation_id, allowance))


@asynccontextmanager
async def github(
    settings: Settings, redactor: Redactor, paces: Paces | None = None
) -> AsyncIterator[tuple[App, GitHubForges]]:
    """GitHub, as the App of the settings. Raises SettingsError if the key cannot be used."""
    paces = paces or chosen_paces(settings)
    text = settings.private_key.get_secret_value()
    key = (
        KeyFile(settings.private_key_file, on_secret=redactor.add)
        if settings.private_key_file
        else KeyText(text, on_secret=redactor.add)
    )
    async with httpx.AsyncClient(follow_redirects=False) as http:
        app = App(http, settings.api_url, AppAuth(settings.app_id, key), pace=paces.of(THE_APP))
        forges = GitHubForges(
            app,
            Tokens(app, on_secret=redactor.add),
            api_url=settings.api_url,
            git_url=settings.github_url,
            on_secret=redactor.add,
            paces=paces,
        )
        yield app, forges


async def commit_author(app: App, github_url: str) -> Author:
    """The App's own account, so that GitHub shows who made a commit. Raises Unavailable: that is asked again later."""
    try:
        login = (await app.identity()).login
    except ForgeError as error:
        raise Unavailable("GitHub does not say who this App is", detail=str(error)) from error
    return Author(login, f"{login}@users.noreply.{github_url.partition('://')[2].partition(':')[0]}")


def parser(settings: Settings) -> Callable[[str, dict[str, Any]], Event]:
    """Makes our words of what GitHub tells us."""
    return partial(
        payloads.parse, app_id=settings.app_id, label=settings.label, allowed_bots=frozenset(settings.allowed_bots)
    )


def history_of(settings: Settings, app: App, lookups: Lookups, *, blueprints: Blueprints) -> GitHubHistory:
    """What GitHub remembers."""
    return GitHubHistory(app, lookups, parser(settings), label=settings.label, blueprints=list(blueprints))
