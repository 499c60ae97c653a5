"""The machine around a box while it is attacked: canaries to be found, and what has to stay as it is."""

import contextlib
import ctypes
import os
import secrets
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Self

ADD_KEY: Final = {"x86_64": 248, "aarch64": 217}
KEYCTL: Final = {"x86_64": 250, "aarch64": 219}
SESSION: Final = -3
"""KEY_SPEC_SESSION_KEYRING of linux/keyctl.h."""
JOIN, REVOKE, SET_PERMISSIONS, READ = 1, 3, 5, 11
FOR_EVERYBODY: Final = 0x3F3F3F3F
"""Every permission for possessor, user, group and others: a box that reached the key could read it."""
WATCHED: Final = ("/", "/etc", "/usr/bin", "/usr/lib", "/dev", "/dev/shm", "/run", "/tmp", "/var/tmp", "/home")
"""Places of the machine where everybody looks first."""
CLOCK_S: Final = 5.0
"""A clock that somebody set is further away than one that a time server corrects."""


class Surroundings:
    """Canaries on this machine, in `folder`, for as long as the context lasts. What touched one is in `touched`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.secret = f"canary-{secrets.token_hex(16)}"
        self.address = own_address()
        self.words: dict[str, str] = {}
        self._record = folder / "touched"
        self._rest = contextlib.ExitStack()

    def __enter__(self) -> Self:
        self.folder.mkdir(mode=0o755, parents=True)
        self._record.touch()
        self._record.chmod(0o666)
        (self.folder / "open").mkdir()
        (self.folder / "open").chmod(0o777)
        file = self.folder / "secret"
        file.write_text(f"{self.secret}\n")
        # World-readable on purpose: a box that saw it could read it.
        file.chmod(0o644)
        port = self._listen_on_addresses()
        self._listen_on_paths()
        self._have_a_key()
        self._have_a_variable()
        self._have_a_descriptor(file)
        self.words |= {
            "PORT": str(port),
            "ADDRESS": self.address,
            "FILE": str(file),
            "FOLDER": str(self.folder / "open"),
            "SOCKET": str(self.folder / "socket"),
            "SECRET": self.secret,
            "PID": str(os.getpid()),
            "HOST": socket.gethostname(),
        }
        self._before = self._state()
        self._clock = time.time() - time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        self._rest.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def filled(self, text: str) -> str:
        """`text` with the words of this machine in their places."""
        for name, value in self.words.items():
            text = text.replace(f"@{name}@", value)
        return text

    def touched(self) -> list[str]:
        """Canaries that were touched, and things of the machine that are not what they were; empty if all is well."""
        wrong = [f"A canary was touched: {line}" for line in self._record.read_text().splitlines()]
        self._record.write_text("")
        state = self._state()
        wrong += [
            f"{name} was {self._before[name]!r:.200} and is {state[name]!r:.200}"
            for name in state
            if state[name] != self._before[name]
        ]
        if abs(time.time() - time.monotonic() - self._clock) > CLOCK_S:
            wrong.append("Somebody set the clock")
        return wrong

    def _state(self) -> dict[str, object]:
        etc = [
            (place, Path(place).stat().st_uid, Path(place).stat().st_mode)
            for place in ("/etc/passwd", "/etc/hosts", "/etc/ld.so.cache")
        ]
        return {
            "core_pattern": _text("/proc/sys/kernel/core_pattern"),
            "modprobe": _text("/proc/sys/kernel/modprobe"),
            "binfmt_misc": _listed("/proc/sys/fs/binfmt_misc"),
            "queues and shared memory": [(str(place), _text(str(place))) for place in _of_processes()],
            "hostname": socket.gethostname(),
            "files of /etc": etc,
            "ld.so.preload": Path("/etc/ld.so.preload").exists(),
            "keys": self._keys(),
            "files for everybody": _listed(str(self.folder / "open")),
            "limits": _text("/proc/self/limits"),
            "oom_score_adj": _text("/proc/self/oom_score_adj"),
        }

    def _listen_on_addresses(self) -> int:
        first = self._serve(socket.AF_INET, ("127.0.0.1", 0))
        port = int(first.getsockname()[1])
        for family, place in ((socket.AF_INET6, "::1"), (socket.AF_INET, self.address)):
            with contextlib.suppress(OSError):  # a machine without version 6, or without another address
                self._serve(family, (place, port))
        return port

    def _listen_on_paths(self) -> None:
        self.words["ABSTRACT"] = f"minions-canary-{secrets.token_hex(8)}"
        self._serve(socket.AF_UNIX, f"\0{self.words['ABSTRACT']}")
        self._serve(socket.AF_UNIX, str(self.folder / "socket"))
        (self.folder / "socket").chmod(0o777)

    def _serve(self, family: socket.AddressFamily, place: tuple[str, int] | str) -> socket.socket:
        server = socket.socket(family)
        try:
            if family == socket.AF_INET6:
                server.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            server.bind(place)
            server.listen()
        except OSError:
            server.close()
            raise
        worker = threading.Thread(target=self._answer, args=(server, str(place)), daemon=True)
        worker.start()
        self._rest.callback(worker.join)
        self._rest.callback(_shut, server)
        return server

    def _answer(self, server: socket.socket, place: str) -> None:
        body = f"{self.secret}\n"
        answer = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()
        with server:
            while True:
                try:
                    visitor, _ = server.accept()
                except OSError:
                    return
                with visitor, self._record.open("a") as record, contextlib.suppress(OSError):
                    record.write(f"{place}\n")
                    record.flush()
                    visitor.settimeout(0.3)  # some ask, and others only listen
                    with contextlib.suppress(TimeoutError):
                        visitor.recv(4096)
                    visitor.sendall(answer)

    def _have_a_key(self) -> None:
        self.words["KEY"] = f"minions-canary-{secrets.token_hex(8)}"
        self._key = 0
        machine = os.uname().machine
        if machine not in KEYCTL:
            return
        payload = self.secret.encode()
        if _call(KEYCTL[machine], JOIN, 0) > 0:
            self._key = _call(ADD_KEY[machine], b"user", self.words["KEY"].encode(), payload, len(payload), SESSION)
        if self._key > 0:
            _call(KEYCTL[machine], SET_PERMISSIONS, self._key, FOR_EVERYBODY)
            self._rest.callback(_call, KEYCTL[machine], REVOKE, self._key)

    @property
    def has_a_key(self) -> bool:
        """Whether this machine lets us have keys at all: containers often do not."""
        return self._key > 0

    def read_key(self) -> bytes:
        """What the key holds, for somebody who is in no box."""
        room = ctypes.create_string_buffer(200)
        size = _call(KEYCTL[os.uname().machine], READ, self._key, room, 200)
        return room.raw[: max(size, 0)]

    def _keys(self) -> bytes:
        machine = os.uname().machine
        if machine not in KEYCTL:
            return b""
        room = ctypes.create_string_buffer(4096)
        size = _call(KEYCTL[machine], READ, SESSION, room, 4096)
        return room.raw[: max(size, 0)]

    def _have_a_variable(self) -> None:
        # Not a patch of anything of ours: the environment of a server holds its operator's secrets.
        for name in ("MINIONS_CANARY_SECRET", "AWS_SECRET_ACCESS_KEY"):
            before = os.environ.get(name)
            os.environ[name] = self.secret
            self._rest.callback(_put_back, name, before)

    def _have_a_descriptor(self, file: Path) -> None:
        descriptor = os.open(file, os.O_RDONLY)
        os.set_inheritable(descriptor, True)
        self._rest.callback(os.close, descriptor)
        self.words["DESCRIPTOR"] = str(descriptor)


def own_address() -> str:
    """This machine's address in its network; an address of the loopback where it has none. Sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            asked.connect(("192.0.2.1", 9))
            return str(asked.getsockname()[0])
        except OSError:
            return "127.0.0.2"


