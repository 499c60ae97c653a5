"""Accounts, Apps, installations and deliveries as GitHub shows them."""

import json
from typing import Any

from app.demo.github.ground import node_id, stamp, stamp_or_none
from app.demo.github.objects import App, Delivery, Installation, Repository, Role, User

Json = dict[str, Any]


def user(url: str, account: User) -> Json:
    """GitHub's `simple-user`."""
    api = f"{url}/api/v3/users/{account.login}"
    page = f"{url}/apps/{account.app.slug}" if account.app else f"{url}/{account.login}"
    return {
        "login": account.login,
        "id": account.id,
        "node_id": node_id("User", account.id),
        "avatar_url": f"{url}/avatars/{account.id}",
        "gravatar_id": "",
        "url": api,
        "html_url": page,
        "followers_url": f"{api}/followers",
        "following_url": f"{api}/following{{/other_user}}",
        "gists_url": f"{api}/gists{{/gist_id}}",
        "starred_url": f"{api}/starred{{/owner}}{{/repo}}",
        "subscriptions_url": f"{api}/subscriptions",
        "organizations_url": f"{api}/orgs",
        "repos_url": f"{api}/repos",
        "events_url": f"{api}/events{{/privacy}}",
        "received_events_url": f"{api}/received_events",
        "type": account.type,
        "user_view_type": "public",
        "site_admin": False,
    }


def full_user(url: str, account: User) -> Json:
    """GitHub's `public-user`."""
    nothing = dict.fromkeys(("name", "company", "blog", "location", "email", "hireable", "bio", "twitter_username"))
    figures = dict.fromkeys(("public_repos", "public_gists", "followers", "following"), 0)
    times = {"created_at": stamp(account.created_at), "updated_at": stamp(account.created_at)}
    return user(url, account) | nothing | figures | times


def collaborator(url: str, repository: Repository, account: User) -> Json:
    """The answer on what somebody may do: the coarse word, the role, and the account."""
    role = repository.role_of(account)
    may = abilities(role)
    coarse = {"maintain": "write", "triage": "read"}.get(role, role)
    shown = user(url, account) | {"permissions": may, "role_name": role, "name": None, "email": None}
    return {"permission": coarse, "role_name": role, "user": shown}


def abilities(role: Role) -> dict[str, bool]:
    """A role as GitHub's five flags."""
    order: tuple[Role, ...] = ("read", "triage", "write", "maintain", "admin")
    height = order.index(role) if role in order else -1
    return dict(zip(("pull", "triage", "push", "maintain", "admin"), (at <= height for at in range(5)), strict=True))


def app(url: str, one: App) -> Json:
    """GitHub's `integration`."""
    return {
        "id": one.id,
        "client_id": one.client_id,
        "slug": one.slug,
        "node_id": node_id("App", one.id),
        "owner": user(url, one.owner),
        "name": one.name,
        "description": None,
        "external_url": url,
        "html_url": f"{url}/apps/{one.slug}",
        "created_at": stamp(one.created_at),
        "updated_at": stamp(one.created_at),
        "permissions": dict(one.permissions),
        "events": list(one.events),
    }


def installation(url: str, one: Installation) -> Json:
    """GitHub's `installation`."""
    api = f"{url}/api/v3"
    return {
        "id": one.id,
        "account": user(url, one.account),
        "repository_selection": "selected",
        "access_tokens_url": f"{api}/app/installations/{one.id}/access_tokens",
        "repositories_url": f"{api}/installation/repositories",
        "html_url": f"{url}/settings/installations/{one.id}",
        "app_id": one.app.id,
        "client_id": one.app.client_id,
        "app_slug": one.app.slug,
        "target_id": one.account.id,
        "target_type": one.account.type,
        "permissions": dict(one.permissions),
        "events": list(one.app.events),
        "created_at": stamp(one.created_at),
        "updated_at": stamp(one.updated_at),
        "single_file_name": None,
        "has_multiple_single_files": False,
        "single_file_paths": [],
        "suspended_by": user(url, one.suspended_by) if one.suspended_by else None,
        "suspended_at": stamp_or_none(one.suspended_at),
    }


def delivery(one: Delivery) -> Json:
    """GitHub's `hook-delivery-item`."""
    return {
        "id": one.id,
        "guid": one.guid,
        "delivered_at": stamp(one.delivered_at),
        "redelivery": one.redelivery,
        "duration": one.duration,
        "status": one.status,
        "status_code": one.status_code,
        "event": one.event,
        "action": one.action,
        "installation_id": one.installation_id,
        "repository_id": one.repository_id,
        "throttled_at": None,
    }


def full_delivery(one: Delivery) -> Json:
    """GitHub's `hook-delivery`, with what was sent and what came back."""
    return delivery(one) | {
        "url": one.app.webhook_url,
        "request": {"headers": dict(one.request_headers), "payload": json.loads(one.body)},
        "response": {"headers": dict(one.response_headers), "payload": one.response_body},
    }
