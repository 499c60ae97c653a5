"""People who let an App know who they are: codes that live for ten minutes, and tokens that come of them."""

import base64
import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.demo.github.ground import Ground
from app.demo.github.objects import App, User

CODE_LIFE = timedelta(minutes=10)
"""docs.github.com, "Generating a user access token for a GitHub App"."""


@dataclass(frozen=True)
class Code:
    """What somebody brings back to an App."""

    app: App
    user: User
    back: str
    challenge: str
    ends_at: datetime


class SignIns:
    """Codes and user tokens of every App."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._codes: dict[str, Code] = {}
        self._tokens: dict[str, tuple[App, User]] = {}

    def allow(self, app: App, user: User, *, back: str, challenge: str) -> str:
        """Somebody lets the App know who they are; the code that says so."""
        value = secrets.token_hex(10)
        self._codes[value] = Code(app, user, back, challenge, self._ground.clock() + CODE_LIFE)
        return value

    def exchange(self, app: App, value: str, *, back: str, verifier: str) -> str | None:
        """The token for a code, once; None if it is not this App's, is used up, too old, or somebody else's."""
        code = self._codes.pop(value, None)
        if code is None or code.app is not app or code.back != back or code.ends_at <= self._ground.clock():
            return None
        digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        if code.challenge and not secrets.compare_digest(code.challenge, digest):
            return None
        token = f"ghu_{secrets.token_hex(18)}"
        self._tokens[token] = code.app, code.user
        return token

    def holder(self, token: str) -> tuple[App, User] | None:
        """Whose token it is, and of which App."""
        return self._tokens.get(token)
