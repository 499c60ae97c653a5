"""What the public registries say about single packages: PyPI, npm, crates.io, Go's proxy and rubygems.org."""

import json
import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any, Final
from urllib.parse import quote

import httpx

from app.core.packages import PackageFacts

_log = logging.getLogger(__name__)

PYPI: Final = "pypi.org"
NPM: Final = "registry.npmjs.org"
CRATES: Final = "crates.io"
GO: Final = "proxy.golang.org"
GEMS: Final = "rubygems.org"
_HOSTS: Final = {"pypi": PYPI, "npm": NPM, "crates": CRATES, "go": GO, "rubygems": GEMS}
_AGENT: Final = {"User-Agent": "minions (a worker asks about one dependency)"}
"""crates.io answers nobody who does not say who it is: https://crates.io/data-access#api"""
_SECONDS: Final = 10.0
"""For one answer. Who cannot be reached within that is told as such, and the change goes on."""
_MOST_BYTES: Final = 50_000_000
"""Of one answer: npm's largest packages have some 20 MB."""
_KEPT_S: Final = 3_600.0
"""A change is looked at twice within minutes, and should be told the same."""
_MOST_KEPT: Final = 1_000
_NAME: Final = re.compile(r"(?:@[a-z0-9~][\w.~-]{0,100}/)?[A-Za-z0-9~][\w.~-]{0,200}")
_MODULE: Final = re.compile(r"[A-Za-z0-9][\w.~-]{0,100}(?:/[A-Za-z0-9~_][\w.~-]{0,100}){0,20}")
"""Of Go. No part of a path begins with a dot: https://go.dev/ref/mod#module-path"""
_MISSING: Final = frozenset([httpx.codes.NOT_FOUND, httpx.codes.GONE])
"""Go's proxy says "gone" of what nobody has: https://go.dev/ref/mod#goproxy-protocol"""
_CLASSIFIERS: Final = {
    "MIT License": "MIT",
    "MIT No Attribution License (MIT-0)": "MIT-0",
    "BSD License": "BSD-3-Clause",
    "Apache Software License": "Apache-2.0",
    "ISC License (ISCL)": "ISC",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
    "zlib/libpng License": "Zlib",
    "CC0 1.0 Universal (CC0 1.0) Public Domain Dedication": "CC0-1.0",
}
"""https://pypi.org/classifiers/; what is not here is told as it stands there."""
_FREE: Final = {
    "MIT LICENSE": "MIT",
    "THE MIT LICENSE": "MIT",
    "BSD": "BSD-3-Clause",
    "BSD LICENSE": "BSD-3-Clause",
    "NEW BSD": "BSD-3-Clause",
    "BSD 3-CLAUSE": "BSD-3-Clause",
    "3-CLAUSE BSD": "BSD-3-Clause",
    "BSD 2-CLAUSE": "BSD-2-Clause",
    "APACHE": "Apache-2.0",
    "APACHE 2": "Apache-2.0",
    "APACHE 2.0": "Apache-2.0",
    "APACHE LICENSE 2.0": "Apache-2.0",
    "APACHE LICENSE, VERSION 2.0": "Apache-2.0",
    "APACHE SOFTWARE LICENSE": "Apache-2.0",
    "MPL 2.0": "MPL-2.0",
    "PSF": "PSF-2.0",
}
"""What people write where an SPDX identifier belongs, in capitals."""


