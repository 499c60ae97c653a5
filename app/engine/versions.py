"""Which table a run is walked by: programs of two versions may be at work at once, and runs live longer than either."""

from typing import Any

from app.core import wording
from app.core.blueprint import Blueprint
from app.core.errors import BlueprintError, MinionsError
from app.core.run import Run
from app.engine.dispatch import Blueprints


class ForNewer(MinionsError):
    """The run is of a newer blueprint than this program has."""


def leave_to_newer(run: Run, blueprints: Blueprints, most_tries: int) -> None:
    """Raise ForNewer if only a newer program, which is being rolled out, knows how to walk the run.

    Not for ever: if that was rolled back, or if it is this one that is newer and the blueprint was removed, people are
    told so after `most_tries`, by BlueprintError.
    """
    known = blueprints.get(run.blueprint)
    if run.blueprint_version <= (known.version if known else 0):
        return
    if run.tries < most_tries:
        raise ForNewer(wording.newer_blueprint(run.blueprint))
    if not run.status.has_ended:
        raise BlueprintError(wording.blueprint_changed(run.blueprint))


def brought_up(run: Run, blueprints: Blueprints) -> Run:
    """The run with the version of the table that it goes on with, which is saved with whatever it does next."""
    known = blueprints.get(run.blueprint)
    if known is None or run.status.has_ended or run.blueprint_version == known.version:
        return run
    newer = {"blueprint_version": known.version}
    if not run.state:  # it has not begun
        return run.model_copy(update=newer | {"at": known.start.name})
    return run.model_copy(update=newer) if known.takes(run.blueprint_version) else run


def blueprint_of(run: Run, blueprints: Blueprints) -> Blueprint[Any]:
    """What the run is walked by. Raises BlueprintError if it is not there any more, or has become another."""
    blueprint = blueprints.get(run.blueprint)
    if blueprint is None or blueprint.version != run.blueprint_version:
        raise BlueprintError(wording.blueprint_changed(run.blueprint))
    return blueprint
