"""Asking GitHub for the App that it made from a manifest."""

import re
from typing import Final

import httpx
from pydantic import ValidationError

from app.adapters.github.errors import API_VERSION
from app.core.app_manifest import Created
from app.core.errors import ForgeError

_CODE: Final = re.compile(r"[0-9A-Za-z_-]{1,128}")
_TIMEOUT_S: Final = 15.0


async def created(http: httpx.AsyncClient, api_url: str, code: str) -> Created:
    """The App that GitHub made; `code` is good for an hour, and once. Raises ForgeError with a sentence."""
    if not _CODE.fullmatch(code):
        raise ForgeError("GitHub sent no code: begin again.")
    headers = {"accept": "application/vnd.github+json", "x-github-api-version": API_VERSION}
    try:
        answer = await http.post(f"{api_url}/app-manifests/{code}/conversions", headers=headers, timeout=_TIMEOUT_S)
    except httpx.HTTPError as error:
        raise ForgeError(
            "GitHub cannot be reached from this server: is MINIONS_GITHUB_API_URL right, and may it go out?",
            detail=str(error),
        ) from None
    if answer.status_code == httpx.codes.NOT_FOUND:
        raise ForgeError("GitHub does not know this code (any more): it is good for an hour, and once. Begin again.")
    try:
        answer.raise_for_status()
        return Created.model_validate_json(answer.content)
    except (httpx.HTTPStatusError, ValidationError) as error:
        # What was answered may hold credentials: nothing of it is told.
        raise ForgeError(
            f"GitHub answered {answer.status_code}, and no App. Look at your Apps there, and begin again.",
            detail=type(error).__name__,
        ) from None
