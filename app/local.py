"""`minions run`: a blueprint on a repository of this machine, without GitHub, with everything else as on a server."""

import asyncio
import logging
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from app import loop
from app.adapters.litellm_library import warm_up
from app.adapters.local import LocalForge
from app.adapters.own_folder import abandoned, own_folder
from app.adapters.signing import FILE
from app.adapters.store import PostgresStore, ProcrastinateQueue, connected
from app.adapters.workspace.leftovers import clear
from app.core.errors import RepositoryError, SettingsError
from app.core.forge import Head
from app.core.run import Run, Trail
from app.core.store import Draft, Store
from app.core.task import Person, Repository, Task
from app.database import database
from app.log import redactor_of
from app.outside import Outside, outside
from app.registry import Blueprints, load
from app.settings import Settings
from blueprints import BLUEPRINTS

_PREFIX: Final = "minions-run-"
"""Of folders in the machine's folder for temporary files."""
_PAUSE_S: Final = 5.0
"""Between two tries while the model does not answer."""


def run_locally(settings: Settings, repository: Path, text: str, blueprint: str) -> int:
    """Do what `text` asks for in `repository`; answer with the exit code: 0 if there is a branch with a change.

    130 if it was told to stop, by `kill` as by Ctrl-C. Raises SettingsError and RepositoryError.
    """
    blueprints = load(settings.blueprints_folder)
    check_choice(settings, blueprint, blueprints)
    if not text.strip():
        raise SettingsError("The task is empty: say what to do.")
    notes = _git_folder(repository) / "minions"
    forge = LocalForge(repository, notes / "report.md")
    head = loop.run(forge.default_head())  # before anything is started
    wanted = draft(repository.name, text, blueprint, blueprints=blueprints)
    try:
        with own_server(settings) as (home, url):
            ended = loop.run(run_once(home, url, forge, head, wanted))
    except KeyboardInterrupt:
        print("\nStopped. Your branches and your checkout are as they were.")
        return 130
    return _tell(*ended, notes)


def check_choice(settings: Settings, blueprint: str, blueprints: Blueprints = BLUEPRINTS) -> None:
    """Raise SettingsError if no model is named, or no blueprint that there is."""
    if not settings.has_model:
        raise SettingsError("Say which model works: --model anthropic/claude-opus-4-8, or MINIONS_MODEL.")
    check_blueprint(blueprint, blueprints)


def check_blueprint(blueprint: str, blueprints: Blueprints = BLUEPRINTS) -> None:
    """Raise SettingsError if there is no such blueprint."""
    if blueprint not in blueprints:
        raise SettingsError(f"There is no blueprint {blueprint!r}. There are: {', '.join(blueprints)}.")


