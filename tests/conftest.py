"""What every test may use: a PostgreSQL that lives as long as the session, and a fresh database for each test."""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from xdist.remote import Producer
from xdist.workermanage import WorkerController

from app.adapters.postgres import EmbeddedPostgres
from app.adapters.sandbox.bubblewrap.boxes import BubblewrapBoxes
from app.adapters.sandbox.containers.boxes import ContainerBoxes
from app.adapters.sandbox.containers.engine import Engine
from app.adapters.store import PostgresStore, ProcrastinateQueue, opened
from app.adapters.store.schema import migrate
from app.adapters.workspace.mounts import unmount_below
from app.memory import keep_what_is_there
from tests.container_engine import IMAGE, engine, make_images, why_not
from tests.debian_postgres import DebianPostgres
from tests.debian_postgres import why_not as why_not_debian
from tests.distribution import LongOnesFirst, let_put_away
from tests.forks import Forks, begun
from tests.registries import reach_from_here


def pytest_xdist_auto_num_workers() -> int:
    """Two for each processor: most of the long tests wait for a program or a clock as long as they work."""
    return 2 * len(os.sched_getaffinity(0))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LongOnesFirst:
    """Who runs what, where several processes run the tests."""
    return LongOnesFirst(config, log)


def pytest_collection_finish() -> None:
    """Before the first test: nobody looks for garbage in what was imported and collected."""
    keep_what_is_there()


_workers: list[WorkerController] = []


def pytest_testnodeready(node: WorkerController) -> None:
    """One of several processes is there."""
    _workers.append(node)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(exitstatus: int) -> None:
    """Before the processes are ended that run the tests."""
    if exitstatus == pytest.ExitCode.INTERRUPTED:
        let_put_away(_workers)


@pytest.fixture(scope="session")
def reachable_folder() -> Iterator[Path]:
    """A folder that every user of the machine may enter: pytest's own are closed to the users that boxes run as."""
    folder = Path(tempfile.mkdtemp(prefix="minions-test-"))
    folder.chmod(0o711)
    yield folder
    unmount_below(folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def home(reachable_folder: Path) -> Iterator[Path]:
    """A folder of this test that every user of the machine may enter."""
    folder = Path(tempfile.mkdtemp(dir=reachable_folder))
    folder.chmod(0o711)
    yield folder
    unmount_below(folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def forks() -> Iterator[Forks]:
    """Starts commands of Minions for tests, in a fraction of the time."""
    with begun() as forks:
        yield forks


@pytest.fixture
def boxes(reachable_folder: Path) -> BubblewrapBoxes:
    """Boxes of the machine's programs."""
    return BubblewrapBoxes(reachable_folder / "sandbox")


@pytest.fixture(scope="session")
def container_engine(reachable_folder: Path) -> Iterator[Engine]:
    """A container engine that lives as long as the session, with the images of `tests/container_engine.py`."""
    if reason := why_not():
        pytest.skip(f"no container engine: {reason}")
    with engine(reachable_folder / "engine") as host:
        make_images(host, reachable_folder / "engine")
        connected = Engine(host)
        yield connected
        connected.close()


@pytest.fixture(scope="session")
def container_boxes(reachable_folder: Path, container_engine: Engine) -> ContainerBoxes:
    """Boxes whose commands run in containers."""
    return ContainerBoxes(
        reachable_folder / "containers", image=IMAGE, engine=container_engine, reach=reach_from_here()
    )


@contextmanager
def template(server: EmbeddedPostgres) -> Iterator[str]:
    """A migrated database on the server that others are copied from."""
    url = server.start()
    try:
        admin = create_engine(url, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.execute(text("CREATE DATABASE template_of_minions"))
        admin.dispose()
        made = make_url(url).set(database="template_of_minions").render_as_string(hide_password=False)
        migrate(made)
        yield made
    finally:
        server.stop()


@pytest.fixture(scope="session")
def embedded_template(reachable_folder: Path) -> Iterator[str]:
    """On the embedded PostgreSQL."""
    with template(EmbeddedPostgres(reachable_folder)) as url:
        yield url


@pytest.fixture(scope="session")
def debian_template(reachable_folder: Path) -> Iterator[str]:
    """On the oldest PostgreSQL that is supported."""
    if reason := why_not_debian():
        pytest.skip(reason)
    with template(DebianPostgres(reachable_folder / "debian")) as url:
        yield url


@pytest.fixture(scope="session")
def template_url(request: pytest.FixtureRequest) -> str:
    """A migrated database that others are copied from, on the embedded PostgreSQL unless a test says where."""
    found: str = request.getfixturevalue(getattr(request, "param", "embedded_template"))
    return found


_numbers = count(1)


@pytest.fixture
def database_url(template_url: str) -> Iterator[str]:
    """A fresh database with every table."""
    name = f"test_{next(_numbers)}"
    admin = create_engine(make_url(template_url).set(database="postgres"), isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        # A fifth less than by the log of writes, of which a small database makes much.
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE template_of_minions STRATEGY file_copy"))
    yield make_url(template_url).set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture
async def queue(database_url: str) -> ProcrastinateQueue:
    """The queue on the fresh database."""
    return ProcrastinateQueue(database_url, lost_after_s=2.0)


@pytest.fixture
async def store(database_url: str, queue: ProcrastinateQueue) -> AsyncIterator[PostgresStore]:
    """The store on the fresh database."""
    async with opened(database_url, queue) as store:
        yield store
