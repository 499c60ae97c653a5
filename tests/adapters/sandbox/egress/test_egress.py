"""What an install command tries on the proxy's socket to get elsewhere than to a registry."""

import asyncio
import contextlib
import os
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from app.adapters.sandbox.egress.allow_list import AllowList, Refused, is_public
from app.adapters.sandbox.egress.authority import Issued, issue
from app.adapters.sandbox.egress.private_registry import loaded
from app.adapters.sandbox.egress.proxy import Egress, egress
from app.adapters.sandbox.egress.registries import Reach
from app.adapters.sandbox.egress.tunnel import MEMORY_BYTES, MOST_AT_ONCE, MOST_HEAD, Proxy

pytestmark = pytest.mark.hostile


@pytest.fixture(scope="module")
async def proxy(reachable_folder: Path) -> AsyncIterator[Egress]:
    async with egress(reachable_folder / "egress", Reach(public=["registry.test"]), None) as running:
        yield running


async def ask(path: Path, request: bytes) -> bytes:
    """The first line of the answer; a request that is not taken for a whole one has none."""
    reader, writer = await asyncio.open_unix_connection(path)
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
    b"CONNECT registry.test:443 HTTP/1.1\r\nX: " + b"x" * 2 * MOST_HEAD,
    b"CONNECT registry.test:443 HTTP/1.1\r\n" + b"X: y\r\n" * MOST_HEAD + b"\r\n",
    b"CONNECT " + b"a" * MOST_HEAD,
    b"CONNECT registry.test:99999999999 HTTP/1.1\r\n\r\n",
    b"CONNECT http://[::1:PORT/ HTTP/1.1\r\n\r\n",
    b"CONNECT \xff\xfe:443 HTTP/1.1\r\n\r\n",
]


