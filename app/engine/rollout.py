"""Gives runs the models that are tried, looks how those do, and takes them back when they do worse."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from app.core.rollout import Role, Rollouts, arm_of, verdict
from app.core.run import Run
from app.core.terms import Arm
from app.engine import rounds

_log = logging.getLogger(__name__)

EVERY_S: Final = 60.0
"""Each run that begins looks, too; this is for pages, where nothing begins."""


@dataclass(frozen=True)
class Rollout:
    """The trials of one installation; every worker looks at the same figures and comes to the same."""

    roles: Mapping[str, Role]
    known: Rollouts

    @property
    def is_on(self) -> bool:
        """Whether anything is tried at all."""
        return any(role.candidates for role in self.roles.values())

    async def arms(self, run: Run) -> Mapping[str, Arm]:
        """Which models a run that begins has where one is tried. Raises StoreDown."""
        if not self.is_on:
            return {}
        await self.look()
        gone = [(one.role, one.stable, one.model, one.round) for one in await self.known.rolled_back()]
        arms = {
            name: arm_of(
                run.id,
                name,
                role,
                {(model, at) for of, stable, model, at in gone if (of, stable) == (name, role.model)},
            )
            for name, role in self.roles.items()
        }
        return {name: arm for name, arm in arms.items() if arm}

    async def look(self) -> None:
        """Roll back what does worse. Raises StoreDown."""
        gone = {(one.role, one.stable, one.model, one.round) for one in await self.known.rolled_back()}
        for name, role in self.roles.items():
            for one in role.candidates:
                if (name, role.model, one.model, one.round) in gone:
                    continue
                why = verdict(*await self.known.figures(name, role.model, one), one.cost_limit)
                if why and await self.known.roll_back(name, role.model, one, why):
                    _log.warning("%s gets no more runs as %s: %s", one.model, name, why)

    async def keep_looking(self) -> None:
        """Look until cancelled."""
        if self.is_on:
            await rounds.keep(self.look, "Looking how models do", EVERY_S)
