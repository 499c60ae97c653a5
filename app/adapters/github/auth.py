"""How the App proves who it is: short-lived words signed with its private key."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Protocol

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from app.adapters.github.errors import server_time
from app.core.errors import SettingsError

_log = logging.getLogger(__name__)

_BACK_S: Final = 60
"""Seconds that a word is dated back, against clocks that are late.

https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app
"""
_AHEAD_S: Final = 540
"""Seconds that a word is good; GitHub refuses more than 600."""
_SKEW_S: Final = 30.0
"""Seconds that our clock may differ from GitHub's before it is corrected: more than a slow answer can explain."""


class PrivateKey(Protocol):
    """Where the App's private key comes from."""

    def read(self) -> RSAPrivateKey:
        """The key. Raises SettingsError."""
        ...


class KeyText:
    """A private key given as PEM text."""

    def __init__(self, pem: str, *, on_secret: Callable[[str], None] = lambda _: None) -> None:
        on_secret(pem)
        # Environment files often carry the line ends as `\n`.
        self._key = _parsed(pem.replace("\\n", "\n"), "MINIONS_PRIVATE_KEY")

    def read(self) -> RSAPrivateKey:
        """The key."""
        return self._key


class KeyFile:
    """A private key in a file, read again whenever the file changes: a new key needs no restart."""

    def __init__(self, path: Path, *, on_secret: Callable[[str], None] = lambda _: None) -> None:
        self._path = path
        self._on_secret = on_secret
        self._stamp: tuple[int, int, int] | None = None
        self._key: RSAPrivateKey | None = None

    def read(self) -> RSAPrivateKey:
        """The key as it stands in the file now. Raises SettingsError."""
        try:
            status = self._path.stat()
            stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
            if self._key is None or stamp != self._stamp:
                pem = self._path.read_text("utf-8")
                self._on_secret(pem)
                self._key, self._stamp = _parsed(pem, str(self._path)), stamp
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is no text"
            raise SettingsError(
                f"The private key of the App cannot be read from {self._path}: {why}. Set MINIONS_PRIVATE_KEY_FILE to "
                f"the .pem file that GitHub gave you, and let this user read it."
            ) from None
        return self._key


def _parsed(pem: str, where: str) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(pem.strip().encode(), password=None)
    except (ValueError, TypeError) as error:
        # The parser's own sentence may quote what it read.
        raise SettingsError(
            f"The App's private key in {where} is no PEM key without a password: download a new one from its page.",
            detail=type(error).__name__,
        ) from None
    if not isinstance(key, RSAPrivateKey):
        raise SettingsError(f"The private key of the App in {where} is no RSA key.")
    return key


class AppAuth:
    """Signs the App's words (JSON web tokens), on GitHub's clock."""

    def __init__(self, app_id: str, key: PrivateKey, *, clock: Callable[[], float] = time.time) -> None:
        self.app_id = app_id
        """App id or client id; both are good as issuer."""
        self.skew_s = 0.0
        """Seconds that GitHub's clock is ahead of ours, as far as that matters; for the health page."""
        self._key = key
        self._clock = clock

    def __repr__(self) -> str:
        return f"AppAuth({self.app_id})"

    def word(self) -> str:
        """A fresh word, good for nine minutes. A secret. Raises SettingsError if the key cannot be read."""
        now = int(self._clock() + self.skew_s)
        return jwt.encode(
            {"iat": now - _BACK_S, "exp": now + _AHEAD_S, "iss": self.app_id}, self._key.read(), algorithm="RS256"
        )

    def observe(self, date: str) -> bool:
        """Take the Date header of an answer; answer whether the clock was corrected: another try is worth it then."""
        ours = self._clock()
        skew = server_time(date, default=ours) - ours
        if abs(skew) <= _SKEW_S:
            skew = 0.0
        corrected = abs(skew - self.skew_s) > _SKEW_S / 2
        if corrected:
            self.skew_s = skew
            _log.warning("GitHub's clock is %+.0f seconds from ours; set this machine's clock.", skew)
        return corrected
