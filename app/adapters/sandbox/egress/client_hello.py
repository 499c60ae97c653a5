"""The first words of a TLS client, and the one name in them: whom it wants to talk to. Pure, on bytes.

What a record, a handshake message and an extension look like: RFC 8446, sections 4 and 5, and RFC 6066, section 3.
"""

from typing import Final

MOST_BYTES: Final = 16 * 1024
"""Of a whole first message with its record headers. OpenSSL's have 0.5 KB, 2 KB with keys against quantum computers."""

_HANDSHAKE: Final = 22
_CLIENT_HELLO: Final = 1
_SERVER_NAME: Final = 0
_HOST_NAME: Final = 0
_ENCRYPTED_CLIENT_HELLO: Final = 0xFE0D
"""RFC 9849: the name that counts is hidden in it, and the one that can be read is only for show."""
_RECORD_HEADER: Final = 5
_MOST_RECORD: Final = 2**14
_RANDOM: Final = 2 + 32
"""Bytes of the version and of the random number, which stand before the first part with a length of its own."""


class NotTls(ValueError):  # it says what it is
    """These bytes do not begin a TLS connection that names its host openly; the text says why."""


def server_name(data: bytes) -> str | None:
    """The host that a client asks for, in small letters; None while the message is not complete.

    `data` is everything that the client has sent so far. Raises NotTls if no further bytes can make it good: it is
    something else, it names no host or more than one, it hides the name, or it is longer than `MOST_BYTES`.
    """
    message = _message(data)
    if message is not None:
        return _name(_extensions(message))
    if len(data) >= MOST_BYTES:
        raise NotTls("its first message has no end")
    return None


def _message(data: bytes) -> bytes | None:
    """The ClientHello without its header, put together from the records that it is spread over."""
    handshake, at = b"", 0
    while at < len(data):
        header = data[at : at + _RECORD_HEADER]
        if header[0] != _HANDSHAKE or header[1:2] not in {b"", b"\x03"}:
            raise NotTls("it does not speak TLS")
        if len(header) < _RECORD_HEADER:
            return None
        size = int.from_bytes(header[3:5])
        if not 0 < size <= _MOST_RECORD:
            raise NotTls("a record has a length that TLS does not know")
        handshake += data[at + _RECORD_HEADER : at + _RECORD_HEADER + size]
        if handshake[:1] not in {b"", bytes([_CLIENT_HELLO])}:
            raise NotTls("its first message is no ClientHello")
        if len(handshake) >= 4:
            length = int.from_bytes(handshake[1:4])
            if length > MOST_BYTES:
                raise NotTls("its first message is too long")
            if len(handshake) >= 4 + length:
                return handshake[4 : 4 + length]
        at += _RECORD_HEADER + size
    return None


def _extensions(message: bytes) -> dict[int, bytes]:
    _, rest = _cut(message, _RANDOM)
    for size in (1, 2, 1):  # session, cipher suites, ways to compress
        _, rest = _vector(rest, size)
    listed, rest = _vector(rest, 2)
    if rest:
        raise NotTls("something follows its first message")
    found: dict[int, bytes] = {}
    while listed:
        kind, listed = _cut(listed, 2)
        value, listed = _vector(listed, 2)
        if found.setdefault(int.from_bytes(kind), value) is not value:
            raise NotTls("it says the same thing twice")
    return found


def _name(extensions: dict[int, bytes]) -> str:
    if _ENCRYPTED_CLIENT_HELLO in extensions:
        raise NotTls("it hides the name of its host")
    if _SERVER_NAME not in extensions:
        raise NotTls("it names no host")
    names, rest = _vector(extensions[_SERVER_NAME], 2)
    kind, names = _cut(names, 1)
    name, more = _vector(names, 2)
    if rest or more or kind[0] != _HOST_NAME or not name:
        raise NotTls("it does not name exactly one host")
    try:
        return name.decode("ascii").lower()
    except UnicodeDecodeError:
        raise NotTls("the name of its host is not ASCII") from None


def _vector(data: bytes, size: int) -> tuple[bytes, bytes]:
    """What stands behind a length of `size` bytes, and what follows it."""
    length, rest = _cut(data, size)
    return _cut(rest, int.from_bytes(length))


def _cut(data: bytes, size: int) -> tuple[bytes, bytes]:
    if len(data) < size:
        raise NotTls("its first message is cut short")
    return data[:size], data[size:]
