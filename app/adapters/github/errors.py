"""What GitHub's answers mean: one place that makes our errors of everything that its clients raise.

No error made here holds a body, a header or an address as it came: only GitHub's own `message`, cut and redacted.
"""

import email.utils
import logging
import re
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, TypeVar

import httpx
import requests
import urllib3
from github import BadAttributeException, GithubException

from app.core.errors import Conflict, Denied, ForgeError, Locked, NotFound, RateLimited, Suspended, Unavailable

_log = logging.getLogger(__name__)

API_VERSION: Final = "2022-11-28"
"""https://docs.github.com/en/rest/about-the-rest-api/api-versions; also the one that GitHub Enterprise Server knows."""
_UNTOLD_WAIT_S: Final = 60.0
"""Seconds to wait where GitHub does not say how long.

https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api#handle-rate-limit-errors-appropriately
"""
_LONGEST_WAIT_S: Final = 86_400.0
"""Seconds; a longer word to wait is a fault, and would stop an installation for good."""
_SECRET: Final = re.compile(r"\b(?:gh[a-z]_|github_pat_|eyJ|v1\.)[A-Za-z0-9._-]{16,}")


T = TypeVar("T")

_NOT_AS_EXPECTED: Final = (
    BadAttributeException,
    AssertionError,
    RuntimeError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
)
"""PyGithub raises these when an answer is not as it expects."""


class Unauthorized(Unavailable):
    """401: the credential is not accepted, or not yet, or not any more. It is asked again later with another one."""


class Gone(Denied):
    """410: deleted, or switched off."""


class Outdated(Denied):
    """410 or 400: GitHub does not serve the version of its API that this program speaks."""


class Invalid(ForgeError):
    """422: GitHub does not take what was sent. `detail` holds its sentences."""


class Moved(ForgeError):
    """A redirect that is not followed: nothing was done, the thing has another address now."""


def from_answer(  # noqa: C901, PLR0911 - a table: one answer, one meaning
    doing: str, status: int, data: Any, headers: Mapping[str, Any]
) -> ForgeError:
    """Answer with the error that an answer means. `doing` goes on "GitHub did not let us …": "read octo/hello"."""
    said = messages(data)
    detail = f"{status}: {said}"
    lower = said.lower()
    fields = {name.lower(): str(value) for name, value in headers.items()}
    if 300 <= status < 400:
        return Moved(f"GitHub has moved what we wanted to reach to {doing}.", detail=detail)
    if status == 401:
        return Unauthorized(f"GitHub did not accept our credentials to {doing}.", detail=detail)
    if status == 403 and "suspended" in lower:
        return Suspended("The installation of this App is suspended; its owner can end that.", detail=detail)
    if status == 429 or (status == 403 and _is_limit(lower, fields)):
        wait = retry_after_s(fields)
        return RateLimited(
            f"GitHub asks to slow down; it goes on in {wait:.0f} seconds.", retry_after_s=wait, detail=detail
        )
    if status == 404:
        return NotFound(f"GitHub shows nothing there to {doing}.", detail=detail)
    if status in {400, 410} and "api" in lower and "version" in lower:
        _log.error("GitHub does not serve API version %s: %s", API_VERSION, detail)
        return Outdated(
            f"GitHub does not serve version {API_VERSION} of its API: the operator has to bring Minions up to date.",
            detail=detail,
        )
    if status == 410:
        return Gone(f"What we needed to {doing} is deleted or switched off.", detail=detail)
    if status in {403, 451}:
        return _denied(doing, lower, detail, fields)
    if status == 409 or (status == 422 and "already exists" in lower):
        return Conflict(f"Something else stands where we wanted to {doing}.", detail=detail)
    if status >= 500 or status == 408 or status < 300:
        return Unavailable(f"GitHub had trouble when we wanted to {doing}.", detail=detail)
    return Invalid(f"GitHub did not take what we sent to {doing}.", detail=detail)


