"""Signing in to an App, as a browser sees it. There is no login here: one chooses who one is."""

from typing import Annotated
from urllib.parse import parse_qs, urlencode, urlsplit

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from app.demo.github.auth import hub_of
from app.demo.github.objects import App
from app.demo.github.pages import Pages, pages_of
from app.demo.github.refusal import not_found
from app.demo.github.state import Hub

router = APIRouter()
TheHub = Annotated[Hub, Depends(hub_of)]
ThePages = Annotated[Pages, Depends(pages_of)]


@router.get("/login/oauth/authorize")
async def authorize(request: Request, hub: TheHub, pages: ThePages) -> Response:
    """Ask who it is that signs in."""
    app, query = _app(hub, request), dict(request.query_params)
    people = [user for user in hub.accounts.users.values() if user.type == "User"]
    choices = [(user.login, f"/login/oauth/approve?{urlencode(query | {'login': user.login})}") for user in people]
    return pages.show("authorize.html", app=app, choices=choices)


@router.get("/login/oauth/approve")
async def approve(request: Request, hub: TheHub) -> Response:
    """Send whoever was chosen back to the App, with a code."""
    app, query = _app(hub, request), request.query_params
    try:
        user = hub.accounts.user(query.get("login", ""))
    except KeyError:
        raise not_found() from None
    back = query.get("redirect_uri", "")
    code = hub.sign_ins.allow(app, user, back=back, challenge=query.get("code_challenge", ""))
    return RedirectResponse(f"{back}?{urlencode({'code': code, 'state': query.get('state', '')})}", 302)


@router.post("/login/oauth/access_token")
async def access_token(request: Request, hub: TheHub) -> JSONResponse:
    """A token for a code. What is wrong is told with 200, as GitHub does."""
    said = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
    app = hub.accounts.app_by_issuer(said.get("client_id", ""))
    if app is None or said.get("client_secret") != app.client_secret:
        words = "The client_id and/or client_secret passed are incorrect."
        return JSONResponse({"error": "incorrect_client_credentials", "error_description": words})
    back, verifier = said.get("redirect_uri", ""), said.get("code_verifier", "")
    token = hub.sign_ins.exchange(app, said.get("code", ""), back=back, verifier=verifier)
    if token is None:
        words = "The code passed is incorrect or expired."
        return JSONResponse({"error": "bad_verification_code", "error_description": words})
    return JSONResponse({"access_token": token, "token_type": "bearer", "scope": ""})


def _app(hub: Hub, request: Request) -> App:
    """The App that somebody comes from. Raises Refusal if it is unknown, or wants them sent to somebody else."""
    query = request.query_params
    app = hub.accounts.app_by_issuer(query.get("client_id", ""))
    if app is None or urlsplit(query.get("redirect_uri", "")).netloc != urlsplit(app.webhook_url).netloc:
        raise not_found()
    return app
