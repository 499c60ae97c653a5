"""Who calls, and may they: App JWTs, installation tokens, personal tokens."""

import base64
import binascii
from dataclasses import dataclass
from typing import Any, cast

import jwt
from fastapi import Request

from app.demo.github.objects import ROLES, App, Repository, Role, Token, User
from app.demo.github.refusal import Refusal, not_found
from app.demo.github.state import Hub

LONGEST_JWT_S = 600
"""GitHub refuses a JWT that expires later than ten minutes from now."""
_LEVELS = {"read": 1, "write": 2, "admin": 3}


@dataclass(frozen=True)
class Caller:
    """Whoever sent a request: a person, or the bot of an App with an installation token."""

    user: User
    token: Token | None = None

    @property
    def app(self) -> App | None:
        """The App that acts."""
        return self.token.installation.app if self.token else None

    def holds(self, permission: str, level: str) -> bool:
        """Whether an installation token has this permission, and still has it from the installation."""
        if self.token is None:
            return False
        granted = (self.token.permissions, self.token.installation.permissions)
        return all(_LEVELS.get(some.get(permission, ""), 0) >= _LEVELS[level] for some in granted)

    def sees(self, repository: Repository) -> bool:
        """Whether the repository exists for this caller.

        Stricter than GitHub on purpose: a public repository that an installation token was not given is hidden, too.
        """
        if self.token is None:
            return repository.role_of(self.user) != "none"
        chosen = self.token.repositories
        return repository in self.token.installation.repositories and (chosen is None or repository in chosen)

    def role(self, repository: Repository) -> Role:
        """What the caller may do, as one of the roles."""
        if self.token is None:
            return repository.role_of(self.user)
        return "write" if self.holds("contents", "write") else "read"


@dataclass(frozen=True)
class Call:
    """A request that may go on: who calls, and for which repository."""

    hub: Hub
    caller: Caller
    repository: Repository


class Needs:
    """What an endpoint of a repository asks for: any of `permissions` at `level` of Apps, the role `person` of people.

    As a FastAPI dependency it answers with the Call. Raises Refusal: 401, 403, 404, or a redirect of a former name.
    """

    def __init__(self, *permissions: str, level: str = "read", person: Role = "read") -> None:
        self._permissions = permissions
        self._level = level
        self._person = person

    async def __call__(self, request: Request) -> Call:
        """Let the request pass, or raise."""
        hub, caller = hub_of(request), caller_of(request)
        repository = _find(request, hub)
        if not caller.sees(repository):
            raise not_found()
        self.check(caller, repository)
        return Call(hub, caller, repository)

    def check(self, caller: Caller, repository: Repository) -> None:
        """Raise Refusal (403) if the caller, who sees the repository, may not do this."""
        if self._level != "read" and repository.archived:
            raise Refusal(403, "Repository was archived so is read-only.")
        if caller.token is None:
            if ROLES.index(repository.role_of(caller.user)) < ROLES.index(self._person):
                words = "Must have admin rights to Repository." if self._person == "admin" else _PERSON
                raise Refusal(403, words)
        elif not any(caller.holds(permission, self._level) for permission in self._permissions):
            accepted = "; ".join(f"{permission}={self._level}" for permission in self._permissions)
            raise Refusal(
                403, "Resource not accessible by integration", headers={"X-Accepted-GitHub-Permissions": accepted}
            )


_PERSON = "Resource not accessible by personal access token"


def hub_of(request: Request) -> Hub:
    """The hub that this server shows."""
    return cast("Hub", request.app.state.hub)


def caller_of(request: Request) -> Caller:
    """The person or installation that sent the request. Raises Refusal (401, 403)."""
    value = credential(request.headers.get("authorization", ""))
    if not value:
        raise Refusal(401, "Requires authentication")
    return identify(hub_of(request), value)


def identify(hub: Hub, value: str) -> Caller:
    """The person or installation that holds a token. Raises Refusal (401, 403)."""
    token = hub.accounts.token(value)
    if token:
        if token.installation.suspended_at:
            raise Refusal(403, "This installation has been suspended")
        return Caller(token.installation.app.bot, token)
    user = hub.accounts.by_token(value)
    if user:
        return Caller(user)
    if value.startswith("eyJ") and value.count(".") == 2:
        app_of(hub, value)
        raise Refusal(403, "Resource not accessible by integration")
    raise Refusal(401, "Bad credentials")


def credential(header: str) -> str:
    """The token in an Authorization header, of the schemes that GitHub takes; empty if there is none."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() in {"token", "bearer"}:
        return value.strip()
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "malformed"
        return password or user
    return header


def calling_app(request: Request) -> App:
    """The App whose JWT came with the request; a FastAPI dependency. Raises Refusal (401, 404)."""
    return app_of(hub_of(request), credential(request.headers.get("authorization", "")))


def app_of(hub: Hub, value: str) -> App:
    """Check an App's JWT: RS256 by the App's key, not expired, at most ten minutes. Raises Refusal (401, 404)."""
    app = hub.accounts.app_by_issuer(str(_unchecked(value).get("iss", "")))
    if app is None:
        raise Refusal(404, "Integration not found")
    try:
        # Times are checked below by the hub's clock, with GitHub's sentences.
        options: Any = {"verify_exp": False, "verify_iat": False, "verify_iss": False, "verify_nbf": False}
        claims = jwt.decode(value, app.public_key_pem, algorithms=["RS256"], options=options)
    except jwt.InvalidTokenError as error:
        raise Refusal(401, "A JSON web token could not be decoded") from error
    now = hub.ground.clock().timestamp()
    expires, issued = claims.get("exp"), claims.get("iat")
    if not isinstance(expires, int | float) or expires <= now:
        raise Refusal(
            401,
            "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the"
            " assertion expires",
        )
    if expires > now + LONGEST_JWT_S:
        raise Refusal(401, "'Expiration time' claim ('exp') is too far in the future")
    if not isinstance(issued, int | float) or issued > now:
        raise Refusal(
            401, "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
        )
    return app


def _unchecked(value: str) -> dict[str, Any]:
    try:
        options: Any = {"verify_signature": False}
        return dict(jwt.decode(value, options=options))
    except jwt.InvalidTokenError as error:
        raise Refusal(401, "A JSON web token could not be decoded") from error


def _find(request: Request, hub: Hub) -> Repository:
    """The repository that the path names. Raises Refusal: 404, or where it moved to."""
    full_name = f"{request.path_params['owner']}/{request.path_params['name']}"
    former = hub.redirects.get(full_name.lower())
    try:
        return hub.repository(full_name)
    except Refusal:
        if former is None or not caller_of(request).sees(former):
            raise
    rest = request.url.path.split("/", 6)[6:]
    place = "/".join([f"{hub.url}/api/v3/repositories/{former.id}", *rest])
    if request.url.query:
        place = f"{place}?{request.url.query}"
    if request.method == "GET":
        raise Refusal(301, "Moved Permanently", headers={"Location": place})
    raise Refusal(307, "Temporary Redirect", headers={"Location": place})