def watch_age(headers: Mapping[str, Any]) -> None:
    """Have the log say that GitHub will end what we use: once for each date. Headers have lower-case names."""
    ends = str(headers.get("sunset", "") or headers.get("deprecation", ""))
    if ends:
        _warn_of_age(ends[:40])


@lru_cache(maxsize=32)
def _warn_of_age(ends: str) -> None:
    _log.warning("GitHub will end a part of its API that this version of Minions uses (%s): update it in time.", ends)


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Raise our errors instead of those of PyGithub, requests, urllib3 and httpx."""
    try:
        yield
    except ForgeError:
        raise
    except GithubException as error:
        raise from_answer(doing, error.status, error.data, error.headers or {}) from None
    except (requests.RequestException, urllib3.exceptions.HTTPError, httpx.HTTPError, OSError) as error:
        raise _no_answer(doing, error) from None
    except _NOT_AS_EXPECTED as error:
        raise _no_answer(doing, error) from None


def present(value: object, kind: type[T]) -> T:
    """`value`, if an answer really held one: PyGithub makes None of what is missing. Raises ValueError."""
    if not isinstance(value, kind):
        raise ValueError(f"an answer without a {kind.__name__} where there must be one")  # noqa: TRY004
    return value


def messages(data: Any) -> str:
    """GitHub's own sentences in an error body, on one line, cut and without what looks like a token."""
    if not isinstance(data, Mapping):
        return ""
    parts = [data.get("message")]
    errors = data.get("errors")
    for item in errors if isinstance(errors, list) else []:
        if isinstance(item, Mapping):
            parts.append(item.get("message") or " ".join(str(item.get(key, "")) for key in ("field", "code")))
        else:
            parts.append(item)
    line = " ".join(" ".join(part.split()) for part in parts if isinstance(part, str))
    return _SECRET.sub("…", line)[:500]


def retry_after_s(headers: Mapping[str, str]) -> float:
    """Seconds to wait, from headers with lower-case names: what Retry-After says, else the reset, else a minute."""
    after = headers.get("retry-after", "")
    if after.strip().isdigit():
        return min(float(after), _LONGEST_WAIT_S)
    reset = headers.get("x-ratelimit-reset", "")
    if headers.get("x-ratelimit-remaining") == "0" and reset.isdigit():
        # By GitHub's clock, not ours. One second more: it does not say when within that second.
        left_s = float(reset) - server_time(headers.get("date", ""), default=time.time()) + 1
        return min(max(1.0, left_s), _LONGEST_WAIT_S)
    return _UNTOLD_WAIT_S


def server_time(date: str, *, default: float) -> float:
    """Seconds since 1970 of an HTTP date; `default` if it is none."""
    try:
        return email.utils.parsedate_to_datetime(date).timestamp()
    except ValueError:
        return default


def _is_limit(lower: str, headers: Mapping[str, str]) -> bool:
    words = ("rate limit", "abuse detection")
    spent = headers.get("x-ratelimit-remaining") == "0"
    return "retry-after" in headers or spent or any(word in lower for word in words)


def _denied(doing: str, said: str, detail: str, headers: Mapping[str, str]) -> Denied:
    needed = headers.get("x-accepted-github-permissions", "")
    needed = needed if re.fullmatch(r"[a-z_=;, ]{1,300}", needed) else ""
    if needed:
        detail = f"{detail} (needs {needed})"
        return Denied(
            f"This App may not {doing}: accept its new permissions in the settings of the installation.", detail=detail
        )
    if re.search(r"\blocked\b", said):  # not "blocked"
        return Locked(f"The conversation is locked: nobody can {doing}.", detail=detail)
    if "archived" in said or "read-only" in said:
        return Denied(f"The repository is archived: nobody can {doing}.", detail=detail)
    return Denied(f"GitHub does not allow us to {doing}.", detail=detail)


def _no_answer(doing: str, error: Exception) -> Unavailable:
    # Not the error's own words, which may hold what was sent or answered.
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    sentence = f"GitHub did not answer when we wanted to {doing}."
    return Unavailable(sentence, detail=f"{type(error).__name__}{place}")
