"""The page of models: who works in which role, what is tried, how it does, and why something was taken back.

It names models, counts runs and compares what they cost; no repository, no person, no amount of money.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import Response

from app.core.rollout import LEAST_RUNS, WRONG_AT_MOST, Candidate, Figures, Role, RolledBack, Rollouts, times_as_dear
from app.web.access import Visitor
from app.web.pages import Pages


@dataclass(frozen=True)
class Tried:
    """A candidate as it stands."""

    candidate: Candidate
    stable: Figures
    own: Figures
    gone: RolledBack | None
    """None as long as it gets runs."""

    @property
    def times_as_dear(self) -> float | None:
        """How many times what the stable model cost it did, for each run that ended well."""
        return times_as_dear(self.stable, self.own)


class ModelsPage:
    """`/models`."""

    def __init__(self, roles: Mapping[str, Role], known: Rollouts, pages: Pages) -> None:
        self._roles = roles
        self._known = known
        self._pages = pages

    def router(self) -> APIRouter:
        """The route."""
        router = APIRouter(include_in_schema=False)
        router.add_route("/models", self._pages.guarded(self.models), methods=["GET"], include_in_schema=False)
        return router

    async def models(self, _: Request, visitor: Visitor) -> Response:
        """Show every role."""
        gone = {(one.role, one.stable, one.model, one.round): one for one in await self._known.rolled_back()}
        tried = {
            name: [await self._tried(name, role, one, gone) for one in role.candidates]
            for name, role in self._roles.items()
        }
        return self._pages.paper.page(
            "models.html",
            visitor=visitor,
            roles=self._roles,
            tried=tried,
            earlier=[one for key, one in gone.items() if key not in self._now()],
            least=LEAST_RUNS,
            limit=WRONG_AT_MOST,
        )

    async def _tried(
        self, name: str, role: Role, one: Candidate, gone: Mapping[tuple[str, str, str, int], RolledBack]
    ) -> Tried:
        stable, own = await self._known.figures(name, role.model, one)
        return Tried(one, stable, own, gone.get((name, role.model, one.model, one.round)))

    def _now(self) -> set[tuple[str, str, str, int]]:
        return {
            (name, role.model, one.model, one.round) for name, role in self._roles.items() for one in role.candidates
        }
