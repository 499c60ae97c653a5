"""How an App is made from a manifest, and put on repositories, in the browser.

There is no login here: whoever reaches the port acts for the account that is named, or for the first person there is.
https://docs.github.com/en/apps/sharing-github-apps/registering-a-github-app-from-a-manifest
"""

import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Final
from urllib.parse import urlencode

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response

from app.demo.github.auth import hub_of
from app.demo.github.objects import App, User
from app.demo.github.pages import SENDING, ThePages
from app.demo.github.refusal import Refusal, not_found
from app.demo.github.shapes import accounts
from app.demo.github.state import Hub

router = APIRouter()
api = APIRouter()
TheHub = Annotated[Hub, Depends(hub_of)]


def _codes_of(request: Request) -> "dict[str, Handed]":
    codes: dict[str, Handed] = request.app.state.codes
    return codes


Codes = Annotated["dict[str, Handed]", Depends(_codes_of)]
_CODE_LIFE: Final = timedelta(hours=1)
"""Within which a code has to be used (docs.github.com, "Implementing the GitHub App Manifest flow", step 3)."""


@dataclass(frozen=True)
class Handed:
    """What is handed over once, for a code."""

    app: App
    pem: str
    client_secret: str
    until: datetime


@router.post("/settings/apps/new")
async def propose(hub: TheHub, pages: ThePages, manifest: Annotated[str, Form()], state: str = "") -> Response:
    """What would be made for a person, with the button that makes it."""
    return _proposed(hub, pages, _person(hub), manifest, state)


@router.post("/organizations/{login}/settings/apps/new")
async def propose_for(
    login: str, hub: TheHub, pages: ThePages, manifest: Annotated[str, Form()], state: str = ""
) -> Response:
    """The same for an organisation."""
    return _proposed(hub, pages, _account(hub, login), manifest, state)


@router.post("/settings/apps/create")
async def create(
    hub: TheHub,
    codes: Codes,
    manifest: Annotated[str, Form()],
    owner: Annotated[str, Form()],
    state: Annotated[str, Form()] = "",
) -> Response:
    """Make it, and lead back with a code."""
    wish = _read(manifest)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    ).decode()
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    try:
        app = hub.register_app(
            wish["name"],
            public_key_pem=public.decode(),
            webhook_url=wish["hook_attributes"]["url"],
            webhook_secret=secrets.token_hex(20),
            permissions=wish.get("default_permissions", {}),
            events=wish.get("default_events", []),
            owner=_account(hub, owner).login,
        )
    except ValueError as error:
        raise Refusal(422, str(error)) from None
    code = secrets.token_hex(20)
    codes[code] = Handed(app, pem, secrets.token_hex(20), hub.ground.now() + _CODE_LIFE)
    query = urlencode({"code": code} | ({"state": state} if state else {}))
    return RedirectResponse(f"{wish['redirect_url']}?{query}", 302)


@api.post("/app-manifests/{code}/conversions")
async def convert(code: str, hub: TheHub, codes: Codes) -> JSONResponse:
    """The App and its credentials, once."""
    handed = codes.pop(code, None)
    if handed is None or handed.until < hub.ground.now():
        raise not_found()
    app = handed.app
    credentials = {"client_secret": handed.client_secret, "webhook_secret": app.webhook_secret, "pem": handed.pem}
    return JSONResponse(accounts.app(hub.url, app) | {"client_id": app.client_id} | credentials, 201)


@router.get("/apps/{slug}/installations/new")
async def choose(slug: str, hub: TheHub, pages: ThePages) -> Response:
    """Which repositories of whom an App is put on."""
    app = _app(hub, slug)
    owners: dict[str, list[str]] = {}
    for one in hub.repositories.values():
        owners.setdefault(one.owner.login, []).append(one.full_name)
    return pages.show("installing.html", policy=SENDING, app=app, owners=owners)


@router.post("/apps/{slug}/installations/new")
async def install(slug: str, hub: TheHub, repositories: Annotated[list[str], Form()]) -> Response:
    """Put it there."""
    app = _app(hub, slug)
    try:
        hub.install(app, repositories)
    except ValueError as error:
        raise Refusal(422, str(error)) from None
    return RedirectResponse(f"/apps/{slug}", 303)


def _proposed(hub: Hub, pages: Any, owner: User, manifest: str, state: str) -> Response:
    wish = _read(manifest)
    taken = {app.name.lower() for app in hub.accounts.apps}
    if wish["name"].lower() in taken:
        raise Refusal(422, f"The name {wish['name']} is taken.")
    shown: Response = pages.show("making.html", policy=SENDING, wish=wish, manifest=manifest, owner=owner, state=state)
    return shown


def _read(manifest: str) -> dict[str, Any]:
    """The manifest. Raises Refusal if GitHub would not take it."""
    try:
        wish: dict[str, Any] = json.loads(manifest)
        _ = wish["name"], wish["url"], wish["redirect_url"], wish["hook_attributes"]["url"]
    except (ValueError, KeyError, TypeError):
        raise Refusal(422, "The manifest lacks a name, a url, a redirect_url or the url of a webhook.") from None
    return wish


def _person(hub: Hub) -> User:
    found = next((user for user in hub.accounts.users.values() if user.type == "User"), None)
    if found is None:
        raise not_found()
    return found


def _account(hub: Hub, login: str) -> User:
    try:
        return hub.accounts.user(login)
    except KeyError:
        raise not_found() from None


def _app(hub: Hub, slug: str) -> App:
    app = next((one for one in hub.accounts.apps if one.slug == slug), None)
    if app is None:
        raise not_found()
    return app
