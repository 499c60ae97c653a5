"""The JSON Schema of `.github/minion.yml`, for editors. It tells nothing of anybody, and is for all."""

from typing import Final

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from app.core.repo_schema import schema

PATH: Final = "/minion.schema.json"
_HOUR_S: Final = 3_600
"""How long an editor may keep it: another version of the server may know more keys."""


class Editors:
    """What an editor asks for."""

    def router(self) -> APIRouter:
        """The route."""
        router = APIRouter(include_in_schema=False)
        router.add_api_route(PATH, self.tell, methods=["GET"])
        return router

    async def tell(self) -> JSONResponse:
        """The schema. Editors in a browser ask from pages of their own, so every origin may read it."""
        headers = {"Cache-Control": f"max-age={_HOUR_S}", "Access-Control-Allow-Origin": "*"}
        return JSONResponse(schema(), headers=headers)
