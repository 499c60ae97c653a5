"""What Apps ask about themselves: installations, tokens, deliveries."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response

from app.demo.github.auth import Caller, caller_of, calling_app, hub_of
from app.demo.github.ground import stamp
from app.demo.github.objects import App, Delivery, Installation
from app.demo.github.refusal import Refusal, not_found
from app.demo.github.rest.wire import MOST_PER_PAGE, Sent, link, page, sent
from app.demo.github.shapes import accounts, repositories
from app.demo.github.state import Hub

router = APIRouter()
TheHub = Annotated[Hub, Depends(hub_of)]
TheApp = Annotated[App, Depends(calling_app)]
TheCaller = Annotated[Caller, Depends(caller_of)]


class TokenWish(Sent):
    """What an installation token is to be narrowed to."""

    repositories: list[str] | None = None
    repository_ids: list[int] | None = None
    permissions: dict[str, Literal["read", "write", "admin"]] | None = None


class HookConfig(Sent):
    """Where the App's webhook goes."""

    url: str | None = None
    content_type: Literal["json"] | None = None
    secret: str | None = None
    insecure_ssl: str | int | None = None


@router.get("/app")
async def get_app(hub: TheHub, app: TheApp) -> JSONResponse:
    """The App itself."""
    installed = sum(one.app is app for one in hub.accounts.installations)
    return JSONResponse(accounts.app(hub.url, app) | {"installations_count": installed})


@router.get("/app/installations")
async def list_installations(request: Request, hub: TheHub, app: TheApp) -> JSONResponse:
    """Where the App is installed, suspended ones included."""
    shown, headers = page(request, [one for one in hub.accounts.installations if one.app is app])
    return JSONResponse([accounts.installation(hub.url, one) for one in shown], headers=headers)


@router.get("/app/installations/{installation_id}")
async def get_installation(installation_id: int, hub: TheHub, app: TheApp) -> JSONResponse:
    """One installation."""
    return JSONResponse(accounts.installation(hub.url, _installation(hub, app, installation_id)))


@router.get("/repos/{owner}/{name}/installation")
async def get_repository_installation(owner: str, name: str, hub: TheHub, app: TheApp) -> JSONResponse:
    """The installation that has a repository."""
    repository = hub.repository(f"{owner}/{name}")
    for one in hub.accounts.installations:
        if one.app is app and repository in one.repositories:
            return JSONResponse(accounts.installation(hub.url, one))
    raise not_found()


@router.post("/app/installations/{installation_id}/access_tokens")
async def create_token(
    installation_id: int, hub: TheHub, app: TheApp, wish: Annotated[TokenWish, Depends(sent(TokenWish))]
) -> JSONResponse:
    """A token of an installation, perhaps narrowed."""
    installation = _installation(hub, app, installation_id)
    chosen = None
    if wish.repositories is not None or wish.repository_ids is not None:
        chosen = [
            one
            for one in hub.repositories.values()
            if one.id in (wish.repository_ids or ())
            or (one.owner is installation.account and one.name in (wish.repositories or ()))
        ]
        if len(chosen) < len({*(wish.repository_ids or ()), *(wish.repositories or ())}):
            raise Refusal(
                422,
                "There is at least one repository that does not exist or is not accessible to the parent installation.",
            )
    token = hub.accounts.mint(installation, wish.permissions, chosen)
    answer: dict[str, object] = {
        "token": token.value,
        "expires_at": stamp(token.expires_at),
        "permissions": token.permissions,
        "repository_selection": "selected",
    }
    if chosen is not None:
        answer["repositories"] = [repositories.repository(hub.url, one) for one in chosen]
    return JSONResponse(answer, status_code=201)


@router.delete("/installation/token")
async def revoke_token(hub: TheHub, caller: TheCaller) -> Response:
    """The calling installation token dies."""
    if caller.token is None:
        raise Refusal(403, "Resource not accessible by personal access token")
    hub.accounts.revoke(caller.token)
    return Response(status_code=204)


@router.get("/installation/repositories")
async def list_repositories(request: Request, hub: TheHub, caller: TheCaller) -> JSONResponse:
    """What the calling installation token can see."""
    if caller.token is None:
        raise Refusal(403, "You must authenticate with an installation access token in order to list repositories.")
    seen = [one for one in caller.token.installation.repositories if caller.sees(one)]
    shown, headers = page(request, seen)
    listed = [repositories.repository(hub.url, one, caller.role(one)) for one in shown]
    body = {"total_count": len(seen), "repository_selection": "selected", "repositories": listed}
    return JSONResponse(body, headers=headers)


# -- Webhook ---------------------------------------------------------------------------------------------------------
@router.get("/app/hook/config")
async def get_hook(app: TheApp) -> JSONResponse:
    """Where the webhook goes; the secret is not told."""
    return JSONResponse(_config(app))


@router.patch("/app/hook/config")
async def change_hook(app: TheApp, config: Annotated[HookConfig, Depends(sent(HookConfig))]) -> JSONResponse:
    """Let the webhook go elsewhere, or be signed with another secret."""
    app.webhook_url = config.url or app.webhook_url
    app.webhook_secret = config.secret or app.webhook_secret
    return JSONResponse(_config(app))


@router.get("/app/hook/deliveries")
async def list_deliveries(request: Request, hub: TheHub, app: TheApp) -> JSONResponse:
    """Deliveries, newest first; pages are led through by a cursor."""
    query = request.query_params
    size = int(query["per_page"]) if query.get("per_page", "").isdecimal() else 30
    size = min(max(size, 1), MOST_PER_PAGE)
    ours = [one for one in reversed(hub.deliveries) if one.app is app and one.status != "pending"]
    wanted = query.get("status")
    if wanted not in {None, "success", "failure"}:
        raise Refusal(422, 'Invalid request.\n\n"status" must be success or failure.')
    if wanted:
        ours = [one for one in ours if (200 <= one.status_code < 400) == (wanted == "success")]
    cursor = query.get("cursor", "")
    if cursor:
        if not cursor.removeprefix("v1_").isdecimal():
            raise Refusal(422, "Invalid cursor")
        ours = [one for one in ours if one.id <= int(cursor.removeprefix("v1_"))]
    more = {"Link": link(request, "next", {"cursor": f"v1_{ours[size].id}"})} if len(ours) > size else {}
    return JSONResponse([accounts.delivery(one) for one in ours[:size]], headers=more)


@router.get("/app/hook/deliveries/{delivery_id}")
async def get_delivery(delivery_id: int, hub: TheHub, app: TheApp) -> JSONResponse:
    """One delivery with what was sent and what came back."""
    return JSONResponse(accounts.full_delivery(_delivery(hub, app, delivery_id)))


@router.post("/app/hook/deliveries/{delivery_id}/attempts")
async def redeliver(delivery_id: int, hub: TheHub, app: TheApp) -> JSONResponse:
    """Send it again: the same guid, a new id."""
    hub.hooks.redeliver(_delivery(hub, app, delivery_id))
    return JSONResponse({}, status_code=202)


def _config(app: App) -> dict[str, str]:
    return {"url": app.webhook_url, "content_type": "json", "insecure_ssl": "0", "secret": "********"}


def _installation(hub: Hub, app: App, installation_id: int) -> Installation:
    for one in hub.accounts.installations:
        if one.app is app and one.id == installation_id:
            return one
    raise not_found()


def _delivery(hub: Hub, app: App, delivery_id: int) -> Delivery:
    for one in hub.deliveries:
        if one.app is app and one.id == delivery_id:
            return one
    raise not_found()
