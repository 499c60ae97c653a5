"""The manifest from which GitHub makes an App: what Minions asks for, with the reason for each; and what it makes.

https://docs.github.com/en/apps/sharing-github-apps/registering-a-github-app-from-a-manifest
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pydantic import BaseModel, SecretStr

REASONS: Final[Mapping[str, str]] = {
    "actions": "see which workflows a push started, and read the logs of jobs that failed",
    "checks": "the check run with one row for each node of a run, and its buttons",
    "contents": "fetch the repository, make the branch of a run, push the change to it",
    "issues": "hear of labels and commands, react, keep one comment up to date",
    "metadata": "look up what the person who asks may do",
    "pull_requests": "open the pull request as a draft, comment on it",
    "statuses": "what CI outside of GitHub says about a commit",
}
"""What each permission is for, in a few words."""


class Created(BaseModel, frozen=True):
    """An App and its credentials, which GitHub tells this once."""

    id: int
    slug: str
    html_url: str
    client_id: str
    client_secret: SecretStr
    webhook_secret: SecretStr
    pem: SecretStr


def manifest(name: str, public_url: str, *, permissions: Mapping[str, str], events: Sequence[str]) -> dict[str, Any]:
    """The manifest of an App of this name, whose server is at `public_url`. Nobody else can install it."""
    return {
        "name": name,
        "url": public_url,
        "description": "Label an issue, get a pull request. People always review.",
        "public": False,
        "redirect_url": f"{public_url}/setup/created",
        "callback_urls": [f"{public_url}/signed-in"],
        "hook_attributes": {"url": f"{public_url}/webhook", "active": True},
        "default_permissions": dict(permissions),
        "default_events": list(events),
    }
