"""Accounts, Apps, installations and their tokens."""

import re
import secrets
from collections.abc import Mapping, Sequence
from datetime import timedelta

from app.demo.github.ground import Ground
from app.demo.github.objects import App, Installation, Repository, Token, User
from app.demo.github.refusal import Refusal

TOKEN_LIFE = timedelta(hours=1)
"""How long an installation token lives (docs.github.com, "Generating an installation access token")."""
_LEVELS = {"read": 1, "write": 2, "admin": 3}
EVENT_NEEDS = {
    "issues": ("issues",),
    "issue_comment": ("issues", "pull_requests"),
    "pull_request": ("pull_requests",),
    "pull_request_review": ("pull_requests",),
    "pull_request_review_comment": ("pull_requests",),
    "check_run": ("checks",),
    "check_suite": ("checks",),
    "push": ("contents",),
    "status": ("statuses",),
    "workflow_run": ("actions",),
    "create": ("contents",),
    "delete": ("contents",),
}
"""Any one of these permissions (read is enough) allows an App to subscribe to the event."""


class Accounts:
    """Who there is, and who holds which token."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self.users: dict[str, User] = {}
        """By lower-case login."""
        self.apps: list[App] = []
        self.installations: list[Installation] = []
        self._tokens: dict[str, Token] = {}

    # -- Users ---------------------------------------------------------------------------------------------------
    def add(self, login: str, *, is_bot: bool = False, is_organization: bool = False) -> User:
        """Add an account. Raises ValueError if the login is taken or no login."""
        if not re.fullmatch(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})(?:\[bot\])?", login):
            raise ValueError(f"{login!r} is no login: letters, digits and hyphens only")
        if login.lower() in self.users:
            raise ValueError(f"there is an account {login!r} already")
        user = User(
            id=self._ground.new_id(),
            login=login,
            type="Bot" if is_bot else "Organization" if is_organization else "User",
            token=f"ghp_{secrets.token_hex(18)}",
            created_at=self._ground.now(),
        )
        self.users[login.lower()] = user
        return user

    def user(self, login: str) -> User:
        """The account with this login. Raises KeyError."""
        return self.users[login.lower()]

    def by_token(self, value: str) -> User | None:
        """The person who holds this personal token; bots have none that works."""
        people = (user for user in self.users.values() if user.type == "User")
        return next((user for user in people if secrets.compare_digest(user.token.encode(), value.encode())), None)

    # -- Apps ----------------------------------------------------------------------------------------------------
    def register(
        self,
        name: str,
        *,
        owner: User,
        public_key_pem: str,
        webhook_url: str,
        webhook_secret: str,
        permissions: Mapping[str, str],
        events: Sequence[str],
        app_id: int | None,
    ) -> App:
        """Register an App. Raises ValueError if it subscribes to what its permissions do not allow."""
        for event in events:
            if event not in EVENT_NEEDS:
                raise ValueError(f"this GitHub does not know the event {event!r}; it knows {', '.join(EVENT_NEEDS)}")
            if not set(EVENT_NEEDS[event]) & set(permissions):
                raise ValueError(f"the event {event!r} needs the permission {' or '.join(EVENT_NEEDS[event])}")
        slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        bot = self.add(f"{slug}[bot]", is_bot=True)
        app = App(
            id=app_id or self._ground.new_id(),
            slug=slug,
            name=name,
            client_id=f"Iv23li{secrets.token_hex(7)}",
            owner=owner,
            public_key_pem=public_key_pem,
            webhook_url=webhook_url,
            webhook_secret=webhook_secret,
            permissions={"metadata": "read"} | dict(permissions),
            events=list(events),
            hook_id=self._ground.new_id(),
            created_at=self._ground.now(),
            bot=bot,
            client_secret=secrets.token_hex(20),
        )
        bot.app = app
        self.apps.append(app)
        return app

    def app_by_issuer(self, issuer: str) -> App | None:
        """The App with this id or client id."""
        return next((app for app in self.apps if issuer in {str(app.id), app.client_id}), None)

    # -- Installations -------------------------------------------------------------------------------------------
    def install(self, app: App, account: User, repositories: Sequence[Repository]) -> Installation:
        """Put the App on an account. Raises ValueError if it is there already."""
        if any(there.app is app and there.account is account for there in self.installations):
            raise ValueError(
                f"{app.name} is installed on {account.login} already: add repositories to that installation"
            )
        now = self._ground.now()
        installation = Installation(
            id=self._ground.new_id(),
            app=app,
            account=account,
            repositories=list(repositories),
            permissions=dict(app.permissions),
            created_at=now,
            updated_at=now,
        )
        self.installations.append(installation)
        return installation

    def remove(self, installation: Installation) -> None:
        """Uninstall: the installation and its tokens are gone."""
        self.installations.remove(installation)
        self._tokens = {value: token for value, token in self._tokens.items() if token.installation is not installation}

    # -- Tokens --------------------------------------------------------------------------------------------------
    def mint(
        self,
        installation: Installation,
        permissions: Mapping[str, str] | None,
        repositories: Sequence[Repository] | None,
    ) -> Token:
        """Make a token, narrowed to these permissions and repositories. Raises Refusal."""
        if installation.suspended_at:
            raise Refusal(403, "This installation has been suspended")
        wanted = dict(permissions) if permissions else dict(installation.permissions)
        for name, level in wanted.items():
            if _LEVELS.get(level, 9) > _LEVELS.get(installation.permissions.get(name, ""), 0):
                raise Refusal(422, "The permissions requested are not granted to this installation.")
        for repository in repositories or ():
            if repository not in installation.repositories:
                raise Refusal(
                    422,
                    "There is at least one repository that does not exist or is not accessible to the parent"
                    " installation.",
                )
        # The form of 2026: ghs_APPID_JWT, about 520 characters. It is opaque here as well: nothing is read from it.
        parts = (secrets.token_urlsafe(27), secrets.token_urlsafe(90), secrets.token_urlsafe(256))
        token = Token(
            value=f"ghs_{installation.app.id}_{'.'.join(parts)}",
            installation=installation,
            permissions={"metadata": "read"} | wanted,
            repositories=None if repositories is None else tuple(repositories),
            expires_at=self._ground.now() + TOKEN_LIFE,
        )
        self._tokens[token.value] = token
        return token

    def expire(self, installation: Installation) -> None:
        """The hour of every token of this installation is over."""
        for token in self._tokens.values():
            if token.installation is installation:
                token.expires_at = self._ground.clock()

    def revoke(self, token: Token) -> None:
        """The token does not work any more."""
        self._tokens.pop(token.value, None)

    def token(self, value: str) -> Token | None:
        """The live installation token with this value."""
        token = self._tokens.get(value)
        return token if token and token.expires_at > self._ground.clock() else None
