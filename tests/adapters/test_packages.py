# ruff: noqa: E501 - a case is a line
"""Registries as they answer, played by a transport; none is asked for real."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from app.adapters.packages import CRATES, GEMS, GO, NPM, PYPI, RegistryIndex
from app.core.packages import PackageFacts

NOW = datetime(2026, 1, 11, tzinfo=UTC)
RICH = {
    "info": {"license_expression": None, "license": "MIT", "classifiers": ["License :: OSI Approved :: MIT License"]},
    "releases": {
        "13.0.0": [{"upload_time_iso_8601": "2025-01-01T00:00:00.5Z"}],
        "13.1.0": [{"upload_time_iso_8601": "2026-01-10T00:00:00Z"}],
    },
}
PAD = {
    "dist-tags": {"latest": "1.3.0"},
    "versions": {"1.3.0": {"license": "WTFPL"}, "1.0.0": {"license": {"type": "BSD-2-Clause"}}},
    "time": {"created": "2025-01-01T00:00:00.000Z", "1.0.0": "2026-01-01T00:00:00.000Z"},
}


def index(
    answer: Callable[[httpx.Request], httpx.Response], hosts: frozenset[str] = frozenset([PYPI, NPM, CRATES, GO, GEMS])
) -> Any:
    return RegistryIndex(hosts, clock=lambda: 0.0, now=lambda: NOW, transport=httpx.MockTransport(answer))


def says(said: object, status: int = 200) -> Callable[[httpx.Request], httpx.Response]:
    return lambda _: httpx.Response(status, content=json.dumps(said))


@pytest.mark.parametrize(
    ("version", "age", "has_version"), [("", 374.99, True), ("13.1.0", 1.0, True), ("99", None, False)]
)
async def test_pypi_tells_of_a_version_or_of_the_first(version: str, age: float | None, has_version: bool) -> None:  # noqa: FBT001 - a table
    facts = await index(says(RICH)).look_up("pypi", "rich", version)
    assert (facts.exists, facts.licence, facts.has_version) == (True, "MIT", has_version)
    assert facts.age_days == pytest.approx(age, abs=0.02) if age is not None else facts.age_days is None


@pytest.mark.parametrize(("version", "licence", "age"), [("", "WTFPL", 375.0), ("1.0.0", "BSD-2-Clause", 10.0)])
async def test_npm_tells_of_a_version_or_of_the_first(version: str, licence: str, age: float) -> None:
    assert await index(says(PAD)).look_up("npm", "@a/left-pad", version) == PackageFacts(
        exists=True, licence=licence, age_days=age
    )


SERDE: dict[str, Any] = {
    "crate": {"created_at": "2025-01-01T00:00:00Z", "max_version": "2.0.0-rc.1", "max_stable_version": "1.0.1"},
    "versions": [
        {"num": "1.0.1", "created_at": "2026-01-10T00:00:00Z", "license": "MIT OR Apache-2.0"},
        {"num": "1.0.0", "created_at": "2026-01-01T00:00:00Z", "license": "MIT/Apache-2.0"},
    ],
}


@pytest.mark.parametrize(
    ("version", "licence", "age", "has_version"),
    [
        ("", "MIT OR Apache-2.0", 375.0, True),
        ("1.0.0", "MIT/Apache-2.0", 10.0, True),
        ("9.9.9", "", None, False),
    ],
)
async def test_crates_io_tells_of_a_version_or_of_the_first_and_is_told_who_asks(
    version: str,
    licence: str,
    age: float | None,
    has_version: bool,  # noqa: FBT001 - a table
) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert (request.url.path, request.headers["User-Agent"][:7]) == ("/api/v1/crates/serde", "minions")
        return httpx.Response(200, json=SERDE)

    assert await index(answer).look_up("crates", "serde", version) == PackageFacts(
        exists=True, licence=licence, age_days=age, has_version=has_version
    )


INFO = {"Version": "v1.8.0", "Time": "2026-01-01T00:00:00Z"}
"""https://go.dev/ref/mod#goproxy-protocol"""


@pytest.mark.parametrize(
    ("version", "there", "asked", "facts"),
    [
        ("v1.8.0", {"@v/v1.8.0.info"}, ["@v/v1.8.0.info"], PackageFacts(exists=True, age_days=10.0)),
        ("", {"@latest"}, ["@latest"], PackageFacts(exists=True)),
        ("v9.0.0", {"@latest"}, ["@v/v9.0.0.info", "@latest"], PackageFacts(exists=True, has_version=False)),
        ("v1.8.0", set(), ["@v/v1.8.0.info", "@latest"], PackageFacts(exists=False)),
    ],
)
async def test_gos_proxy_tells_when_a_version_was_made(
    version: str, there: set[str], asked: list[str], facts: PackageFacts
) -> None:
    paths: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        before, _, path = request.url.path.partition("/github.com/!burnt!sushi/toml/")
        assert (request.url.host, before) == (GO, "")
        paths.append(path)
        return httpx.Response(200, json=INFO) if path in there else httpx.Response(410, text="not found")

    assert await index(answer).look_up("go", "github.com/BurntSushi/toml", version) == facts
    assert paths == asked