def dead_children() -> list[str]:
    """Zombies whose parent is this process."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            status = (process / "status").read_text()
            if "\nState:\tZ" in status and f"\nPPid:\t{os.getpid()}\n" in status:
                found.append(process.name)
    return found


def marked(mark: str) -> list[str]:
    """Processes of this machine with `mark` in their environment or arguments, and what they are called."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        if int(process.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            text = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            if mark.encode() in text:
                found.append(f"{process.name} {text[:60]!r}")
    return found


def files_of(user: int) -> Iterator[str]:
    """Files of `user` where everybody looks first. A box can see none of these places."""
    for folder in WATCHED:
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    if entry.stat(follow_symlinks=False).st_uid == user:
                        yield entry.path


def mounts_below(folder: Path) -> list[str]:
    """Mounts of this machine in `folder`."""
    rows = [row.split(" ") for row in Path("/proc/self/mountinfo").read_text().splitlines()]
    return sorted(row[4] for row in rows if row[4].startswith(f"{folder}/"))


def _call(number: int, *arguments: int | bytes | ctypes.Array[ctypes.c_char]) -> int:
    return int(ctypes.CDLL(None, use_errno=True).syscall(number, *arguments))


def _put_back(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value


def _shut(server: socket.socket) -> None:
    with contextlib.suppress(OSError):
        server.shutdown(socket.SHUT_RDWR)


def _of_processes() -> list[Path]:
    """Settings that a namespace may have of its own: what a box does to them must not be seen here."""
    kernel = Path("/proc/sys/kernel")
    found = [place for kind in ("msg*", "shm*", "sem*", "pid_max") for place in kernel.glob(kind)]
    return sorted([*found, *Path("/proc/sys/fs/mqueue").glob("*")])


def _text(place: str) -> str:
    try:
        return Path(place).read_text()
    except OSError:
        return ""


def _listed(place: str) -> list[str]:
    try:
        return sorted(os.listdir(place))  # noqa: PTH208 # names are enough
    except OSError:
        return []
