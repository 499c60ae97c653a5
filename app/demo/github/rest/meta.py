"""What the server says about itself."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from app.demo.github.auth import caller_of, hub_of
from app.demo.github.state import Hub

router = APIRouter()
TheHub = Annotated[Hub, Depends(hub_of)]

PLACES = {
    "current_user_url": "/user",
    "current_user_authorizations_html_url": "/settings/connections/applications{/client_id}",
    "authorizations_url": "/authorizations",
    "code_search_url": "/search/code?q={query}",
    "commit_search_url": "/search/commits?q={query}",
    "emails_url": "/user/emails",
    "emojis_url": "/emojis",
    "events_url": "/events",
    "feeds_url": "/feeds",
    "followers_url": "/user/followers",
    "following_url": "/user/following{/target}",
    "gists_url": "/gists{/gist_id}",
    "issue_search_url": "/search/issues?q={query}",
    "issues_url": "/issues",
    "keys_url": "/user/keys",
    "label_search_url": "/search/labels?q={query}&repository_id={repository_id}",
    "notifications_url": "/notifications",
    "organization_url": "/orgs/{org}",
    "organization_repositories_url": "/orgs/{org}/repos",
    "organization_teams_url": "/orgs/{org}/teams",
    "public_gists_url": "/gists/public",
    "rate_limit_url": "/rate_limit",
    "repository_url": "/repos/{owner}/{repo}",
    "repository_search_url": "/search/repositories?q={query}",
    "current_user_repositories_url": "/user/repos",
    "starred_url": "/user/starred{/owner}{/repo}",
    "starred_gists_url": "/gists/starred",
    "user_url": "/users/{user}",
    "user_organizations_url": "/user/orgs",
    "user_repositories_url": "/users/{user}/repos",
    "user_search_url": "/search/users?q={query}",
}
"""GitHub's `root` lists these; most of them are answered with 404 here."""


@router.get("")
@router.get("/")
async def root(hub: TheHub) -> JSONResponse:
    """Where things are."""
    api = f"{hub.url}/api/v3"
    return JSONResponse({name: api + tail for name, tail in PLACES.items()})


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
