"""Every workflow, one folder each. To add one: write the folder, then name it here."""

from collections.abc import Mapping
from typing import Any, Final

from app.core.blueprint import Blueprint
from blueprints.fix.blueprint import BLUEPRINT as FIX

BLUEPRINTS: Final[Mapping[str, Blueprint[Any]]] = {blueprint.name: blueprint for blueprint in (FIX,)}
"""By name, as people write it behind `/minion`."""
