"""Whether the server is there, and whether it can work."""

from collections import Counter

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from app.core.store import Store, StoreDown


class Health:
    """The two questions of an orchestrator, and the figures of a person who wonders."""

    def __init__(self, store: Store, counts: Counter[str]) -> None:
        self._store = store
        self._counts = counts

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/healthz", self.alive, methods=["GET"])
        router.add_api_route("/readyz", self.ready, methods=["GET"])
        return router

    async def alive(self) -> dict[str, object]:
        """This process answers; deliveries that it got since it started."""
        return {"status": "alive", "deliveries": dict(self._counts)}

    async def ready(self) -> JSONResponse:
        """The database answers, too; runs by status, and how things stand with GitHub."""
        try:
            vitals = await self._store.vitals()
            counts = dict(await self._store.counts())
            return JSONResponse({"status": "ready", "runs": counts, **vitals.model_dump()})
        except StoreDown as error:
            return JSONResponse({"status": "not ready", "why": str(error)}, 503)
