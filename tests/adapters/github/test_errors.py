import time
from typing import Any

import httpx
import pytest
import requests
from github import GithubException, RateLimitExceededException

from app.adapters.github.errors import (
    Gone,
    Invalid,
    Moved,
    Outdated,
    Unauthorized,
    from_answer,
    messages,
    translated,
    watch_age,
)
from app.core.errors import Conflict, Denied, ForgeError, NotFound, RateLimited, Suspended, Unavailable

DATE = "Sat, 21 Nov 2026 10:00:00 GMT"
AT = 1795255200
"""The same moment in seconds since 1970."""


def meant(status: int, message: str = "", **headers: str) -> ForgeError:
    return from_answer(
        "do it", status, {"message": message}, {name.replace("_", "-"): value for name, value in headers.items()}
    )


@pytest.mark.parametrize(
    ("status", "message", "error"),
    [
        (301, "Moved Permanently", Moved),
        (307, "Temporary Redirect", Moved),
        (401, "Bad credentials", Unauthorized),
        (403, "This installation has been suspended", Suspended),
        (403, "API rate limit exceeded for installation ID 1.", RateLimited),
        (403, "You have exceeded a secondary rate limit.", RateLimited),
        (403, "You have triggered an abuse detection mechanism.", RateLimited),
        (403, "Resource not accessible by integration", Denied),
        (403, "Repository was archived so is read-only.", Denied),
        (404, "Not Found", NotFound),
        (408, "", Unavailable),
        (409, "Git Repository is empty.", Conflict),
        (410, "This issue was deleted", Gone),
        (410, "API version 2022-11-28 is no longer supported.", Outdated),
        (400, "'2022-11-28' is not a supported version of the GitHub API.", Outdated),
        (422, "Reference already exists", Conflict),
        (422, "Validation Failed", Invalid),
        (429, "", RateLimited),
        (451, "Repository access blocked", Denied),
        (500, "", Unavailable),
        (502, "Server Error", Unavailable),
        (200, "", Unavailable),
    ],
)
def test_an_answer_means_one_thing(status: int, message: str, error: type[ForgeError]) -> None:
    assert type(meant(status, message)) is error


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "5000"}, 5000),
        ({"retry-after": "7", "x-ratelimit-remaining": "0", "x-ratelimit-reset": str(AT + 9)}, 7),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(AT + 3000), "date": DATE}, 3001),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(AT - 50), "date": DATE}, 1),
        ({"x-ratelimit-remaining": "12", "x-ratelimit-reset": str(AT + 3000)}, 60),
        ({"retry-after": "soon"}, 60),
        ({"retry-after": "99999999"}, 86_400),
        ({}, 60),
    ],
)
@pytest.mark.faults
def test_f38_f39_f40_how_long_to_wait(headers: dict[str, str], seconds: float) -> None:
    error = from_answer("do it", 429, None, headers)
    assert isinstance(error, RateLimited)
    assert error.retry_after_s == seconds


@pytest.mark.faults
def test_f49_the_operator_is_told_once_of_what_github_will_end(caplog: pytest.LogCaptureFixture) -> None:
    for headers in ({"sunset": "Sat, 27 Nov 2027 10:00:00 GMT"}, {"deprecation": "@1795255200"}, {}):
        for _ in range(3):
            watch_age(headers)
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert "27 Nov 2027" in caplog.text


@pytest.mark.parametrize("header", [{"retry_after": "5"}, {"x_ratelimit_remaining": "0"}])
def test_a_403_without_words_is_told_by_its_headers(header: dict[str, str]) -> None:
    assert isinstance(meant(403, **header), RateLimited)


@pytest.mark.faults
def test_f32_a_missing_permission_is_named() -> None:
    error = meant(403, "Resource not accessible by integration", x_accepted_github_permissions="checks=write")
    assert isinstance(error, Denied)
    assert "accept its new permissions" in str(error)
    assert "needs checks=write" in error.detail


@pytest.mark.parametrize(
    "raised",
    [
        requests.exceptions.ConnectionError("https://user:ghs_0123456789abcdef0123456789@host refused"),
        requests.exceptions.RetryError("too many 502"),
        requests.exceptions.ReadTimeout(),
        httpx.ReadTimeout("slow"),
        httpx.InvalidURL("x") if issubclass(httpx.InvalidURL, httpx.HTTPError) else httpx.ConnectError("x"),
        AssertionError("hostname"),
        RuntimeError("redirected to another host"),
        ValueError("not JSON"),
        ConnectionResetError(),
    ],
)
def test_no_answer_is_unavailable_whoever_raised_it(raised: Exception) -> None:
    with pytest.raises(Unavailable) as caught, translated("do it"):
        raise raised
    assert "ghs_" not in str(caught.value) + caught.value.detail
    assert caught.value.__suppress_context__


def test_pygithubs_errors_are_read_by_their_answer() -> None:
    with pytest.raises(RateLimited), translated("do it"):
        raise RateLimitExceededException(403, {"message": "API rate limit exceeded"}, {})
    with pytest.raises(NotFound), translated("do it"):
        raise GithubException(404, None, None)


def test_our_own_errors_pass() -> None:
    with pytest.raises(Suspended), translated("do it"):
        raise Suspended("suspended")


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (None, ""),
        ("<html>", ""),
        ({"message": "Validation Failed", "errors": [{"message": "No commits between main and x"}]}, None),
        ({"message": "Bad", "errors": [{"field": "title", "code": "missing"}, "odd", 3]}, "Bad title missing odd"),
        ({"message": 3, "errors": "odd"}, ""),
        ({"message": "two\nlines"}, "two lines"),
    ],
)
def test_githubs_sentences_are_kept_on_one_line(data: Any, line: str | None) -> None:
    assert messages(data) == (line if line is not None else "Validation Failed No commits between main and x")


def test_what_looks_like_a_token_is_not_kept() -> None:
    token = "ghs_123_" + "aB3.-_" * 80
    error = from_answer("do it", 422, {"message": f"bad {token} here", "token": token}, {"authorization": token})
    assert error.detail == "422: bad … here"
    assert token[8:40] not in f"{error}{error.detail}{error!r}"


def test_a_reset_without_a_date_is_by_our_clock() -> None:
    soon = str(int(time.time()) + 100)
    error = from_answer("do it", 403, None, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": soon})
    assert isinstance(error, RateLimited)
    assert 90 < error.retry_after_s < 102
