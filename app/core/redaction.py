"""Take secrets out of everything that leaves: exact values first, then whatever looks like one."""

import base64
import json
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote, quote_plus

from app.core.secret_patterns import SECRET_PATTERNS

SHORTEST: Final = 8
"""Characters. Shorter values are not taken out: they would tear ordinary words apart."""
_SHORTEST_LINE: Final = 20
"""Characters of one line of a secret with many lines, such as a private key, from which it counts by itself."""


class Redactor:
    """Knows the secrets of this process. `repr` shows how many, never which."""

    def __init__(self, exact: Iterable[str] = ()) -> None:
        self._placeholders: dict[str, str] = {}
        self._longest_first: list[str] = []
        for secret in exact:
            self.add(secret)

    def __repr__(self) -> str:
        return f"Redactor({len(self._placeholders)} forms)"

    def add(self, secret: str, name: str = "secret") -> None:
        """Learn a secret, in its plain, base64, URL-quoted and JSON forms. Values under 8 characters are left alone."""
        for form in _forms(secret.strip()):
            if len(form) >= SHORTEST:
                self._placeholders.setdefault(form, f"[redacted:{name}]")
        self._longest_first = sorted(self._placeholders, key=len, reverse=True)

    def redact(self, text: str) -> str:
        """`text` with a placeholder for each secret. Doing it twice changes nothing more."""
        for form in self._longest_first:
            if form in text:
                text = text.replace(form, self._placeholders[form])
        for pattern in SECRET_PATTERNS:
            text = pattern.regex.sub(f"[redacted:{pattern.name}]", text)
        return text


def _forms(secret: str) -> Iterator[str]:
    yield secret
    yield quote(secret, safe="")
    yield quote_plus(secret)
    yield json.dumps(secret)[1:-1]
    yield from _in_base64(secret.encode())
    lines = secret.splitlines()
    if len(lines) > 1:
        yield from (line for line in lines if len(line) >= _SHORTEST_LINE and not line.startswith("-----"))


def _in_base64(secret: bytes) -> Iterator[str]:
    """However many bytes stand before it ("user:secret"), one of three shapes of the secret's middle is in the code."""
    for before in range(3):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            code = encode(b"\0" * before + secret).decode().rstrip("=")
            first = (before * 8 + 5) // 6  # the first character that only bits of the secret are in
            last = (before + len(secret)) * 8 // 6  # behind the last such one
            yield code[first:last]
