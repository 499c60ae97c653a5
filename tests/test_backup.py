"""What a backup holds is all that is missed, and it goes over nothing that is there."""

import io
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url

from app.adapters import dump
from app.backup import KEPT, back_up, restore
from app.core.errors import SettingsError
from app.settings import Settings


def plain(url: str) -> str:
    return url.replace("+psycopg", "", 1)


@pytest.fixture
def machine(tmp_path: Path, database_url: str) -> Settings:
    """An installation on a database of its operator."""
    (tmp_path / "home").mkdir()
    for name in KEPT:
        (tmp_path / "home" / name).write_text(f"what is in {name}")
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO installations (id, account, state) VALUES (7, 'octo', 'active')"))
    engine.dispose()
    return Settings(home=tmp_path / "home", database_url=plain(database_url))


@pytest.fixture
def elsewhere(tmp_path: Path, template_url: str) -> Iterator[Settings]:
    """Another machine, and a database without a table."""
    admin = create_engine(make_url(template_url).set(database="postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text("CREATE DATABASE restored TEMPLATE template0"))
    url = make_url(template_url).set(database="restored").render_as_string(hide_password=False)
    yield Settings(home=tmp_path / "elsewhere", database_url=plain(url))
    with admin.connect() as connection:
        connection.execute(text("DROP DATABASE restored WITH (FORCE)"))
    admin.dispose()


def accounts(settings: Settings) -> list[str]:
    engine = create_engine(settings.database_url.replace("postgresql://", "postgresql+psycopg://", 1))
    with engine.connect() as connection:
        found = [str(one) for (one,) in connection.execute(text("SELECT account FROM installations"))]
    engine.dispose()
    return found


def test_another_machine_is_made_of_a_backup(machine: Settings, elsewhere: Settings, tmp_path: Path) -> None:
    file = tmp_path / "minions.backup"
    told = back_up(machine, str(file))
    assert all(name in told for name in KEPT)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    restore(elsewhere, str(file))
    assert accounts(elsewhere) == ["octo"]
    for name in KEPT:
        assert (elsewhere.home / name).read_text() == f"what is in {name}"
        assert stat.S_IMODE((elsewhere.home / name).stat().st_mode) == 0o600
    assert {path.name for path in elsewhere.home.iterdir()} == set(KEPT), "nothing of the restoring is left"
    assert {path.name for path in machine.home.iterdir()} == set(KEPT)


def test_a_backup_goes_through_a_pipe(machine: Settings, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    back_up(machine, "-")
    with tarfile.open(fileobj=io.BytesIO(capsysbinary.readouterr().out)) as archive:
        assert set(archive.getnames()) == {"minions.dump", *KEPT}


def test_a_backup_goes_over_nothing(machine: Settings, elsewhere: Settings, tmp_path: Path) -> None:
    file = tmp_path / "minions.backup"
    back_up(machine, str(file))
    with pytest.raises(SettingsError, match="is there already"):
        back_up(machine, str(file))
    with pytest.raises(SettingsError, match=r"github-app\.json is there already"):
        restore(machine, str(file))
    with pytest.raises(SettingsError, match="There is an installation in this database"):
        restore(machine.model_copy(update={"home": elsewhere.home}), str(file))
    assert list(elsewhere.home.iterdir()) == []


def test_an_archive_of_somebody_else_writes_nowhere(tmp_path: Path) -> None:
    file = tmp_path / "other.tar"
    with tarfile.open(file, "w") as archive:
        member = tarfile.TarInfo("../escaped")
        member.size = 1
        archive.addfile(member, io.BytesIO(b"x"))
        link = tarfile.TarInfo("github-app.json")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    with pytest.raises(SettingsError, match="is no backup of Minions"):
        restore(Settings(home=tmp_path / "elsewhere"), str(file))
    assert not list(tmp_path.rglob("escaped"))
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"no archive at all" * 100])
def test_what_is_no_backup_is_told(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "broken"
    file.write_bytes(content)
    with pytest.raises(SettingsError, match="backup"):
        restore(Settings(home=tmp_path / "elsewhere"), str(file))


def test_where_there_is_no_database_nothing_is_backed_up(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no database"):
        back_up(Settings(home=tmp_path / "empty"), str(tmp_path / "minions.backup"))


def test_a_database_that_is_away_is_told_without_its_password(tmp_path: Path) -> None:
    secret = SecretStr("hunter2-of-the-operator")
    url = f"postgresql://minions:{secret.get_secret_value()}@127.0.0.1:9/minions"
    with pytest.raises(SettingsError, match="pg_dump failed") as raised:
        dump.dump(url, tmp_path / "dump")
    assert "127.0.0.1" in raised.value.detail
    assert secret.get_secret_value() not in f"{raised.value} {raised.value.detail}"
