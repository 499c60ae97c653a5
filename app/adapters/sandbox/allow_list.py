"""Our plugin for proxy.py, and the program that runs it. Started by its path, as a process of its own, by `egress.py`.

Works in its current folder: listens on the unix socket `socket` there, says `ready`, and writes one line for each
connection to the file `connections`. Ends when its standard input does, so it never outlives the server. Needs nothing
of Minions.
"""

import argparse
import importlib
import os
import resource
import sys

from proxy import Proxy
from proxy.http.exception import HttpRequestRejected
from proxy.http.parser import HttpParser
from proxy.http.proxy import HttpProxyBasePlugin

LATER = ("multiprocessing.popen_fork", "encodings.idna")
"""Imported late by others: by then the user may have changed to one who cannot read Python's own files."""
PORT = 443
RECORD_BYTES = 64 * 1024
MEMORY_BYTES = 1024**3
"""Of each of its processes, which take 60 MB: a request that never ends is kept until it does."""


def plugin(hosts: frozenset[str]) -> type:
    """A plugin that lets `CONNECT host:443` through for these names and nothing else: no other port, no plain HTTP."""

    class AllowList(HttpProxyBasePlugin):  # type: ignore[misc]
        def before_upstream_connection(self, request: HttpParser) -> HttpParser:
            host = (request.host or b"").decode("ascii", "replace").lower()
            allowed = request.method == b"CONNECT" and request.port == PORT and host in hosts
            note(f"{'connected' if allowed else 'refused'} {ascii(host[:255])[1:-1]}:{request.port}\n")
            if not allowed:
                raise HttpRequestRejected(status_code=403, reason=b"Not an allowed registry")
            return request

    return AllowList


def note(line: str) -> None:
    """Add a line to the record, before the client hears the answer; a flood of them is cut off."""
    record = os.open("connections", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        if os.fstat(record).st_size < RECORD_BYTES:
            os.write(record, line.encode())
    finally:
        os.close(record)


def main() -> None:
    """Run until standard input ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--user", type=int)
    parser.add_argument("--group", type=int)
    parser.add_argument("hosts", nargs="*")
    wanted = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    options = ["--unix-socket-path", "socket", "--num-workers", "1", "--num-acceptors", "1", "--log-level", "ERROR"]
    proxy = Proxy(options, plugins=[plugin(frozenset(wanted.hosts))])
    for module in LATER:
        importlib.import_module(module)
    if wanted.user is not None:
        os.setgroups([])
        os.setgid(wanted.group)
        os.setuid(wanted.user)
    with proxy:
        os.write(1, b"ready\n")
        sys.stdin.buffer.read()


if __name__ == "__main__":
    main()
