"""Who gets in, how far, and what the others are told."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from app.demo.github.objects import App, Installation
from app.demo.github.server import serve
from app.demo.github.state import Hub


@pytest.mark.parametrize(
    ("claims", "status", "message"),
    [
        ({}, 200, None),
        ({"expires": 600}, 200, None),
        ({"expires": -1}, 401, "'Expiration time' claim ('exp') must be a numeric value"),
        ({"expires": 700}, 401, "'Expiration time' claim ('exp') is too far in the future"),
        ({"exp": "soon"}, 401, "'Expiration time' claim ('exp') must be a numeric value"),
        ({"issued": 300}, 401, "'Issued at' claim ('iat') must be an Integer"),
        ({"iss": "999999"}, 404, "Integration not found"),
        ({"iss": None}, 404, "Integration not found"),
    ],
)
async def test_the_claims_of_an_app_are_checked(
    claims: dict[str, Any], status: int, message: str | None, url: str, signed: Callable[..., str]
) -> None:
    if "iss" in claims and claims["iss"] is None:
        claims = {"iss": ""}
    async with httpx.AsyncClient(base_url=f"{url}/api/v3") as client:
        answer = await client.get("/app", headers={"Authorization": f"Bearer {signed(**claims)}"})
    assert answer.status_code == status
    assert (answer.json().get("message") or "").startswith(message or "")
    assert status == 200 or message


async def test_a_client_id_is_an_issuer_too(url: str, minions: App, signed: Callable[..., str]) -> None:
    async with httpx.AsyncClient(base_url=f"{url}/api/v3") as client:
        answer = await client.get("/app", headers={"Authorization": f"Bearer {signed(iss=minions.client_id)}"})
    assert answer.json()["slug"] == "minions"


async def test_only_the_apps_own_key_and_only_rs256_count(url: str, minions: App, signed: Callable[..., str]) -> None:
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = stranger.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    claims = jwt.decode(signed(), options={"verify_signature": False})
    tokens = [
        signed(key=pem.decode()),
        jwt.encode(claims, "", algorithm="none"),
        jwt.encode(claims, "a-secret-that-is-long-enough-for-hs256", algorithm="HS256"),
        signed()[:-8] + "AAAAAAAA",
        "eyJ.eyJ.x",
        "nonsense",
    ]
    assert minions.public_key_pem
    async with httpx.AsyncClient(base_url=f"{url}/api/v3") as client:
        for token in tokens:
            answer = await client.get("/app", headers={"Authorization": f"Bearer {token}"})
            assert (answer.status_code, answer.json()["message"]) == (401, "A JSON web token could not be decoded")


@pytest.mark.parametrize(
    ("header", "status", "message"),
    [
        ({}, 401, "Requires authentication"),
        ({"Authorization": "token nonsense"}, 401, "Bad credentials"),
        ({"Authorization": "Bearer ghs_1_nonsense"}, 401, "Bad credentials"),
        ({"Authorization": "Basic %%%"}, 401, "Bad credentials"),
        ({"Authorization": "token nönsense".encode()}, 401, "Bad credentials"),
    ],
)
async def test_bad_credentials(header: dict[str, Any], status: int, message: str, url: str) -> None:
    async with httpx.AsyncClient(base_url=f"{url}/api/v3") as client:
        answer = await client.get("/repos/acme/greeting", headers=header)
    assert (answer.status_code, answer.json()["message"]) == (status, message)


async def test_an_app_without_a_token_is_no_integration(url: str, signed: Callable[..., str]) -> None:
    async with httpx.AsyncClient(base_url=f"{url}/api/v3") as client:
        answer = await client.get("/repos/acme/greeting", headers={"Authorization": f"Bearer {signed()}"})
    assert (answer.status_code, answer.json()["message"]) == (403, "Resource not accessible by integration")


async def mint(url: str, installation: Installation, jwt: str, body: dict[str, Any]) -> httpx.Response:
    path = f"{url}/api/v3/app/installations/{installation.id}/access_tokens"
    async with httpx.AsyncClient() as client:
        return await client.post(path, headers={"Authorization": f"Bearer {jwt}"}, json=body)


async def test_a_token_has_the_form_of_2026(url: str, installation: Installation, signed: Callable[..., str]) -> None:
    token = (await mint(url, installation, signed(), {})).json()["token"]
    assert re.fullmatch(rf"ghs_{installation.app.id}_[A-Za-z0-9._-]{{480,540}}", token)
    assert token.count(".") == 2


async def test_a_narrowed_token_reaches_no_further(
    url: str, installation: Installation, signed: Callable[..., str], hub: Hub
) -> None:
    body = {"repository_ids": [hub.repository("acme/greeting").id], "permissions": {"contents": "read"}}
    answer = await mint(url, installation, signed(), body)
    assert answer.status_code == 201
    assert [one["full_name"] for one in answer.json()["repositories"]] == ["acme/greeting"]
    headers = {"Authorization": f"Bearer {answer.json()['token']}"}
    async with httpx.AsyncClient(base_url=f"{url}/api/v3", headers=headers) as client:
        listed = (await client.get("/installation/repositories")).json()
        assert [one["full_name"] for one in listed["repositories"]] == ["acme/greeting"]
        table = {
            ("GET", "/repos/acme/greeting"): 200,
            ("GET", "/repos/acme/greeting/branches/main"): 200,
            ("POST", "/repos/acme/greeting/git/refs"): 403,
            ("GET", "/repos/acme/greeting/issues"): 403,
            ("POST", "/repos/acme/greeting/check-runs"): 403,
            ("GET", "/repos/acme/secret"): 404,
            ("GET", "/repos/acme/other"): 404,
            ("GET", "/repos/acme/nothing"): 404,
            ("GET", "/user"): 403,
        }
        found = {(method, path): (await client.request(method, path)).status_code for method, path in table}
        refused = await client.post("/repos/acme/greeting/git/refs", json={})
    assert found == table
    assert refused.headers["X-Accepted-GitHub-Permissions"] == "contents=write"
    assert refused.json()["message"] == "Resource not accessible by integration"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            {"permissions": {"administration": "read"}},
            "The permissions requested are not granted to this installation.",
        ),
        ({"permissions": {"deployments": "write"}}, "The permissions requested are not granted to this installation."),
        ({"repositories": ["other"]}, "There is at least one repository that does not exist"),
        ({"repositories": ["nothing"]}, "There is at least one repository that does not exist"),
        ({"repository_ids": [1]}, "There is at least one repository that does not exist"),
        ({"repositry_ids": [1]}, 'Invalid request.\n\n"repositry_ids" is not a permitted key.'),
    ],
)
async def test_asking_for_more_than_granted_is_refused(
    body: dict[str, Any], message: str, url: str, installation: Installation, signed: Callable[..., str]
) -> None:
    answer = await mint(url, installation, signed(), body)
    assert answer.status_code == 422
    assert answer.json()["message"].startswith(message)


async def test_a_suspended_installation_can_do_nothing(
    api: httpx.AsyncClient, url: str, installation: Installation, signed: Callable[..., str], hub: Hub
) -> None:
    hub.suspend(installation, by="ada")
    for answer in (await api.get("/repos/acme/greeting"), await mint(url, installation, signed(), {})):
        assert (answer.status_code, answer.json()["message"]) == (403, "This installation has been suspended")
    async with httpx.AsyncClient(base_url=f"{url}/api/v3", headers={"Authorization": f"Bearer {signed()}"}) as client:
        assert (await client.get("/app/installations")).json()[0]["suspended_by"]["login"] == "ada"
    hub.unsuspend(installation)
    assert (await api.get("/repos/acme/greeting")).status_code == 200


async def test_what_was_taken_away_is_gone_at_once(
    api: httpx.AsyncClient, installation: Installation, hub: Hub
) -> None:
    hub.select_repositories(installation, remove=["acme/secret"])
    assert (await api.get("/repos/acme/secret")).status_code == 404
    installation.permissions["issues"] = "read"
    installation.permissions["pull_requests"] = "read"
    assert (await api.post("/repos/acme/greeting/issues", json={"title": "T"})).status_code == 403
    assert (await api.delete("/installation/token")).status_code == 204
    assert (await api.get("/repos/acme/greeting")).json()["message"] == "Bad credentials"


async def test_an_uninstalled_app_has_no_installation(
    api: httpx.AsyncClient, url: str, installation: Installation, signed: Callable[..., str], hub: Hub
) -> None:
    hub.uninstall(installation)
    assert (await api.get("/repos/acme/greeting")).status_code == 401
    assert (await mint(url, installation, signed(), {})).status_code == 404


async def test_a_token_lives_one_hour(tmp_path: Path, source: Path, keys: tuple[str, str]) -> None:
    at = [datetime.now(UTC)]
    hub = Hub(tmp_path / "slow", now=lambda: at[0])
    hub.add_repository("acme/greeting", source=source)
    app = hub.register_app(
        "Minions",
        public_key_pem=keys[1],
        webhook_url="http://127.0.0.1:9/",
        webhook_secret="s",
        permissions={"contents": "read"},
        events=["push"],
    )
    token = hub.accounts.mint(hub.install(app, ["acme/greeting"]), None, None).value
    async with serve(hub) as url, httpx.AsyncClient(headers={"Authorization": f"token {token}"}) as client:
        at[0] += timedelta(minutes=59)
        assert (await client.get(f"{url}/api/v3/repos/acme/greeting")).status_code == 200
        at[0] += timedelta(minutes=2)
        assert (await client.get(f"{url}/api/v3/repos/acme/greeting")).status_code == 401


@pytest.mark.parametrize(
    ("login", "method", "path", "body", "status"),
    [
        ("eve", "GET", "/repos/acme/greeting", None, 200),
        ("eve", "GET", "/repos/acme/secret", None, 404),
        ("rob", "GET", "/repos/acme/secret", None, 200),
        ("eve", "POST", "/repos/acme/greeting/issues", {"title": "T"}, 201),
        ("eve", "POST", "/repos/acme/greeting/issues/1/comments", {"body": "B"}, 201),
        ("eve", "POST", "/repos/acme/greeting/issues/1/labels", {"labels": ["minion"]}, 403),
        ("tia", "POST", "/repos/acme/greeting/issues/1/labels", {"labels": ["minion"]}, 200),
        ("eve", "PATCH", "/repos/acme/greeting/issues/1", {"title": "Mine"}, 403),
        ("ada", "PATCH", "/repos/acme/greeting/issues/1", {"title": "Mine"}, 200),
        ("tia", "POST", "/repos/acme/greeting/git/refs", {"ref": "refs/heads/x", "sha": "0" * 40}, 403),
        ("ada", "POST", "/repos/acme/greeting/git/refs", {"ref": "refs/heads/x", "sha": "0" * 40}, 422),
        ("ada", "POST", "/repos/acme/greeting/check-runs", {"name": "m", "head_sha": "0" * 40}, 403),
        ("ada", "GET", "/app", None, 401),
        ("ada", "GET", "/installation/repositories", None, 403),
        ("ada", "GET", "/user", None, 200),
    ],
)
async def test_people_may_what_their_role_says(
    login: str, method: str, path: str, body: dict[str, Any] | None, status: int, url: str, hub: Hub
) -> None:
    hub.open_issue("acme/greeting", by="rob", title="T")
    headers = {"Authorization": f"Bearer {hub.user(login).token}"}
    async with httpx.AsyncClient(base_url=f"{url}/api/v3", headers=headers) as client:
        assert (await client.request(method, path, json=body)).status_code == status


@pytest.mark.parametrize(
    ("login", "permission", "role"),
    [
        ("ada", "write", "write"),
        ("tia", "read", "triage"),
        ("mia", "write", "maintain"),
        ("ann", "admin", "admin"),
        ("rob", "read", "read"),
        ("eve", "none", "none"),
    ],
)
async def test_roles_are_told_coarsely_and_exactly(
    login: str, permission: str, role: str, api: httpx.AsyncClient, hub: Hub
) -> None:
    hub.add_user("mia")
    hub.add_user("ann")
    hub.add_collaborator("acme/secret", "mia", "maintain")
    hub.add_collaborator("acme/secret", "ann", "admin")
    answer = (await api.get(f"/repos/acme/secret/collaborators/{login}/permission")).json()
    assert (answer["permission"], answer["role_name"]) == (permission, role)


@pytest.mark.parametrize("login", ["minions[bot]", "acme", "nobody"])
async def test_what_is_no_user_has_no_permission(login: str, api: httpx.AsyncClient) -> None:
    answer = await api.get(f"/repos/acme/greeting/collaborators/{login}/permission")
    assert (answer.status_code, answer.json()["message"]) == (404, f"{login} is not a user")


def test_an_app_cannot_subscribe_to_what_it_may_not_read(hub: Hub) -> None:
    common: dict[str, Any] = {"public_key_pem": "", "webhook_url": "http://127.0.0.1:9/", "webhook_secret": "s"}
    with pytest.raises(ValueError, match="'push' needs the permission contents"):
        hub.register_app("A", permissions={"issues": "write"}, events=["push"], **common)
    with pytest.raises(ValueError, match="does not know the event 'isues'"):
        hub.register_app("A", permissions={"issues": "write"}, events=["isues"], **common)


def test_no_secret_shows_in_a_repr(hub: Hub, installation: Installation) -> None:
    token = hub.accounts.mint(installation, None, None)
    assert token.value not in repr(token)
    assert hub.user("ada").token not in repr(hub.user("ada"))
    assert installation.app.webhook_secret not in repr(installation.app)
