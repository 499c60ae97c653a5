"""What install commands may reach: which hosts, at which addresses. Decides only; `tunnel.py` does it."""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

PORT: Final = 443
_CONNECT: Final = re.compile(rb"CONNECT ([A-Za-z0-9.-]{1,253}):([0-9]{1,5}) HTTP/1\.[01]\r\n")
_TRANSLATED: Final = ipaddress.ip_network("64:ff9b::/96")
"""RFC 6052: an IPv4 address stands in the last four bytes."""


class Refused(Exception):  # it says what it is
    """This may not be done; `str()` is the sentence for the record."""

    def __init__(self, sentence: str, *, status: int = 403, reason: str = "Not an allowed registry") -> None:
        super().__init__(sentence)
        self.status = status
        self.reason = reason


@dataclass(frozen=True)
class Private:
    """A registry that wants a credential, which the box must not have."""

    port: int
    authorization: str
    """Value of the header of that name; a secret."""
    certificates: str
    """PEM of whom to trust there."""


@dataclass(frozen=True)
class AllowList:
    """Hosts by exact name in small letters."""

    public: frozenset[str]
    """Only where they lead to public addresses."""
    own: frozenset[str] = frozenset()
    """The operator's: they may stand anywhere."""
    private: Mapping[str, Private] = field(default_factory=dict)

    def host(self, head: bytes) -> tuple[str, int]:
        """Host and port of a request's head, if it may be reached. Raises Refused."""
        asked = _CONNECT.match(head)
        if asked is None:
            raise Refused(f"refused: {_place(head)} is not an allowed registry")
        host, port = asked[1].decode().lower(), int(asked[2])
        wanted = self.private[host].port if host in self.private else PORT
        if port != wanted or not (host in self.public or host in self.own or host in self.private):
            raise Refused(f"refused: {host}:{port} is not an allowed registry")
        return host, port

    def addresses(self, host: str, found: Sequence[str]) -> Sequence[str]:
        """The addresses to connect to, of those that the name leads to. Raises Refused if one may not be reached."""
        if host in self.public and host not in self.own:
            for address in found:
                if not is_public(address):
                    raise Refused(
                        f"refused: {host}:{PORT} leads to {address}, which is not a public address; "
                        f"if it is your own, whoever runs Minions can name {host} in MINIONS_EGRESS_HOSTS",
                        reason="Not a public address",
                    )
        return found


def is_public(address: str) -> bool:
    """Whether an address belongs to the open Internet, also as the IPv4 address that an IPv6 one stands for."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in _TRANSLATED:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
        if inner is not None:
            return is_public(str(inner))
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_link_local or ip.is_unspecified)


def _place(head: bytes) -> str:
    """Where a request that is refused wanted to go, as far as that can be told."""
    target = [*head.split(b"\r\n", 1)[0].split(b" "), b""][1].decode("ascii", "replace")
    try:
        url = urlsplit(target if "://" in target else f"//{target}")
        host, port = url.hostname, url.port or 80
    except ValueError:
        host, port = None, 0
    # The head is the box's: it must not write lines of its own into the record.
    return f"{ascii(host[:253])[1:-1]}:{port}" if host else "a request that is none"
