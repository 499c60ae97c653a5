"""Which boxes the settings choose."""

from functools import partial

from app.adapters.sandbox.bubblewrap.boxes import BubblewrapBoxes
from app.adapters.sandbox.egress.registries import reach
from app.adapters.sandbox.limits import Limits
from app.core.redaction import Redactor
from app.settings import Settings
from blueprints.steps.configuration import container_image


def chosen_boxes(settings: Settings, redactor: Redactor) -> BubblewrapBoxes:
    """The boxes of the settings; nothing is looked at yet. Raises SettingsError if registries cannot be used."""
    allowed = reach(settings.registries, settings.egress_hosts, settings.registries_file)
    for registry in allowed.private.values():
        redactor.add(registry.authorization)
        redactor.add(registry.authorization.split(" ")[-1])
    limits = Limits(memory_bytes=round(settings.box_memory_gib * 1024**3), cpus=settings.box_cpus)
    if settings.sandbox == "bubblewrap":
        return BubblewrapBoxes(settings.home, reach=allowed, limits=limits)
    # The engine's SDK takes 0.2 s to import, which everybody else need not wait for.
    from app.adapters.sandbox.containers.boxes import ContainerBoxes  # noqa: PLC0415

    return ContainerBoxes(
        settings.home,
        image=settings.container_image,
        choose_image=partial(container_image, own=settings.container_image, allowed=settings.container_images),
        runtime=settings.container_runtime,
        reach=allowed,
        limits=limits,
    )
