"""Whom a TLS client wants to talk to, read from its first bytes."""

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.adapters.sandbox.egress.client_hello import MOST_BYTES, NotTls, server_name


def hello(name: str | None, version: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3) -> bytes:
    """What OpenSSL says first."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.maximum_version = version
    said = ssl.MemoryBIO()
    client = context.wrap_bio(ssl.MemoryBIO(), said, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return said.read()


def in_records(message: bytes, size: int) -> bytes:
    """The same handshake bytes in records of at most `size` bytes."""
    parts = [message[at : at + size] for at in range(0, len(message), size)]
    return b"".join(b"\x16\x03\x01" + len(part).to_bytes(2) + part for part in parts)


def written(*extensions: tuple[int, bytes], tail: bytes = b"") -> bytes:
    """A ClientHello with these extensions and nothing else worth reading."""
    listed = b"".join(kind.to_bytes(2) + len(value).to_bytes(2) + value for kind, value in extensions)
    body = b"\x03\x03" + bytes(32) + b"\0" + b"\0\x02\x13\x01" + b"\x01\0" + len(listed).to_bytes(2) + listed + tail
    return in_records(b"\x01" + len(body).to_bytes(3) + body, 2**14)


def names(*hosts: bytes, kind: int = 0) -> tuple[int, bytes]:
    listed = b"".join(bytes([kind]) + len(host).to_bytes(2) + host for host in hosts)
    return 0, len(listed).to_bytes(2) + listed


GOOD = [
    (hello("registry.test"), "registry.test"),
    (hello("registry.test", ssl.TLSVersion.TLSv1_2), "registry.test"),
    (hello("Registry.Test"), "registry.test"),
    (in_records(hello("registry.test")[5:], 1), "registry.test"),
    (in_records(hello("registry.test")[5:], 100), "registry.test"),
    (written(names(b"registry.test")), "registry.test"),
    (written((43, b"\x02\x03\x04"), names(b"a" * 255)), "a" * 255),
]


@pytest.mark.parametrize(("data", "name"), GOOD)
def test_the_name_is_read_as_soon_as_the_message_is_whole(data: bytes, name: str) -> None:
    assert server_name(data) == name
    assert server_name(data + b"\x14\x03\x03\0\x01\x01") == name
    assert [server_name(data[:end]) for end in range(len(data))] == [None] * len(data)


BAD = [
    (b"GET / HTTP/1.1\r\n\r\n", "does not speak TLS"),
    (b"SSH-2.0-x\r\n", "does not speak TLS"),
    (b"\x80\x2e\x01\x03\x01", "does not speak TLS"),
    (b"\x16\x02\x01\0\x05", "does not speak TLS"),
    (b"\x17\x03\x03\0\x05hello", "does not speak TLS"),
    (b"\x16\x03\x01\0\0", "length that TLS does not know"),
    (b"\x16\x03\x01\xff\xff", "length that TLS does not know"),
    (b"\x16\x03\x03\0\x04\x02\0\0\0", "no ClientHello"),
    (b"\x16\x03\x01\0\x04\x01\xff\xff\xff", "too long"),
    (b"\x16\x03\x01\0\x04\x01\0\0\0", "cut short"),
    (hello(None), "names no host"),
    (hello("192.0.2.7"), "names no host"),  # an address is no name: OpenSSL sends none
    (written(), "names no host"),
    (written(names()), "cut short"),
    (written(names(b"")), "exactly one host"),
    (written(names(b"registry.test", b"evil.test")), "exactly one host"),
    (written(names(b"registry.test", kind=1)), "exactly one host"),
    (written((0, names(b"registry.test")[1] + b"x")), "exactly one host"),
    (written(names(b"registry.test"), names(b"evil.test")), "twice"),
    (written(names("régistry.test".encode())), "not ASCII"),
    (written(names(b"registry.test"), (0xFE0D, b"\0")), "hides the name"),
    (written(names(b"registry.test"), tail=b"x"), "something follows"),
    (in_records(b"\x01\x00\x3f\xff" + bytes(MOST_BYTES), 1)[:MOST_BYTES], "no end"),
]


@pytest.mark.parametrize(("data", "why"), BAD)
def test_everything_else_is_refused_with_its_reason(data: bytes, why: str) -> None:
    with pytest.raises(NotTls, match=why):
        server_name(data)


def judged(data: bytes) -> str | None:
    """What becomes of these bytes: a name, more to read, or a reason."""
    try:
        return server_name(data)
    except NotTls as reason:
        return f"refused: {reason}"


@given(st.binary(max_size=400) | st.binary(max_size=400).map(lambda data: in_records(b"\x01\0\x01\0" + data, 90)))
def test_garbage_is_refused_or_waited_for(data: bytes) -> None:
    judged(data)
    assert judged(data + bytes(MOST_BYTES)) is not None


@given(st.data())
def test_a_flipped_byte_breaks_nothing(data: st.DataObject) -> None:
    whole = bytearray(GOOD[0][0])
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] = data.draw(st.integers(0, 255))
    judged(bytes(whole))
