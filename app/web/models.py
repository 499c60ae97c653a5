"""The page of models: who works in which role, what is tried, how it does, and why something was taken back.

It names models and counts runs; no repository, no person, no money.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from app.core.rollout import LEAST_RUNS, WRONG_AT_MOST, Candidate, Figures, Role, RolledBack, Rollouts
from app.web.pages import POLICY


@dataclass(frozen=True)
class Tried:
    """A candidate as it stands."""

    candidate: Candidate
    stable: Figures
    own: Figures
    gone: RolledBack | None
    """None as long as it gets runs."""


class ModelsPage:
    """`/models`."""

    def __init__(self, roles: Mapping[str, Role], known: Rollouts) -> None:
        self._roles = roles
        self._known = known
        self._templates = Environment(
            loader=PackageLoader("app.web"),
            autoescape=select_autoescape(default=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def router(self) -> APIRouter:
        """The route."""
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/models", self.models, methods=["GET"], response_class=HTMLResponse)
        return router

    async def models(self) -> Response:
        """Show every role."""
        gone = {(one.role, one.stable, one.model, one.round): one for one in await self._known.rolled_back()}
        tried = {
            name: [await self._tried(name, role, one, gone) for one in role.candidates]
            for name, role in self._roles.items()
        }
        text = self._templates.get_template("models.html").render(
            roles=self._roles,
            tried=tried,
            earlier=[one for key, one in gone.items() if key not in self._now()],
            least=LEAST_RUNS,
            limit=WRONG_AT_MOST,
        )
        return HTMLResponse(text, headers=POLICY)

    async def _tried(
        self, name: str, role: Role, one: Candidate, gone: Mapping[tuple[str, str, str, int], RolledBack]
    ) -> Tried:
        stable, own = await self._known.figures(name, role.model, one)
        return Tried(one, stable, own, gone.get((name, role.model, one.model, one.round)))

    def _now(self) -> set[tuple[str, str, str, int]]:
        return {
            (name, role.model, one.model, one.round) for name, role in self._roles.items() for one in role.candidates
        }
