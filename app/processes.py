"""The processes of one machine: the database, the web server and the worker, started together and stopped together.

Web server and worker are processes of their own: deliveries are answered while the worker still imports its model
client, and a worker that breaks takes nothing with it. Each child is killed when this process dies, however: the
embedded database goes with it, and a worker without one would hang on for a minute, trying to hand its runs back.
"""

import errno
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final, Protocol

from app.core.errors import SettingsError
from app.credentials import completed, is_unset
from app.database import kept_database
from app.home import prepared_home
from app.settings import Settings

_log = logging.getLogger(__name__)

_GRACE_S: Final = 20.0
"""How long a child may take to stop, in seconds, beside the time in which a worker hands over its runs."""
_LEAVING_S: Final = 5.0
REFUSED: Final = 2
"""Exit code of a command that said in a sentence what is wrong."""
_LONGEST_PAUSE_S: Final = 60.0
_HEALTHY_AFTER_S: Final = 60.0
"""A child that lived this long and died is started again at once; one that dies sooner waits, ever longer."""


class Running(Protocol):
    """A process that was started, as `subprocess.Popen` has it."""

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, when it has ended. Raises subprocess.TimeoutExpired."""

    def terminate(self) -> None:
        """Ask it to stop."""

    def kill(self) -> None:
        """Stop it."""


Start = Callable[[str, Mapping[str, str]], Running]
"""Starts `minions NAME` with this environment, in a session of its own, to be killed when this process dies."""


def started(name: str, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """As `Start` says, by a Python of its own."""
    command = [sys.executable, "-m", "app.cli", name]
    return subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", "--", *command], env=dict(environment), start_new_session=True
    )


def check_address(settings: Settings, *, patience_s: float = _LEAVING_S) -> None:
    """Raise SettingsError if the web server will not be able to listen: better now than in a child.

    A server that was killed a moment ago may need `patience_s` to let go of the port.
    """
    deadline = time.monotonic() + patience_s
    while (fault := _not_free(settings.host, settings.port)) is not None:
        if fault.errno != errno.EADDRINUSE or time.monotonic() > deadline:
            raise SettingsError(
                f"Nobody can listen on {settings.host}, port {settings.port}: {fault.strerror}. Set MINIONS_HOST and "
                f"MINIONS_PORT to an address of this machine that is free."
            )
        time.sleep(0.1)


def _not_free(host: str, port: int) -> OSError | None:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
        for family, kind, protocol, _, address in found:
            with socket.socket(family, kind, protocol) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(address)
    except OSError as error:
        return error
    return None


@dataclass
class Child:
    """A command that is kept running."""

    name: str
    environment: Mapping[str, str]
    begin: Start = started
    process: Running | None = None
    started_at: float = 0.0
    starts: int = 0
    deaths: int = 0
    start_at: float = field(default=0.0)

    def start(self, now: float) -> None:
        """Start it, to be killed when this process dies."""
        self.process = self.begin(self.name, self.environment)
        self.started_at = now
        self.starts += 1

    def look_after(self, now: float) -> None:
        """Start it again if it died: at once after a long life, later and later after short ones.

        Raises SettingsError if it refused its settings at its first start: the next one would do the same.
        """
        if self.process is not None and (code := self.process.poll()) is not None:
            self.process = None
            if code == REFUSED and self.starts == 1:
                raise SettingsError(f"The {self.name} process cannot start; the lines above say why.")
            self.deaths = 1 if now - self.started_at > _HEALTHY_AFTER_S else self.deaths + 1
            pause_s = min(2.0 ** (self.deaths - 1), _LONGEST_PAUSE_S)
            self.start_at = now + pause_s
            _log.error("The %s process ended with %s; it starts again in %.0f s.", self.name, code, pause_s)
        if self.process is None and now >= self.start_at:
            self.start(now)

    def stop(self, within_s: float = _GRACE_S) -> None:
        """Ask it to stop; insist if it did not within so many seconds."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def serve(settings: Settings, *, work: bool, start: Start = started) -> None:
    """Run the web server, and a worker unless told not to, until SIGTERM or SIGINT. Raises SettingsError."""
    check_address(settings)
    if is_unset(settings):
        if not settings.model:
            raise SettingsError("\n".join([*settings.missing()[-1:], "`minions doctor` tells more."]))
        prepared_home(settings)
        from app.set_up import set_up  # noqa: PLC0415 - its pages take a second to import, once in a life

        if not set_up(settings, partial(print, flush=True)):
            return
        settings = completed(settings)
    if missing := settings.missing():
        raise SettingsError("\n".join([*missing, "`minions doctor` tells more."]))
    stop = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stop.set())
    with kept_database(settings) as (url, look_after_database):
        environment = {**os.environ, "MINIONS_DATABASE_URL": url}
        names = ["web", "work"] if work else ["web"]
        children = [Child(name, environment, start) for name in names]
        try:
            while not stop.wait(0.2):
                look_after_database()
                for child in children:
                    child.look_after(time.monotonic())
        finally:
            for child in reversed(children):
                child.stop(_GRACE_S + settings.drain_s)
