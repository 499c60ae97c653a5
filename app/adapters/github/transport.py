"""How PyGithub's calls go over the wire: what its own transport would hide is raised here.

Left alone, PyGithub takes a 307 for a success, drops the query when it follows a 301, waits for ever on a 202, and
makes objects without content of an answer that is no JSON. Its retries sleep for as long as a server asks.
"""

import json
import logging
from typing import Any, Final

import urllib3
from github import GithubException
from github.Auth import Token
from github.Repository import Repository
from github.Requester import (
    HTTPRequestsConnectionClass,
    HTTPSRequestsConnectionClass,
    Requester,
    RequestsResponse,
)

from app.adapters.github.app import TIMEOUT_S, USER_AGENT
from app.adapters.github.errors import API_VERSION, watch_age
from app.adapters.github.known import Answer, Known
from app.core.errors import Unavailable

_log = logging.getLogger("github.Requester")

_TRIES_AGAIN: Final = 2
_PER_PAGE: Final = 100
_PENDING: Final = 202
_NOT_MODIFIED: Final = 304
_NO_CONTENT: Final = frozenset({204, 205, _NOT_MODIFIED})


class _Http(HTTPRequestsConnectionClass):
    def getresponse(self) -> RequestsResponse:
        return _sound(super().getresponse(), self.verb)


class _Https(HTTPSRequestsConnectionClass):
    def getresponse(self) -> RequestsResponse:
        return _sound(super().getresponse(), self.verb)


class _Requester(Requester):
    """A Requester of its own class, so that the transport is set for ours and for nobody else's.

    What is known already is asked for with its ETag. Callers cannot tell the difference, but for the allowance.
    """

    def __init__(self, *, token: str, known: Known, **options: Any) -> None:
        super().__init__(auth=Token(token), **options)
        self._token = token
        self._known = known

    def requestJson(  # noqa: N802 - PyGithub's name
        self,
        verb: str,
        url: str,
        parameters: dict[str, Any] | None = None,
        headers: dict[str, Any] | None = None,
        *more: Any,
        **options: Any,
    ) -> tuple[int, dict[str, Any], str]:
        """One request and its answer: status, headers with lower-case names, body."""
        if verb != "GET":
            return super().requestJson(verb, url, parameters, headers, *more, **options)
        address = self.add_parameters_to_url(url, parameters or {})
        known = self._known.find(self._token, address)
        if known:
            headers = (headers or {}) | {"If-None-Match": known.etag}
        status, told, body = super().requestJson(verb, url, parameters, headers, *more, **options)
        if status == _NOT_MODIFIED and known:
            return 200, told | {"link": known.link} if known.link else told, known.body
        if status == 200:
            self._known.keep(self._token, address, Answer(told.get("etag", ""), told.get("link", ""), body))
        return status, told, body


def repository(api_url: str, token: str, path: str, known: Known) -> Repository:
    """A repository that nothing was read of yet. `path`: `/repositories/ID` or `/repos/OWNER/NAME`.

    For one call in one thread: PyGithub's requester mixes up the answers of threads that share it. Close it by
    `repository.requester.close()`.
    """
    _Requester.injectConnectionClasses(_Http, _Https)
    if _log.getEffectiveLevel() < logging.INFO:
        # At DEBUG it writes whole answers into the log.
        _log.setLevel(logging.INFO)
    requester = _Requester(
        token=token,
        known=known,
        base_url=api_url,
        timeout=int(TIMEOUT_S),
        user_agent=USER_AGENT,
        per_page=_PER_PAGE,
        verify=True,
        retry=_retry(),
        pool_size=None,
        # The pace of calls is kept by `pace.py`, for all threads together.
        seconds_between_requests=None,
        seconds_between_writes=None,
        lazy=True,
        api_version=API_VERSION,
    )
    return Repository(requester, url=path)


def _retry() -> urllib3.Retry:
    """Reads are repeated after half a second and a second; writes never; limits are raised and not slept out."""
    return urllib3.Retry(
        total=_TRIES_AGAIN,
        redirect=False,
        allowed_methods=frozenset({"GET", "HEAD"}),
        status_forcelist=frozenset({500, 502, 503, 504}),
        backoff_factor=0.5,
        backoff_jitter=0.25,
        respect_retry_after_header=False,
        raise_on_status=False,
    )


def _sound(answer: RequestsResponse, verb: str) -> RequestsResponse:
    """The answer, if PyGithub can be trusted to read it."""
    status = answer.status
    watch_age(answer.headers)
    if 300 <= status < 400 and status not in _NO_CONTENT:
        raise GithubException(status, {"message": "Moved"}, {})
    if status == _PENDING and verb in {"GET", "HEAD"}:
        raise Unavailable("GitHub has not made that answer yet.", detail="202")
    if status not in _NO_CONTENT and not _is_json(answer.read()):
        headers: dict[str, Any] = {name.lower(): value for name, value in answer.getheaders()}
        # A page of a proxy: its status counts, its text does not.
        raise GithubException(status, None, headers)
    return answer


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