RAKE = [
    {"number": "13.1.0", "created_at": "2026-01-10T00:00:00.000Z", "licenses": ["MIT"], "platform": "ruby"},
    {"number": "13.0.0", "created_at": "2026-01-01T00:00:00.000Z", "licenses": ["MIT", "Ruby"], "platform": "ruby"},
    {"number": "0.4.0", "created_at": "2025-01-01T00:00:00.000Z", "licenses": None, "platform": "ruby"},
]
"""https://guides.rubygems.org/rubygems-org-api/"""


@pytest.mark.parametrize(
    ("version", "facts"),
    [
        ("", PackageFacts(exists=True, licence="MIT", age_days=375.0)),
        ("13.0.0", PackageFacts(exists=True, licence="MIT OR Ruby", age_days=10.0)),
        ("0.4.0", PackageFacts(exists=True, age_days=375.0)),
        ("9.9.9", PackageFacts(exists=True, has_version=False)),
    ],
)
async def test_rubygems_tells_of_a_version_or_of_the_first(version: str, facts: PackageFacts) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        assert (request.url.host, request.url.path) == (GEMS, "/api/v1/versions/rake.json")
        return httpx.Response(200, json=RAKE)

    assert await index(answer).look_up("rubygems", "rake", version) == facts


async def test_a_version_that_was_taken_back_is_told() -> None:
    file = {"upload_time_iso_8601": "2025-01-01T00:00:00Z", "yanked": True}
    said = RICH | {"releases": {"1": [file, file], "2": [file, file | {"yanked": False}]}}
    assert [(await index(says(said)).look_up("pypi", "rich", each)).is_yanked for each in ("1", "2", "")] == [
        True,
        False,
        False,
    ]
    crate = SERDE | {"versions": [{**SERDE["versions"][0], "yanked": True}]}
    assert (await index(says(crate)).look_up("crates", "serde", "1.0.1")).is_yanked


@pytest.mark.parametrize(
    ("info", "licence"),
    [
        ({"license_expression": "MIT OR Apache-2.0"}, "MIT OR Apache-2.0"),
        ({"classifiers": ["License :: OSI Approved :: GNU Affero General Public License v3"]}, "GNU Affero General Public License v3"),
        ({"classifiers": ["License :: OSI Approved"], "license": "Apache 2.0"}, "Apache-2.0"),
        ({"license": "Copyright (c) 2020\nPermission is hereby granted"}, ""),
        ({"license": None}, ""),
    ],
)  # fmt: skip
async def test_licences_are_told_in_spdx_where_that_can_be(info: dict[str, Any], licence: str) -> None:
    facts = await index(says({"info": info, "releases": {}})).look_up("pypi", "x", "")
    assert facts.licence == licence


async def test_a_package_that_is_not_there_does_not_exist() -> None:
    assert await index(says({}, 404)).look_up("pypi", "requets", "") == PackageFacts(exists=False)
    assert await index(says({})).look_up("pypi", "../simple", "") == PackageFacts(exists=False)
    assert await index(says({})).look_up("go", "github.com/../x", "v1.0.0") == PackageFacts(exists=False)
    assert await index(says({})).look_up("npm", "a/b/c", "") == PackageFacts(exists=False)


def fails(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectTimeout("")


@pytest.mark.parametrize(
    "answer", [fails, says({}, 503), says({}), says([]), lambda _: httpx.Response(200, content=b"<html>")]
)
async def test_what_cannot_be_told_now_is_told_so(answer: Any) -> None:
    assert await index(answer).look_up("pypi", "rich", "") is None
    for ecosystem in ("crates", "go", "rubygems"):
        assert await index(answer).look_up(ecosystem, "rich", "") is None


async def test_a_registry_that_is_not_allowed_is_not_asked_and_an_answer_is_kept() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(200, content=json.dumps(PAD))

    only_npm = index(answer, frozenset([NPM]))
    assert await only_npm.look_up("pypi", "rich", "") is None
    for _ in range(2):
        await only_npm.look_up("npm", "@a/b", "1.0.0")
    assert asked == ["https://registry.npmjs.org/@a%2Fb"]
