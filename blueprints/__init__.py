"""Every workflow, one folder each. To add one: write the folder, then name it here."""

from collections.abc import Mapping
from typing import Any, Final

from app.core.blueprint import Blueprint
from blueprints.ci.blueprint import BLUEPRINT as CI
from blueprints.config.blueprint import BLUEPRINT as CONFIG
from blueprints.dependency.blueprint import BLUEPRINT as DEPENDENCY
from blueprints.docs.blueprint import BLUEPRINT as DOCS
from blueprints.feature.blueprint import BLUEPRINT as FEATURE
from blueprints.fix.blueprint import BLUEPRINT as FIX
from blueprints.flaky.blueprint import BLUEPRINT as FLAKY
from blueprints.migrate.blueprint import BLUEPRINT as MIGRATE
from blueprints.refactor.blueprint import BLUEPRINT as REFACTOR
from blueprints.review.blueprint import BLUEPRINT as REVIEW
from blueprints.tests.blueprint import BLUEPRINT as TESTS

ALL: Final[tuple[Blueprint[Any], ...]] = (
    FIX,
    FEATURE,
    DOCS,
    CONFIG,
    TESTS,
    REFACTOR,
    DEPENDENCY,
    MIGRATE,
    FLAKY,
    CI,
    REVIEW,
)
"""In the order in which people are told of them."""
BLUEPRINTS: Final[Mapping[str, Blueprint[Any]]] = {blueprint.name: blueprint for blueprint in ALL}
"""By name, as people write it behind `/minion`."""
