"""`minions token …`: tokens of the HTTP API, on the database of this installation."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TypeVar

from app.adapters.postgres import EmbeddedPostgres
from app.adapters.store import ProcrastinateQueue, opened
from app.adapters.store.url import with_driver
from app.core.access import GLOB, LOGIN, NAME, ApiTokens, digest_of, new_secret
from app.core.errors import SettingsError
from app.database import check_tables, database
from app.settings import Settings

T = TypeVar("T")


def create(settings: Settings, name: str, login: str, repositories: Sequence[str]) -> str:
    """A new token, to be shown this once. Raises SettingsError if it cannot be used, or the name is taken."""
    if not NAME.fullmatch(name):
        raise SettingsError(f"{name!r} cannot be its name: take small letters, digits, `.`, `_` and `-`, 64 at most.")
    if not LOGIN.fullmatch(login := login.removeprefix("@")):
        raise SettingsError(f"{login!r} is no account on GitHub: give its login, such as ann.")
    globs = [glob.strip() for said in repositories for glob in said.split(",") if glob.strip()]
    if not globs or (wrong := [glob for glob in globs if not GLOB.fullmatch(glob)]):
        told = f"{wrong[0]!r} is none. " if globs else ""
        raise SettingsError(f"{told}Name repositories as OWNER/NAME, or with `*`, such as acme/*.")
    secret = new_secret()
    if _on_tokens(settings, lambda tokens: tokens.add(name, login, globs, digest_of(secret))) is None:
        raise SettingsError(f"There is a token {name!r} already: `minions token revoke {name}` makes it useless.")
    return secret


def revoke(settings: Settings, name: str) -> None:
    """Make a token useless, at once. Raises SettingsError if there is none of this name."""
    if not _on_tokens(settings, lambda tokens: tokens.revoke(name)):
        raise SettingsError(f"There is no token {name!r} that is in use. `minions token list` lists them.")


def listed(settings: Settings) -> str:
    """Every token, a line each; never its secret, which nobody has but who got it."""
    found = _on_tokens(settings, lambda tokens: tokens.all())
    rows = [("NAME", "ASKS AS", "REPOSITORIES", "CREATED", "LAST USED", "")]
    for one in found:
        state = f"revoked {_day(one.revoked_at)}" if one.revoked_at else ""
        rows.append((one.name, one.login, ",".join(one.repositories), _day(one.created_at), _day(one.used_at), state))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def _on_tokens(settings: Settings, do: Callable[[ApiTokens], Awaitable[T]]) -> T:
    async def on(url: str) -> T:
        async with opened(url, ProcrastinateQueue(url)) as store:
            return await do(store.api_tokens())

    with _reached(settings) as url:
        return asyncio.run(on(url))


@contextmanager
def _reached(settings: Settings) -> Iterator[str]:
    """The database: of a server that runs on this machine, if there is one, which has it up to date."""
    embedded = EmbeddedPostgres(settings.home)
    if settings.database_url or embedded.answers():
        url = with_driver(settings.database_url) if settings.database_url else embedded.url
        check_tables(url)
        yield url
        return
    with database(settings) as url:
        yield url


def _day(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d}" if at else "never"
