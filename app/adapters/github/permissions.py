"""What the App asks for. `manifests/README.md` says what each is for; a test compares the two."""

from collections.abc import Mapping
from typing import Final

PERMISSIONS: Final[Mapping[str, str]] = {
    "actions": "read",
    "checks": "write",
    "contents": "write",
    "issues": "write",
    "metadata": "read",
    "pull_requests": "write",
    "statuses": "read",
}
"""The least that works. No workflows, administration or secrets, on purpose."""

EVENTS: Final = (
    "issues",
    "issue_comment",
    "pull_request",
    "pull_request_review",
    "pull_request_review_comment",
    "check_run",
    "check_suite",
    "push",
    "status",
    "workflow_run",
)
"""Besides what every App gets: ping, installation, installation_repositories."""
