"""What an install command tries on the proxy's socket to get elsewhere than to a registry."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.adapters.sandbox.allow_list import MEMORY_BYTES
from app.adapters.sandbox.egress import Egress, egress

pytestmark = pytest.mark.hostile


@pytest.fixture(scope="module")
async def proxy(reachable_folder: Path) -> AsyncIterator[Egress]:
    async with egress(reachable_folder / "egress", ("registry.test",), None) as running:
        yield running


async def ask(proxy: Egress, request: bytes) -> bytes:
    """The first line of the answer; a request that is not taken for a whole one has none."""
    reader, writer = await asyncio.open_unix_connection(proxy.folder / "socket")
    writer.write(request)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    return answer.partition(b"\r\n")[0]


REQUESTS = [
    b"CONNECT 127.0.0.1:PORT HTTP/1.1\r\n\r\n",
    b"CONNECT 127.0.0.1:443 HTTP/1.1\r\nHost: registry.test:443\r\n\r\n",
    b"CONNECT [::1]:PORT HTTP/1.1\r\nHost: registry.test\r\n\r\n",
    b"CONNECT 2130706433:PORT HTTP/1.1\r\n\r\n",
    b"CONNECT 0177.0.0.1:PORT HTTP/1.1\r\n\r\n",
    b"CONNECT 169.254.169.254:443 HTTP/1.1\r\n\r\n",
    b"CONNECT localhost:PORT HTTP/1.1\r\n\r\n",
    b"CONNECT registry.test:PORT HTTP/1.1\r\n\r\n",
    b"CONNECT registry.test.:443 HTTP/1.1\r\n\r\n",
    b"CONNECT registry.test:443@127.0.0.1:PORT HTTP/1.1\r\n\r\n",
    b"CONNECT registry.test@127.0.0.1:PORT HTTP/1.1\r\n\r\n",
    b"CONNECT registry.test:443#@127.0.0.1:PORT HTTP/1.1\r\n\r\n",
    b"CONNECT registry.test\0.evil.test:443 HTTP/1.1\r\n\r\n",
    b"CONNECT evil.test/registry.test:443 HTTP/1.1\r\n\r\n",
    b"CONNECT http://127.0.0.1:PORT/ HTTP/1.1\r\n\r\n",
    b"connect registry.test:443 HTTP/1.1\r\n\r\n",
    b"GET http://127.0.0.1:PORT/ HTTP/1.1\r\nHost: registry.test\r\n\r\n",
    b"GET http://registry.test:443/ HTTP/1.1\r\nHost: registry.test\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n",
    b"GET http://registry.test/ HTTP/1.1\r\n\r\nCONNECT 127.0.0.1:PORT HTTP/1.1\r\n\r\n",
    b"POST http://127.0.0.1:PORT/ HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
    b"PROXY TCP4 1.2.3.4 127.0.0.1 1 PORT\r\nCONNECT 127.0.0.1:PORT HTTP/1.1\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x05\x01\x00",
    b"\r\n" * 10,
    b"CONNECT registry.test:443\nconnected registry.test:443 HTTP/1.1\r\n\r\n",
]


@pytest.mark.parametrize("request_", REQUESTS)
async def test_nothing_but_a_registry_is_reached(proxy: Egress, request_: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as canary:
        port = str(canary.getsockname()[1]).encode()
        answer = await ask(proxy, request_.replace(b"PORT", port))
        assert answer[9:12] in {b"403", b"400", b""}
        canary.setblocking(False)
        with pytest.raises(BlockingIOError):
            canary.accept()
    assert not [line for line in proxy.said() if line.startswith("connected")]


async def test_a_request_without_an_end_takes_only_so_much_memory(proxy: Egress) -> None:
    limits = limits_of_group(proxy._process.pid)
    assert len(limits) >= 2
    assert all(str(MEMORY_BYTES) in limit for limit in limits)


def limits_of_group(group: int) -> list[str]:
    members = [path for path in Path("/proc").glob("[0-9]*") if is_in(path, group)]
    return [(path / "limits").read_text() for path in members]


def is_in(process: Path, group: int) -> bool:
    try:
        return os.getpgid(int(process.name)) == group
    except ProcessLookupError:
        return False
