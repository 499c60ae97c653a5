"""Whether a delivery comes from GitHub.

https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
"""

import hashlib
import hmac
from collections.abc import Sequence


def is_genuine(body: bytes, header: str | None, secrets: Sequence[str]) -> bool:
    """Whether `header` (`X-Hub-Signature-256`) is the signature of the raw `body` under one of the secrets.

    Every secret is tried, so that an old and a new one are good while one is being rotated out. SHA-1 is not accepted.
    An empty secret proves nothing and is passed over.
    """
    given = (header or "").encode("utf-8", "replace")
    genuine = False
    for secret in secrets:
        digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        # Bytes: compare_digest refuses text that is not ASCII with an error.
        genuine |= bool(secret) and hmac.compare_digest(f"sha256={digest}".encode(), given)
    return genuine
