"""Everything that a run produces is searched for everything that must stay inside, while it works and afterwards."""

import asyncio
import base64
import os
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import create_engine, text

pytestmark = [pytest.mark.story, pytest.mark.timeout(600)]

_DISKS: Final = ("room.img", "room.new")
"""The image of a run's disk, and while it is made: gigabytes of nothing. What is on it is mounted."""
_HEAD: Final = 4
"""First bytes of a secret, which tokens share: a place is searched once for all that begin with the same."""


def forms(secret: str) -> Iterator[bytes]:
    """A secret as it is, and as it stands in an Authorization header."""
    yield secret.encode()
    yield base64.b64encode(f"x-access-token:{secret}".encode())
    body = [line for line in secret.splitlines() if line and not line.startswith("-----")]
    if len(body) > 1:
        yield body[len(body) // 2].encode()


def needles(town: Any) -> list[bytes]:
    """Every secret there is by now: those of the settings, and every token that was handed out."""
    minted = [token.value for token in list(town.stage.hub.accounts._tokens.values()) if token.value.startswith("ghs_")]
    return [form for secret in (*town.stage.secrets, *minted) for form in forms(secret)]


def arguments() -> Iterator[tuple[str, bytes]]:
    """The command line of every process of the machine; the environment of those that are in a box."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes()
            yield f"argv of {line[:60]!r}", line
            if b"bwrap" in line or (folder / "root").readlink() != Path("/"):
                yield f"environment of {line[:60]!r}", (folder / "environ").read_bytes()
        except OSError:
            continue  # gone meanwhile


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every file below a folder."""
    for parent, _, names in os.walk(folder, onerror=lambda _: None):
        for name in names:
            path = Path(parent, name)
            try:
                if path.is_file() and not path.is_symlink() and name not in _DISKS:
                    yield str(path), path.read_bytes()
            except OSError:
                continue


def database(town: Any) -> Iterator[tuple[str, bytes]]:
    """Every table as text."""
    engine = create_engine(f"postgresql+psycopg://postgres@/postgres?host={town.stage.home}/minions/postgres")
    with engine.connect() as connection:
        names = connection.execute(text("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")).scalars().all()
        for name in names:
            rows = connection.execute(text(f'SELECT t::text FROM "{name}" t')).scalars().all()  # noqa: S608 - our own
            yield f"table {name}", "\n".join(rows).encode()
    engine.dispose()


def commits(town: Any, full_name: str) -> Iterator[tuple[str, bytes]]:
    """Every object of the repository on GitHub."""
    path = town.stage.hub.repository(full_name).path
    command = ["git", "--git-dir", str(path), "-c", "safe.directory=*", "cat-file", "--batch", "--batch-all-objects"]
    yield "git objects", subprocess.run(command, check=True, capture_output=True).stdout


def found(places: Iterator[tuple[str, bytes]], wanted: list[bytes]) -> set[str]:
    heads: dict[bytes, list[bytes]] = defaultdict(list)
    for needle in wanted:
        heads[needle[:_HEAD]].append(needle)
    return {name for name, data in places if any(holds(data, head, tuple(ones)) for head, ones in heads.items())}


def holds(data: bytes, head: bytes, wanted: tuple[bytes, ...]) -> bool:
    """Whether one of `wanted`, which all begin with `head`, is in there."""
    place = data.find(head)
    while place >= 0 and not data.startswith(wanted, place):
        place = data.find(head, place + 1)
    return place >= 0


async def test_no_secret_is_seen_anywhere(town: Any) -> None:
    full_name = town.repository()
    ann = town.person("ann", full_name)
    number = await ann.file(town.wanted.issue.title, town.wanted.issue.body)
    await ann.label(number, "minion")
    leaks: set[str] = set()
    looks = 0
    trees = town.stage.home / "minions" / "runs"

    async def checks() -> list[dict[str, Any]]:
        return [one for branch in await ann.branches() if branch != "main" for one in await ann.checks(branch)]

    while not any(one["status"] == "completed" for one in await checks()):
        seen = await asyncio.to_thread(lambda: found(arguments(), needles(town)) | found(files(trees), needles(town)))
        leaks |= seen
        looks += 1
    assert leaks == set()
    assert looks >= 3

    wanted = needles(town)
    assert any(needle.startswith(b"ghs_") for needle in wanted)
    (pull,) = await ann.pulls()
    comments = [one["body"] for one in await ann.comments(number)]
    said = {"comments": comments, "pull request": pull["body"], "checks": [one["output"] for one in await checks()]}
    pages = [(await town.http.get((await checks())[0]["details_url"])).text]
    places = [
        *((name, str(what).encode()) for name, what in {**said, "page": pages}.items()),
        *database(town),
        *commits(town, full_name),
        *files(town.stage.home / "minions" / "runs"),
        *files(town.stage.home / "minions" / "mirrors"),
        *files(town.stage.home / "minions" / "postgres" / "data"),
        (str(town.stage.log), town.stage.log.read_bytes()),
    ]
    assert len(places) > 30
    assert found(iter(places), wanted) == set()


def test_the_search_would_find_a_secret(town: Any, tmp_path: Path) -> None:
    """Otherwise the test above could not fail."""
    secret = town.stage.secrets[0]
    (tmp_path / "leak").write_text(f"token={secret}")
    assert found(files(tmp_path), needles(town)) == {str(tmp_path / "leak")}
    # It speaks first: while a program is being started, its command line is empty for a moment.
    words = ["/bin/sh", "-c", "echo started; read -r line", secret]
    child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == b"started\n"
        assert any(name.startswith("argv") for name in found(arguments(), needles(town)))
    finally:
        child.kill()
        child.communicate()
