import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from app.adapters.postgres import EmbeddedPostgres, as_user
from app.core.errors import SettingsError


def test_who_is_not_root_changes_no_user() -> None:
    assert as_user("", "INT") == ["setpriv", "--pdeathsig", "INT", "--"]
    assert subprocess.run([*as_user("", "KILL"), "true"], check=True).returncode == 0


def test_root_changes_to_a_user_without_rights() -> None:
    assert as_user("nobody", "INT")[:3] == ["setpriv", "--reuid", "nobody"]


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="minions-pg-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


def count(url: str) -> int:
    engine = create_engine(url)
    with engine.connect() as connection:
        number = int(connection.execute(text("SELECT count(*) FROM kept")).scalar_one())
    engine.dispose()
    return number


@pytest.mark.crash
def test_what_was_committed_survives_a_kill(home: Path) -> None:
    server = EmbeddedPostgres(home)
    engine = create_engine(server.start())
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE kept AS SELECT 1 AS number"))
    engine.dispose()
    pid = int((home / "postgres" / "data" / "postmaster.pid").read_text().split("\n")[0])
    os.kill(pid, 9)
    server.stop()
    again = EmbeddedPostgres(home)
    try:
        assert count(again.start()) == 1
    finally:
        again.stop()
    assert not (home / "postgres" / "data" / "postmaster.pid").exists()


def test_a_path_that_is_too_long_for_a_socket_is_told(home: Path) -> None:
    with pytest.raises(SettingsError, match="too long for a socket"):
        EmbeddedPostgres(home / ("x" * 100)).start()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root changes its user")
def test_a_folder_that_the_other_user_cannot_reach_is_told(home: Path) -> None:
    home.chmod(0o700)
    with pytest.raises(SettingsError, match="MINIONS_HOME"):
        EmbeddedPostgres(home).start()


def test_a_folder_is_for_one_server_at_a_time(home: Path) -> None:
    first, second = EmbeddedPostgres(home), EmbeddedPostgres(home)
    url = first.start()
    try:
        with pytest.raises(SettingsError, match="Another Minions works in"):
            second.start()
        engine = create_engine(url)
        with engine.connect() as connection:
            assert connection.execute(text("SELECT 1")).scalar_one() == 1
        engine.dispose()
    finally:
        first.stop()
    try:
        assert second.start() == url
    finally:
        second.stop()
