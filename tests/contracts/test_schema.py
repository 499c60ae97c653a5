"""What a program does about a database that is not as it needs it, and about another version's tables."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from app.adapters.revision import is_current, newest
from app.adapters.store import ProcrastinateQueue, migrations, opened
from app.adapters.store.schema import check, migrate
from app.core.errors import SettingsError
from app.core.run import Run, Status
from app.core.store import Draft
from app.core.task import Person, Repository, Task

pytestmark = pytest.mark.contract

TOOLS = [migrate, check]
VERSIONS = Path(migrations.__file__).parent / "versions"

LATER = '''
"""A migration of a later version."""

from alembic import op

revision = "9001"
down_revision = "{newest}"


def upgrade() -> None:
    op.execute("ALTER TABLE runs ADD COLUMN flavour TEXT NOT NULL DEFAULT 'plain'")
    op.execute("CREATE TABLE tastes (id BIGINT PRIMARY KEY)")
    {more}
'''
RAISES_THE_FLOOR = """op.execute("UPDATE floor SET oldest = '9001'")"""


def revision(url: str) -> str | None:
    engine = create_engine(url)
    with engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    engine.dispose()
    return found


def execute(url: str, *statements: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


@pytest.fixture
def empty_url(database_url: str) -> str:
    """A database without tables; as in every new one, anybody may look into its schema."""
    execute(
        database_url, "DROP SCHEMA public CASCADE", "CREATE SCHEMA public", "GRANT USAGE ON SCHEMA public TO public"
    )
    return database_url


@pytest.fixture
def later(database_url: str, tmp_path: Path) -> Callable[[str], None]:
    """Does what a later version of the program does to the tables when it starts."""

    def upgrade(more: str) -> None:
        config = Config()
        config.set_main_option("script_location", str(VERSIONS.parent))
        newest = ScriptDirectory.from_config(config).get_current_head()
        (tmp_path / "9001_later.py").write_text(LATER.format(newest=newest, more=more))
        config.set_main_option("path_separator", "os")
        config.set_main_option("version_locations", os.pathsep.join([str(VERSIONS), str(tmp_path)]))
        engine = create_engine(database_url)
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            connection.commit()
        engine.dispose()
        assert revision(database_url) == "9001"

    return upgrade


# -- A database that cannot be used ----------------------------------------------------------------------------------
def test_the_contracts_are_held_to_on_the_oldest_server_and_on_a_newer_one(template_url: str) -> None:
    engine = create_engine(template_url)
    with engine.connect() as connection:
        version = int(connection.execute(text("SHOW server_version_num")).scalar_one()) // 10_000
    engine.dispose()
    assert version == 15 if "debian" in template_url else version > 15


@pytest.mark.parametrize("tool", TOOLS)
def test_a_database_that_is_too_old_is_refused(template_url: str, tool: Callable[..., None]) -> None:
    with pytest.raises(SettingsError, match=r"^The database is PostgreSQL 1[58]; Minions needs 99 or newer\.$"):
        tool(template_url, oldest=990_000)


@pytest.mark.parametrize("tool", TOOLS)
def test_a_database_that_may_only_be_read_is_refused(database_url: str, tool: Callable[[str], None]) -> None:
    name = make_url(database_url).database
    execute(database_url, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    with pytest.raises(SettingsError, match=r"^The database can only be read: .* MINIONS_DATABASE_URL"):
        tool(database_url)


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://minions:very-secret@127.0.0.1:9/minions",  # nobody listens on the port "discard"
        "postgresql+psycopg://minions:very-secret@/minions?host=/nowhere",
    ],
)
def test_a_database_that_is_away_is_refused_without_a_secret(url: str, tool: Callable[[str], None]) -> None:
    with pytest.raises(SettingsError, match=r"^The database cannot be reached: ") as refused:
        tool(url)
    assert "very-secret" not in str(refused.value)


@pytest.fixture
def guest_url(empty_url: str) -> Iterator[str]:
    """As somebody who may connect, and no more."""
    url = make_url(empty_url)
    execute(empty_url, "CREATE ROLE guest LOGIN")
    yield url.set(username="guest").render_as_string(hide_password=False)
    execute(empty_url, f"REASSIGN OWNED BY guest TO {url.username}", "DROP OWNED BY guest", "DROP ROLE guest")


def test_a_user_who_may_not_make_tables_is_refused_and_told_what_to_do(guest_url: str) -> None:
    with pytest.raises(SettingsError, match=r"does not let its user do .* permission denied .* OWNER TO"):
        migrate(guest_url)


def test_a_user_who_may_not_read_the_tables_is_refused(guest_url: str, empty_url: str) -> None:
    migrate(empty_url)
    with pytest.raises(SettingsError, match=r"does not let its user do .* permission denied .* OWNER TO"):
        check(guest_url)


@pytest.mark.parametrize("command_line", [["serve", "--no-work"], ["work"]])
def test_the_sentence_is_all_that_is_said_at_start(database_url: str, command_line: list[str], tmp_path: Path) -> None:
    name = make_url(database_url).database
    execute(database_url, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    settings = {"HOME": str(tmp_path), "DATABASE_URL": database_url.replace("+psycopg", ""), "PORT": "0"}
    settings |= {"APP_ID": "1", "PRIVATE_KEY": "key", "WEBHOOK_SECRETS": "secret", "MODEL": "openai/none"}
    said = subprocess.run(
        [sys.executable, "-m", "app.cli", *command_line],
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"]} | {f"MINIONS_{name}": value for name, value in settings.items()},
    )
    assert (said.returncode, said.stderr.startswith("minions: The database can only be read:")) == (2, True), (
        said.stderr
    )
    assert "Traceback" not in said.stderr


# -- A database that is as it should be ------------------------------------------------------------------------------
def test_tables_of_this_version_are_known_at_a_glance(database_url: str) -> None:
    assert revision(database_url) == newest()
    assert is_current(database_url)
    assert is_current(database_url.replace("postgresql+psycopg", "postgres"))


@pytest.mark.parametrize("change", ["UPDATE alembic_version SET version_num = '9001'", "DROP TABLE alembic_version"])
def test_other_tables_get_a_second_look(database_url: str, change: str) -> None:
    execute(database_url, change)
    assert not is_current(database_url)


def test_a_database_that_may_only_be_read_gets_a_second_look(database_url: str) -> None:
    execute(database_url, f"ALTER DATABASE {make_url(database_url).database} SET default_transaction_read_only = on")
    assert not is_current(database_url)


def test_an_address_that_operators_may_not_write_is_not_taken_for_another(database_url: str) -> None:
    assert not is_current(database_url.replace("postgresql+psycopg", "mysql"))


@pytest.mark.parametrize("url", ["nonsense", "postgresql://minions:very-secret@127.0.0.1:9/minions"])
def test_a_database_that_is_away_gets_a_second_look(url: str) -> None:
    assert not is_current(url)


def test_a_start_on_such_tables_does_without_what_changes_them(database_url: str, tmp_path: Path) -> None:
    code = """