@pytest.mark.parametrize("request_", REQUESTS)
async def test_nothing_but_a_registry_is_reached(proxy: Egress, request_: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as canary:
        port = str(canary.getsockname()[1]).encode()
        answer = await ask(proxy.folder / "socket", request_.replace(b"PORT", port))
        assert answer[9:12] in {b"403", b"400", b"431", b""}
        canary.setblocking(False)
        with pytest.raises(BlockingIOError):
            canary.accept()
    said = await proxy.said()
    assert not [line for line in said if line.startswith("connected")]
    assert all(line.isprintable() and len(line) < 400 for line in said)


async def test_it_takes_only_so_much_memory(proxy: Egress) -> None:
    limits = limits_of_group(proxy._process.pid)
    assert limits
    assert all(str(MEMORY_BYTES) in limit for limit in limits)


def limits_of_group(group: int) -> list[str]:
    members = [path for path in Path("/proc").glob("[0-9]*") if is_in(path, group)]
    return [(path / "limits").read_text() for path in members]


def is_in(process: Path, group: int) -> bool:
    try:
        return os.getpgid(int(process.name)) == group
    except ProcessLookupError:
        return False


ADDRESSES = [
    ("151.101.0.223", True),
    ("2a04:4e42::223", True),
    ("::ffff:151.101.0.223", True),
    ("64:ff9b::9765:df", True),
    ("127.0.0.1", False),
    ("127.9.9.9", False),
    ("0.0.0.0", False),  # noqa: S104 # an address to refuse
    ("10.0.0.7", False),
    ("172.16.0.1", False),
    ("192.168.1.1", False),
    ("100.64.0.1", False),
    ("169.254.169.254", False),
    ("192.0.2.1", False),
    ("198.18.0.1", False),
    ("224.0.0.1", False),
    ("239.1.1.1", False),
    ("240.0.0.1", False),
    ("255.255.255.255", False),
    ("::", False),
    ("::1", False),
    ("::ffff:169.254.169.254", False),
    ("::ffff:10.0.0.1", False),
    ("64:ff9b::a9fe:a9fe", False),
    ("2002:a9fe:a9fe::1", False),
    ("2002:0a00:0001::1", False),
    ("fe80::1", False),
    ("fe80::1%eth0", False),
    ("fc00::1", False),
    ("fd00:ec2::254", False),
    ("ff02::1", False),
    ("2001:db8::1", False),
    ("", False),
    ("pypi.org", False),
]


@pytest.mark.parametrize(("address", "public"), ADDRESSES)
def test_only_addresses_of_the_open_internet_are_public(address: str, public: bool) -> None:  # noqa: FBT001
    assert is_public(address) == public


def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    allowed = AllowList(frozenset({"registry.test", "own.test"}), frozenset({"own.test"}))
    with pytest.raises(Refused, match=r"leads to 10\.0\.0\.1.*MINIONS_EGRESS_HOSTS"):
        allowed.addresses("registry.test", ["151.101.0.223", "10.0.0.1"])
    assert allowed.addresses("own.test", ["10.0.0.1"]) == ["10.0.0.1"]


@dataclass
class Upstream:
    """A registry on loopback that speaks TLS, a proxy that lets two names through, and both of them lead here."""

    socket: Path
    proxy: Proxy
    issued: Issued
    first_lines: list[bytes] = field(default_factory=list)
    """What arrived, decrypted."""
    connections: int = 0
    greeted: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.first_lines.append(await reader.readline())
        writer.write(b"welcome")
        await writer.drain()
        writer.close()

    async def tunnel(self, host: str, more: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]:
        """Ask for a tunnel, with `more` right behind; answers with both ends and the head of the answer."""
        reader, writer = await asyncio.open_unix_connection(self.socket)
        writer.write(f"CONNECT {host}:443 HTTP/1.1\r\n\r\n".encode() + more)
        return reader, writer, await reader.readuntil(b"\r\n\r\n")

    async def greet(self, host: str, name: str) -> bytes:
        """Open a tunnel to `host`, speak TLS with `name` in it, and give what the registry says."""
        reader, writer, _ = await self.tunnel(host)
        context = ssl.create_default_context(cadata=self.issued.authority)
        inside, outside = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = context.wrap_bio(inside, outside, server_hostname=name)
        try:
            while True:
                try:
                    client.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    await self._turn(reader, writer, inside, outside)
            client.write(b"hello\n")
            while True:
                try:
                    return client.read(100)
                except ssl.SSLWantReadError:
                    await self._turn(reader, writer, inside, outside)
        finally:
            writer.close()

    @staticmethod
    async def _turn(
        reader: asyncio.StreamReader, writer: asyncio.StreamWriter, inside: ssl.MemoryBIO, outside: ssl.MemoryBIO
    ) -> None:
        writer.write(outside.read())
        if not (data := await reader.read(65_536)):
            raise ConnectionError("cut off")
        inside.write(data)


@asynccontextmanager
async def upstream(
    folder: Path, *, patience_s: float = 30, leads_to: str = "127.0.0.1", at_once: int = MOST_AT_ONCE
) -> AsyncIterator[Upstream]:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return [leads_to]

    issued = issue(["registry.test", "other.test"])
    names = frozenset({"registry.test", "other.test"})
    allowed = AllowList(names | {"public.test"}, names)
    path = Path(tempfile.mkdtemp(dir=folder)) / "socket"
    one = Upstream(path, Proxy(allowed), issued)
    async with await asyncio.start_server(one.serve, "127.0.0.1", 0, ssl=loaded(issued.identity)) as registry:
        port = registry.sockets[0].getsockname()[1]
        one.proxy = Proxy(allowed, resolve=resolve, upstream_port=port, patience_s=patience_s, at_once=at_once)
        async with await asyncio.start_unix_server(one.proxy.serve, path, limit=MOST_HEAD):
            yield one
            await one.proxy.told()


async def test_a_tunnel_carries_tls_for_its_own_host_and_counts_bytes(tmp_path: Path) -> None:
    async with upstream(tmp_path) as there:
        assert await there.greet("registry.test", "registry.test") == b"welcome"
        assert await there.greet("REGISTRY.test", "Registry.TEST") == b"welcome"
        assert there.first_lines == [b"hello\n"] * 2
        [said] = await there.proxy.told()
    assert said.startswith("connected: registry.test:443, 2 times, ")
    assert said.endswith(" down")
    assert " 0 bytes" not in said


async def test_a_tunnel_to_one_host_does_not_carry_tls_for_another(tmp_path: Path) -> None:
    async with upstream(tmp_path) as there:
        with pytest.raises(ConnectionError):
            await there.greet("registry.test", "other.test")
        assert there.first_lines == []
        assert "refused: registry.test:443 asked for other.test" in await there.proxy.told()


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (b"CONNECT 127.0.0.1:22 HTTP/1.1\r\n\r\n", "it does not speak TLS"),
        (b"GET / HTTP/1.1\r\nHost: other.test\r\n\r\n", "it does not speak TLS"),
        (b"SSH-2.0-x\r\n", "it does not speak TLS"),
        (b"\x16\x03\x01\0\x01\x01" * 4_000, "it does not speak TLS|too long"),
    ],
)
async def test_what_is_sent_behind_connect_must_be_tls_too(tmp_path: Path, more: bytes, why: str) -> None:
    async with upstream(tmp_path) as there:
        reader, writer, answer = await there.tunnel("registry.test", more)
        assert answer.startswith(b"HTTP/1.1 200 ")
        with contextlib.suppress(ConnectionResetError):  # it was cut off with bytes unread
            assert await reader.read() == b""
        writer.close()
        assert there.first_lines == []
        said = await there.proxy.told()
    assert any(one in line for line in said for one in why.split("|") if line.startswith("refused: registry.test:443,"))


