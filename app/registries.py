"""Which registries of packages the settings choose."""

import time
from datetime import UTC, datetime

from app.adapters.packages import RegistryIndex
from app.adapters.sandbox.egress.registries import reach
from app.settings import Settings


def chosen_index(settings: Settings) -> RegistryIndex:
    """Who is asked about new dependencies: the public registries, as far as set-up commands may reach them."""
    return RegistryIndex(public_registries(settings), clock=time.monotonic, now=lambda: datetime.now(UTC))


def public_registries(settings: Settings) -> frozenset[str]:
    """Hosts of registries that are asked about packages: no others than set-up commands may reach."""
    return frozenset(reach(settings.registries, (), None).public)