@contextmanager
def own_server(settings: Settings) -> Iterator[tuple[Settings, str]]:
    """The settings with a home of their own, and the url of a database in it; all of it is gone at the end.

    To be told to end, by `kill` or by a terminal that closes, is then the same as Ctrl-C.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever starts it in the background has it ignored
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, lambda *_: signal.raise_signal(signal.SIGINT))  # which asyncio makes an orderly end of
    logging.getLogger("app.engine").setLevel(logging.ERROR)  # the terminal is told what it would log
    _clear_abandoned()
    with own_folder(Path(tempfile.gettempdir()), prefix=_PREFIX) as folder:
        folder.chmod(0o711)  # boxes run as users of their own
        key = settings.signing_key_file or settings.home / FILE  # its owner's, which stays
        home = settings.model_copy(update={"home": folder, "database_url": "", "signing_key_file": key})
        try:
            with database(home) as url:
                yield home, url
        finally:
            clear(folder)  # with what is still mounted there


def _clear_abandoned() -> None:
    """What runs left that were killed: nobody else comes by to sweep here."""
    for folder in abandoned(Path(tempfile.gettempdir()), prefix=_PREFIX):
        if folder.stat().st_uid == os.geteuid():  # in /tmp anybody may give a folder any name
            clear(folder)


def _tell(run: Run, patch: bytes, statement: str, notes: Path) -> int:
    """Print what came of it; answer with the exit code. A change without a branch is kept as a patch."""
    if run.trail.pull_request_number:
        signed = notes / "statement.json"
        signed.write_text(statement, encoding="utf-8")
        print(f"\n{(notes / 'report.md').read_text(encoding='utf-8').strip()}\n")
        print(f"The change is on the branch {run.trail.branch}: git diff {run.trail.base_branch}...{run.trail.branch}")
        print(f"This report is in {notes / 'report.md'}, and signed: minions verify {signed}")
        return 0
    print(f"\nIt came to nothing. {run.error}")
    if patch:
        kept = notes / "unfinished.patch"
        kept.write_bytes(patch)
        print(f"The change so far is in {kept}: git apply {kept}")
    return 1


async def run_once(
    settings: Settings, url: str, forge: LocalForge, head: Head, wanted: Draft
) -> tuple[Run, bytes, str]:
    """The run at its end, the change as it stood then, and what was signed about it."""
    async with connected(url) as engine:
        worker = await without_pages(settings, Telling(engine, ProcrastinateQueue(url)))
        await warm_up()
        run = await carried_out(worker, forge, head, wanted, tell=lambda sentence: print(sentence, flush=True))
        return run, await worker.store.patch(run.id), await worker.store.statement(run.id)


async def without_pages(settings: Settings, store: Store) -> Outside:
    """The adapters of a worker beside which there is no web server: no page, so no link to one."""
    return replace(await outside(settings, store, redactor_of(settings)), public_url="")


async def carried_out(
    worker: Outside,
    forge: LocalForge,
    head: Head,
    wanted: Draft,
    *,
    tell: Callable[[str], None],
    most_tries: int = 0,
    branch: str = "",
) -> Run:
    """Have the worker do what is wanted, on `branch` or the first that is free; answer with the run at its end.

    What may pass, such as a model that is away, is tried again until it did, or `most_tries` times: then the run that
    comes back has not ended. `tell` is told each time.
    """
    receipt = await worker.store.accept(None, wanted, "Asked for on the command line.")
    runner = worker.runner(worker.blueprints, lambda _: forge)
    run_id = receipt.run_id or 0
    trail = Trail(base_branch=head.branch, base_sha=head.sha, branch=branch or await forge.free_branch())
    await worker.store.save((await worker.store.load(run_id)).model_copy(update={"trail": trail}))
    await runner.advance(run_id)
    while not (run := await worker.store.load(run_id)).is_reported and not 0 < most_tries <= run.tries:
        tell(f"{run.at}: {run.error} The next try is in {_PAUSE_S:.0f} s; Ctrl-C ends it.")
        await asyncio.sleep(_PAUSE_S)
        await runner.advance(run_id)
    return run


class Telling(PostgresStore):
    """A store that says on the terminal what it is given to save."""

    _told = 0

    async def save(self, run: Run, *, patch: bytes | None = None, advance_at: datetime | None = None) -> Run:
        """As `Store` says; each new visit is told."""
        saved = await super().save(run, patch=patch, advance_at=advance_at)
        for visit in saved.visits[self._told :]:
            print(f"{visit.title:28} {visit.outcome or 'done':10} {visit.seconds:6.1f} s", flush=True)
        self._told = len(saved.visits)
        return saved


def draft(name: str, text: str, blueprint: str, *, number: int = 1, blueprints: Blueprints = BLUEPRINTS) -> Draft:
    """A run that does what `text` says, its first line being the title. `number` is that of the repository."""
    title, _, body = text.strip().partition("\n")
    task = Task(
        repository=Repository(id=number, full_name=f"local/{name}", installation_id=0),
        number=0,
        title=title.strip(),
        body=body.strip(),
        author=Person(id=0, login="you"),
        requester=Person(id=0, login="you"),
        asked_at=datetime.now(UTC),
    )
    known = blueprints[blueprint]
    return Draft(
        intent=f"command line {number}",
        task=task,
        blueprint=blueprint,
        blueprint_version=known.version,
        start=known.start.name,
    )


def _git_folder(repository: Path) -> Path:
    """Where git keeps things about the repository: the report goes there, out of everybody's way."""
    asked = subprocess.run(
        ["git", "-c", "core.fsmonitor=false", "-C", str(repository), "rev-parse", "--absolute-git-dir"],
        check=False,
        capture_output=True,
        text=True,
    )
    if asked.returncode:
        raise RepositoryError(f"{repository} is no git repository: {asked.stderr.strip()}")
    return Path(asked.stdout.strip())