@pytest.mark.parametrize("sent", [b"", b"CONNECT registry.test:443 HTTP/1.1\r\nX: y", b"\x16"])
async def test_who_sends_no_end_is_cut_off(tmp_path: Path, sent: bytes) -> None:
    async with upstream(tmp_path, patience_s=0.1) as there:
        reader, writer = await asyncio.open_unix_connection(there.socket)
        writer.write(sent)
        assert (await reader.read()).startswith(b"HTTP/1.1 408 ")
        writer.close()
        assert await there.proxy.told() == ["refused: a request without an end"]


async def test_who_says_nothing_in_a_tunnel_is_cut_off(tmp_path: Path) -> None:
    async with upstream(tmp_path, patience_s=3) as there:
        reader, writer, _ = await there.tunnel("registry.test", b"\x16\x03")
        assert await reader.read() == b""
        writer.close()
        assert "refused: registry.test:443, its first message has no end" in await there.proxy.told()


async def test_a_name_that_leads_inside_is_not_connected_to(tmp_path: Path) -> None:
    for address in ("127.0.0.1", "169.254.169.254", "::ffff:127.0.0.1"):
        async with upstream(tmp_path, leads_to=address) as there:
            _, writer, answer = await there.tunnel("public.test")
            writer.close()
            assert answer.startswith(b"HTTP/1.1 403 Not a public address\r\n")
            [said] = await there.proxy.told()
        assert said.startswith(f"refused: public.test:443 leads to {address}, which is not a public address")


async def test_a_registry_that_is_away_is_told(tmp_path: Path) -> None:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        raise OSError("no such name")

    proxy = Proxy(AllowList(frozenset({"registry.test"})), resolve=resolve)
    async with await asyncio.start_unix_server(proxy.serve, tmp_path / "socket"):
        answer = await ask(tmp_path / "socket", b"CONNECT registry.test:443 HTTP/1.1\r\n\r\n")
        assert answer == b"HTTP/1.1 502 Registry not reachable"
        assert await proxy.told() == ["failed: registry.test:443 could not be reached: no such name"]


async def test_many_connections_at_once_leave_room_for_no_more_and_end_with_the_command(tmp_path: Path) -> None:
    async with upstream(tmp_path, at_once=20) as there:
        tunnels = [await there.tunnel("registry.test") for _ in range(20)]
        assert await ask(there.socket, b"CONNECT registry.test:443 HTTP/1.1\r\n\r\n") == (
            b"HTTP/1.1 503 Too many connections"
        )
        said = await there.proxy.told()
        assert "refused: more than 20 connections at once" in said
        assert "connected: registry.test:443, 20 times, 0 bytes up, 0 down" in said
        for reader, writer, _ in tunnels:
            assert await reader.read() == b""
            writer.close()
        assert await there.greet("registry.test", "registry.test") == b"welcome"


async def test_a_flood_of_refusals_is_told_in_few_lines(tmp_path: Path) -> None:
    async with upstream(tmp_path) as there:
        for number in range(300):
            await ask(there.socket, f"CONNECT host{number}.test:443 HTTP/1.1\r\n\r\n".encode())
        said = await there.proxy.told()
    assert len(said) == 201
    assert said[-1] == "refused: more than can be told, 100 times"
