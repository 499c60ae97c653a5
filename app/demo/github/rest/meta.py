"""What the server says about itself."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from app.demo.github.auth import caller_of, hub_of
from app.demo.github.state import Hub

router = APIRouter()
TheHub = Annotated[Hub, Depends(hub_of)]


@router.get("")
@router.get("/")
async def root(hub: TheHub) -> JSONResponse:
    """Where things are."""
    api = f"{hub.url}/api/v3"
    places = {
        "current_user_url": "/user",
        "rate_limit_url": "/rate_limit",
        "repository_url": "/repos/{owner}/{repo}",
        "user_url": "/users/{user}",
    }
    return JSONResponse({name: api + tail for name, tail in places.items()})


@router.get("/meta")
async def meta() -> JSONResponse:
    """The version; there are no address ranges on loopback."""
    return JSONResponse({"verifiable_password_authentication": False, "installed_version": "3.19.0", "hooks": []})


@router.get("/rate_limit")
async def rate_limit(request: Request, hub: TheHub) -> JSONResponse:
    """What is left of this hour's requests; asking costs nothing."""
    caller_of(request)
    rate = request.state.rate
    other = {"limit": hub.rate_limit, "remaining": hub.rate_limit, "used": 0, "reset": rate["reset"]}
    return JSONResponse({"resources": {"core": rate, "search": other, "graphql": other}, "rate": rate})
