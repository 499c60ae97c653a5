"""Which issues ask for a change of code that decides who may do what, encrypts, or moves money.

A mistake there is a hole or a loss before anybody sees it, so such work is for people unless one of them says by name
that it is wanted. What is known here is modest: paths by the names that people give to such code, and titles that say
it outright. What only stands beside such code (its tests, its documents, its pages, a word in it) is not meant.
"""

import re
from collections.abc import Collection
from typing import Final

from app.core.globs import matches
from app.core.kinds import is_document, is_source, is_test

CRITICAL_PATHS: Final = tuple(
    f"{name}{end}"
    for name in (
        *("auth", "authn", "authz", "authentication", "authorization", "authorisation", "oauth*", "sso", "saml"),
        *("permissions", "acl", "rbac", "access_control", "crypto", "cryptography", "encryption", "jwt", "csrf"),
        *("password*", "payment*", "billing"),
    )
    for end in ("", ".*")
)
"""Globs of folders, and of files whose whole name before its first dot is such a word."""
_THINGS: Final = (
    r"(?:authentication|authori[sz]ation|access[- ]control|permission checks?|two-factor|2fa|oauth2?|single sign-on"
    r"|saml|jwts?|csrf|session (?:tokens?|cookies?)|password (?:hash\w*|resets?|check\w*|storage)|hash\w* of passwords"
    r"|encrypt\w*|decrypt\w*|signature (?:check\w*|verification)|(?:private|signing) keys?"
    r"|payment (?:processing|capture|provider)s?|refunds?|payouts?|charg\w+ (?:of )?(?:cards?|customers?))"
)
_TITLE: Final = re.compile(
    r"^(?:\W*\w+:\s*)?(?:please )?(?:add|allow|bypass|change|disable|drop|encrypt|implement|introduce|move|remove"
    r"|replace|rework|rewrite|rotate|skip|store|support|switch|use|weaken)\b"
    rf"(?:\s+(?!(?:about|for|in|of|on|to|with)\b)[\w/-]+){{0,3}}?\s+{_THINGS}\b",
    re.IGNORECASE,
)
"""Of a title: what is to be done, and right after it to what."""
_BESIDE: Final = re.compile(
    r"\b(?:typos?|misspell\w*|spelling|grammar|wording|words?|phrase\w*|translat\w*|documentation|docs?|docstrings?"
    r"|readme|comments?|change ?log|examples?|tests?|logs?|logging|messages?|labels?|icons?|colou?rs?|styles?|layout"
    r"|fonts?|align\w*|buttons?|pages?|links?|type (?:hints?|annotations?)|annotat\w*|lint\w*|format\w*|unused|imports?"
    r"|deprecat\w*|renam\w*|metrics?|flaky|coverage)\b",
    re.IGNORECASE,
)
"""Words of a title that is about something beside such code."""
_PATH: Final = re.compile(r"(?<![\w./:@-])(?:[\w.-]+/){0,30}[\w-]{1,100}\.[A-Za-z]\w{0,9}(?![\w/])", re.ASCII)


def critical(title: str, body: str, globs: Collection[str]) -> str:
    """What of the issue says so, as words to put behind "a change of"; empty if nothing does.

    With `globs` empty, nothing is critical here. An issue that names other code, too, is not taken to be about this.
    """
    if not globs or _BESIDE.search(title):
        return ""
    if found := _TITLE.search(title[:300]):
        return f'what its title says ("{" ".join(found[0].split())[:120]}")'
    named = dict.fromkeys(path.strip("/") for path in _PATH.findall(f"{title}\n{body}"))
    code = [path for path in named if is_source(path) and not is_document(path) and not is_test(path)]
    return code[0] if code and all(matches(path, globs) for path in code) else ""