class RegistryIndex:
    """`PackageIndex` of `app.core.packages`. Of the registries only those among `hosts` are asked."""

    def __init__(
        self,
        hosts: AbstractSet[str],
        *,
        clock: Callable[[], float],
        now: Callable[[], datetime],
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._hosts = hosts
        self._clock = clock
        self._now = now
        self._transport = transport
        self._kept: dict[tuple[str, str, str], tuple[float, PackageFacts]] = {}

    async def look_up(self, ecosystem: str, name: str, version: str) -> PackageFacts | None:
        """As `PackageIndex` says."""
        if not (_MODULE if ecosystem == "go" else _NAME).fullmatch(name):
            return PackageFacts(exists=False)
        key = (ecosystem, name, version)
        if key in self._kept and self._clock() - self._kept[key][0] < _KEPT_S:
            return self._kept[key][1]
        facts = await self._asked(ecosystem, name, version)
        if facts is not None:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[key] = (self._clock(), facts)
        return facts

    async def _asked(self, ecosystem: str, name: str, version: str) -> PackageFacts | None:
        host = _HOSTS.get(ecosystem, "")
        if host not in self._hosts:
            return None
        asked = f"@v/{of_case(version)}.info" if version else "@latest"
        ways: Mapping[str, tuple[str, Callable[[Any, str, datetime], PackageFacts]]] = {
            PYPI: (f"pypi/{quote(name)}/json", _of_pypi),
            NPM: (quote(name, safe="@"), _of_npm),
            CRATES: (f"api/v1/crates/{quote(name)}", _of_crates),
            GO: (f"{quote(of_case(name), safe='/!')}/{quote(asked, safe='@/!')}", _of_go),
            GEMS: (f"api/v1/versions/{quote(name)}.json", _of_gems),
        }
        path, read = ways[host]
        try:
            said = await self._json(f"https://{host}/{path}")
            if said is None:
                # Of Go a version is asked for, and the module may be there all the same.
                is_there = host == GO and version and await self._json(f"https://{host}/{_latest(name)}") is not None
                return PackageFacts(exists=True, has_version=False) if is_there else PackageFacts(exists=False)
            return read(said, version, self._now())
        except (httpx.HTTPError, ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
            _log.info("%s does not tell of %s: %r", host, name, error)
            return None

    async def _json(self, url: str) -> Any:
        """The answer; None if there is no such package."""
        client = httpx.AsyncClient(timeout=_SECONDS, follow_redirects=True, transport=self._transport)
        async with client, client.stream("GET", url, headers=_AGENT | {"Accept": "application/json"}) as answer:
            if answer.status_code in _MISSING:
                return None
            answer.raise_for_status()
            body = bytearray()
            async for part in answer.aiter_bytes():
                body += part
                if len(body) > _MOST_BYTES:
                    raise ValueError("too long an answer")
        return json.loads(bytes(body))


def of_case(text: str) -> str:
    """As Go's proxy wants capitals, so that no file system takes two names for one."""
    return re.sub(r"[A-Z]", lambda letter: f"!{letter[0].lower()}", text)


def _latest(module: str) -> str:
    return f"{quote(of_case(module), safe='/!')}/@latest"


def _age(times: Iterable[str], now: datetime) -> float | None:
    """Days since the first of these times."""
    moments = [datetime.fromisoformat(each) for each in times if each]
    return (now - min(moments)).total_seconds() / 86_400 if moments else None


def _of_pypi(said: Mapping[str, Any], version: str, now: datetime) -> PackageFacts:
    info, releases = said["info"], said.get("releases") or {}
    chosen = releases.get(version) if version else None
    files = chosen if version else [file for each in releases.values() for file in each]
    return PackageFacts(
        exists=True,
        licence=_licence(info),
        age_days=_age((file.get("upload_time_iso_8601", "") for file in files or ()), now),
        has_version=not version or bool(chosen),
        is_yanked=bool(chosen) and all(file.get("yanked") is True for file in chosen or ()),
    )


def _of_crates(said: Mapping[str, Any], version: str, now: datetime) -> PackageFacts:
    versions = {str(one["num"]): one for one in said["versions"]}
    chosen = versions.get(version or str(said["crate"].get("max_stable_version") or said["crate"]["max_version"]), {})
    published = chosen.get("created_at", "") if version else said["crate"].get("created_at", "")
    return PackageFacts(
        exists=True,
        licence=str(chosen.get("license") or ""),
        age_days=_age([published], now),
        has_version=not version or version in versions,
        is_yanked=bool(version) and chosen.get("yanked") is True,
    )


def _of_go(said: Mapping[str, Any], version: str, now: datetime) -> PackageFacts:
    """The proxy knows when a version was made, and no licences. Of a module without a version it tells the newest."""
    if not str(said["Version"]):
        raise ValueError("no version")
    return PackageFacts(exists=True, age_days=_age([str(said.get("Time") or "")], now) if version else None)


def _of_gems(said: Sequence[Mapping[str, Any]], version: str, now: datetime) -> PackageFacts:
    """Versions that were taken back are not among them."""
    if not isinstance(said, list) or not said:
        raise ValueError("no versions")
    chosen = [one for one in said if one["number"] == version] if version else list(said)
    licences = [str(each) for each in (chosen[0].get("licenses") or ()) if each] if chosen else []
    return PackageFacts(
        exists=True,
        licence=" OR ".join(licences),
        age_days=_age([str(one.get("created_at") or "") for one in chosen], now),
        has_version=not version or bool(chosen),
    )


def _licence(info: Mapping[str, Any]) -> str:
    """SPDX where the package says so; else what its classifiers come to; else its own words, if they are few."""
    if said := info.get("license_expression"):
        return str(said)
    parts = [str(each).split(" :: ") for each in info.get("classifiers") or () if str(each).startswith("License :: ")]
    names = [part[-1] for part in parts if len(part) > 1 and part[-1] != "OSI Approved"]
    if names:
        return " OR ".join(_CLASSIFIERS.get(name, name) for name in names)
    words = str(info.get("license") or "").strip()
    return _FREE.get(words.upper(), words) if len(words) <= 60 and "\n" not in words else ""


def _of_npm(said: Mapping[str, Any], version: str, now: datetime) -> PackageFacts:
    versions, times = said.get("versions") or {}, said.get("time") or {}
    latest = (said.get("dist-tags") or {}).get("latest", "")
    licence = (versions.get(version or latest) or said).get("license") or ""
    return PackageFacts(
        exists=True,
        licence=str(licence.get("type", "") if isinstance(licence, dict) else licence).strip("()"),
        age_days=_age([times.get(version or "created", "")], now),
        has_version=not version or version in versions,
    )