import sys
from app.database import kept_database
from app.settings import Settings
with kept_database(Settings()):
    print([name for name in ("alembic", "sqlalchemy") if name in sys.modules])
"""
    settings = {"HOME": str(tmp_path), "DATABASE_URL": database_url.replace("+psycopg", "")}
    said = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"]} | {f"MINIONS_{name}": value for name, value in settings.items()},
    )
    assert said.stdout == "[]\n"


# -- Another version's tables ----------------------------------------------------------------------------------------
def test_older_tables_are_refused_by_a_worker_and_brought_up_to_date_by_a_server(empty_url: str) -> None:
    with pytest.raises(SettingsError, match=r"of version none, .* Start `minions serve`"):
        check(empty_url)
    migrate(empty_url)
    check(empty_url)
    newest = revision(empty_url)
    migrate(empty_url)
    assert revision(empty_url) == newest


async def test_an_old_program_goes_on_with_newer_tables(database_url: str, later: Callable[[str], None]) -> None:
    """While a new version is rolled out: the old one starts, leaves the tables alone, and does a run."""
    await asyncio.to_thread(later, "")
    await asyncio.to_thread(check, database_url)
    await asyncio.to_thread(migrate, database_url)
    assert await asyncio.to_thread(revision, database_url) == "9001"
    assert (await one_run(database_url)).status is Status.DONE


def test_an_old_program_refuses_tables_that_are_too_new_for_it(database_url: str, later: Callable[[str], None]) -> None:
    later(RAISES_THE_FLOOR)
    for tool in TOOLS:
        with pytest.raises(SettingsError, match=r"of version 9001, which this program .* too old for\. Start a newer"):
            tool(database_url)


def test_tables_that_do_not_say_who_can_use_them_are_refused(database_url: str, later: Callable[[str], None]) -> None:
    later("")
    execute(database_url, "DROP TABLE floor")
    with pytest.raises(SettingsError, match="too old for"):
        check(database_url)


async def test_a_worker_that_works_already_survives_the_migration(
    database_url: str, later: Callable[[str], None]
) -> None:
    async def meanwhile() -> None:
        await asyncio.to_thread(later, "")

    assert (await one_run(database_url, meanwhile=meanwhile)).status is Status.DONE


async def one_run(url: str, *, meanwhile: Callable[[], Awaitable[None]] | None = None) -> Run:
    """Have a run asked for, worked on and ended by this program."""
    task = Task(
        repository=Repository(id=5, full_name="octo/cat", installation_id=3),
        number=7,
        title="Broken",
        body="",
        requester=Person(id=1, login="ann"),
        asked_at=datetime(2026, 1, 2, tzinfo=UTC),
    )
    draft = Draft(intent="label 1", task=task, blueprint="fix", blueprint_version=1, start="prepare")
    queue = ProcrastinateQueue(url)
    async with opened(url, queue) as store:

        async def advance(run_id: int, _revision: int | None = None) -> None:
            run = await store.admit(await store.load(run_id))
            if meanwhile:
                await meanwhile()
            await store.save(run.model_copy(update={"status": Status.DONE, "is_reported": True}))

        run_id = (await store.accept(None, draft, "why")).run_id or 0
        await queue.work(advance, concurrency=1, forever=False)
        return await store.load(run_id)


def test_migrations_are_one_line_and_named_by_their_numbers() -> None:
    """The floor compares them as text."""
    config = Config()
    config.set_main_option("script_location", str(VERSIONS.parent))
    scripts = list(ScriptDirectory.from_config(config).walk_revisions())
    assert [script.revision for script in scripts] == sorted((script.revision for script in scripts), reverse=True)
    assert all(
        Path(script.path).name.startswith(f"{script.revision}_") and len(script.revision) == 4 for script in scripts
    )
