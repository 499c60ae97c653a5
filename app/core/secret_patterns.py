"""What secrets look like. One list: redaction hides them in what we write, the secrets guard stops them in changes."""

import re
from typing import Final, NamedTuple


class SecretPattern(NamedTuple):
    """One kind of secret."""

    name: str
    """Stands in the placeholder: `[redacted:github-token]`."""
    regex: re.Pattern[str]


def _kind(name: str, regex: str) -> SecretPattern:
    return SecretPattern(name, re.compile(regex))


# Each takes a time that grows with the text, not with its square: where a pattern could begin anew at every character
# of a long word, or at every header of many, it is kept from it.
# No `\b` at the end of a token: GitHub's newer ones hold dots and dashes and are 520 characters long
# (https://github.blog/changelog/2026-05-15-...), a pattern that stops early would leave most of one readable.
SECRET_PATTERNS: Final = (
    _kind(
        "private-key",
        r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
        r"(?:(?:[^-]|-(?!----BEGIN)){0,20000}?-----END (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----"
        r"|[A-Za-z0-9+/=\s\\]*)",
    ),
    _kind("github-token", r"gh[sopur]_[A-Za-z0-9._-]{36,}"),
    _kind("github-token", r"github_pat_[A-Za-z0-9_]{22,}"),
    _kind("anthropic-key", r"sk-ant-[A-Za-z0-9_-]{20,}"),
    _kind("openai-key", r"(?<![A-Za-z0-9])sk-(?:proj-|svcacct-|admin-|or-v1-)?[A-Za-z0-9_-]{20,}"),
    _kind("aws-key", r"(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z2-7][A-Z0-9]{15}(?![A-Z0-9])"),
    _kind(
        "aws-secret", r"(?i:aws_?secret_?access_?key)[\"']?\s{0,3}[=:]\s{0,3}[\"']?[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])"
    ),
    _kind("google-key", r"AIza[A-Za-z0-9_-]{35}"),
    _kind("google-token", r"ya29\.[A-Za-z0-9_-]{20,}"),
    _kind("minions-token", r"mnn_[A-Za-z0-9_-]{43}"),
    _kind("slack-token", r"xox[abeoprs]-[A-Za-z0-9-]{10,}"),
    _kind("slack-token", r"xapp-\d-[A-Za-z0-9-]{10,}"),
    _kind("slack-webhook", r"https://hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]{20,}"),
    _kind("stripe-key", r"(?:sk|rk)_live_[A-Za-z0-9]{16,}|whsec_[A-Za-z0-9+/=]{32,}"),
    _kind("npm-token", r"npm_[A-Za-z0-9]{36,}"),
    _kind("pypi-token", r"pypi-AgE[A-Za-z0-9_-]{50,}"),
    _kind("gitlab-token", r"glpat-[A-Za-z0-9_.-]{20,}"),
    _kind("huggingface-token", r"hf_[A-Za-z0-9]{30,}"),
    _kind("sendgrid-key", r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{32,64}"),
    _kind("digitalocean-token", r"do[opr]_v1_[a-f0-9]{64}"),
    _kind(
        "jwt", r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{0,40}?eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"
    ),
    _kind("azure-key", r"AccountKey=[A-Za-z0-9+/]{80,}={0,2}"),
    _kind(
        "password-in-url",
        r"[a-z][a-z0-9+.-]{1,30}://[^\s/:@\"'<>\[\]{}$]{1,100}:[^\s/:@\"'<>\[\]{}$]{3,200}@[a-zA-Z0-9.-]+",
    ),
)

_SAID_TO_BE_INVENTED: Final = re.compile(
    r"(?i)example|placeholder|dummy|redacted|change-?me|your[-_]|not[-_]?a[-_]?real|xxxx|\.\.\.|localhost|127\.0\.0\.1"
    r"|:(?:password|passwd|pass|secret|postgres|user|test|root|admin|minio)@"
)
_FEW: Final = 6
"""A random secret of 20 characters has more different ones than this, all but surely."""


def is_invented(secret: str) -> bool:
    """Whether a match is one of the stand-ins that documentation and tests are full of, rather than a secret."""
    if _SAID_TO_BE_INVENTED.search(secret):
        return True
    if secret.startswith("-----BEGIN"):
        # A key's body is hundreds of characters; what has less is a header in a test or in a parser.
        # The shortest private key in PEM, of Ed25519, has 64.
        body = re.sub(r"-----[A-Z0-9 ]+-----|\s|\\n", "", secret)
        return len(body) < 64 or len(set(body)) <= _FEW
    tail = re.split(r"[_=]|://|-(?=[^-]*$)", secret)[-1]
    return len(set(tail)) <= _FEW if len(tail) >= 2 * _FEW else len(set(secret)) <= _FEW + 4
