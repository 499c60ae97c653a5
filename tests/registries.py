"""The package registries, as the network that the tests run in shows them."""

import socket

from app.adapters.sandbox.egress.allow_list import PORT, is_public
from app.adapters.sandbox.egress.registries import REGISTRIES, Reach

USED = ("pypi.org", "files.pythonhosted.org", "registry.npmjs.org", "registry.yarnpkg.com")
"""Those that tests install from."""


def mirrored() -> tuple[str, ...]:
    """Registries that lead to an address which is not public, as in a network with mirrors of its own.

    There an operator has to name them in MINIONS_EGRESS_HOSTS, and so do tests.
    """
    return tuple(host for host in USED if not all(is_public(address) for address in _addresses(host)))


def reach_from_here() -> Reach:
    """What an operator would allow here."""
    return Reach(REGISTRIES, mirrored())


def _addresses(host: str) -> list[str]:
    try:
        return [str(found[4][0]) for found in socket.getaddrinfo(host, PORT, type=socket.SOCK_STREAM)]
    except OSError:
        return []
