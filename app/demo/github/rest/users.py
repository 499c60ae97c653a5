"""What somebody sees with a user token of an App: what both they and the App can reach."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from app.demo.github.auth import credential, hub_of
from app.demo.github.objects import App, Installation, User
from app.demo.github.refusal import Refusal, not_found
from app.demo.github.rest.wire import page
from app.demo.github.shapes import accounts, repositories
from app.demo.github.state import Hub

router = APIRouter()
TheHub = Annotated[Hub, Depends(hub_of)]


def signed_in(request: Request) -> tuple[App, User]:
    """Whose user token came with the request, and of which App. Raises Refusal (401)."""
    found = hub_of(request).sign_ins.holder(credential(request.headers.get("authorization", "")))
    if found is None:
        raise Refusal(401, "Bad credentials")
    return found


SignedIn = Annotated[tuple[App, User], Depends(signed_in)]


@router.get("/user/installations")
async def list_installations(request: Request, hub: TheHub, who: SignedIn) -> JSONResponse:
    """Installations of the App that have a repository which they can read."""
    app, user = who
    seen = [one for one in hub.accounts.installations if one.app is app and _reached(one, user)]
    shown, headers = page(request, seen)
    listed = [accounts.installation(hub.url, one) for one in shown]
    return JSONResponse({"total_count": len(seen), "installations": listed}, headers=headers)


@router.get("/user/installations/{installation_id}/repositories")
async def list_repositories(installation_id: int, request: Request, hub: TheHub, who: SignedIn) -> JSONResponse:
    """Repositories of an installation that somebody gave them a right to."""
    app, user = who
    installation = next(
        (one for one in hub.accounts.installations if one.app is app and one.id == installation_id), None
    )
    if installation is None:
        raise not_found()
    seen = [one for one in installation.repositories if user.login.lower() in one.collaborators or user is one.owner]
    shown, headers = page(request, seen)
    listed = [repositories.repository(hub.url, one, one.role_of(user)) for one in shown]
    return JSONResponse({"total_count": len(seen), "repositories": listed}, headers=headers)


def _reached(installation: Installation, user: User) -> bool:
    return any(one.role_of(user) != "none" for one in installation.repositories)
