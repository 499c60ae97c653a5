"""Newest versions and change logs of packages, from the public registries themselves."""

import asyncio
import gzip
import io
import json
import logging
import re
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final
from urllib.parse import quote, urlsplit

import httpx
from packaging.utils import canonicalize_name

from app.adapters.packages import CRATES, GO, NPM, PYPI, of_case

_log = logging.getLogger(__name__)

_CRATE_FILES: Final = "static.crates.io"
_SECONDS: Final = 20.0
"""For one answer."""
_MOST_JSON: Final = 50_000_000
"""Bytes: npm's largest packages have some 20 MB."""
_MOST_ARCHIVE: Final = 30_000_000
"""Bytes of an archive: of larger ones nothing is told."""
_MOST_UNPACKED: Final = 300_000_000
"""Bytes that are unpacked while looking for one file."""
_MOST_LOG: Final = 2_000_000
_LOG: Final = re.compile(
    r"[^/]+/(?:docs?/|\.github/)?(?:change[-_ ]?log|changes|history|news|releases?|release[-_]notes)"
    r"(?:\.(?:md|rst|txt|markdown))?",
    re.IGNORECASE,
)
"""Where change logs lie in an archive, below its one folder."""
_AGENT: Final = {"User-Agent": "minions (a worker asks about one dependency)"}
"""crates.io answers nobody who does not say who it is: https://crates.io/data-access#api"""


class RegistryReleases:
    """`Releases` of `app.core.releases`. Of the registries only those among `hosts` are asked."""

    def __init__(self, hosts: AbstractSet[str], *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._hosts = hosts
        self._transport = transport

    async def newest(self, ecosystem: str, name: str) -> str:
        """As `Releases` says."""
        path = quote(name, safe="@/")
        asked = {
            "pypi": (f"https://{PYPI}/pypi/{canonicalize_name(name)}/json", ("info", "version")),
            "npm": (f"https://{NPM}/{quote(name, safe='@')}", ("dist-tags", "latest")),
            "go": (
                f"https://{GO}/{of_case(path)}/@latest",
                ("Version",),
            ),
            "crates": (f"https://{CRATES}/api/v1/crates/{path}", ("crate", "max_stable_version")),
        }
        url, keys = asked.get(ecosystem, ("", ()))
        said: Any = await self._json(url)
        for key in keys:
            said = said.get(key) if isinstance(said, Mapping) else None
        return said.removeprefix("v") if isinstance(said, str) else ""

    async def changelog(self, ecosystem: str, name: str, version: str) -> str:
        """As `Releases` says: of Python's source archives, of Node's packages, of crates, and of Go's modules."""
        url = await self._archive(ecosystem, name, version)
        if not url.endswith((".tar.gz", ".tgz", ".crate", ".zip")):
            return ""
        archive = await self._bytes(url, _MOST_ARCHIVE)
        find = _found_in_zip if url.endswith(".zip") else _found
        try:
            return await asyncio.to_thread(find, archive) if archive else ""
        except (OSError, EOFError, ValueError, RuntimeError, tarfile.TarError, zipfile.BadZipFile, zlib.error) as error:
            _log.info("%s cannot be read: %r", url, error)
            return ""

    async def _archive(self, ecosystem: str, name: str, version: str) -> str:
        """The address of a release's archive; empty if there is none."""
        if ecosystem == "pypi":
            said = await self._json(f"https://{PYPI}/pypi/{canonicalize_name(name)}/json")
            releases = said.get("releases") if isinstance(said, Mapping) else None
            files = releases.get(version) if isinstance(releases, Mapping) else None
            return next(
                (str(file.get("url", "")) for file in files or () if file.get("packagetype") == "sdist"),
                "",
            )
        if ecosystem == "npm":
            said = await self._json(f"https://{NPM}/{quote(name, safe='@')}/{quote(version)}")
            dist = said.get("dist") if isinstance(said, Mapping) else None
            return str(dist.get("tarball", "")) if isinstance(dist, Mapping) else ""
        if ecosystem == "crates":  # https://crates.io/data-access#api
            return f"https://{_CRATE_FILES}/crates/{quote(name)}/{quote(f'{name}-{version}.crate')}"
        if ecosystem == "go":  # https://go.dev/ref/mod#goproxy-protocol
            return f"https://{GO}/{of_case(quote(name, safe='@/'))}/@v/{of_case(quote(f'v{version}'))}.zip"
        return ""

    async def _json(self, url: str) -> Any:
        body = await self._bytes(url, _MOST_JSON)
        try:
            return json.loads(body) if body else None
        except (ValueError, RecursionError) as error:
            _log.info("%s does not answer with JSON: %r", url, error)
            return None

    async def _bytes(self, url: str, most: int) -> bytes:
        """What is at this address, at most so many bytes; empty if that cannot be had. No other host is gone to."""
        if urlsplit(url).hostname not in self._hosts:
            return b""
        client = httpx.AsyncClient(timeout=_SECONDS, transport=self._transport, headers=_AGENT)
        body = bytearray()
        try:
            async with client, client.stream("GET", url) as answer:
                answer.raise_for_status()
                async for part in answer.aiter_bytes():
                    body += part
                    if len(body) > most:
                        return b""
        except httpx.HTTPError as error:
            _log.info("%s tells nothing: %r", url, error)
            return b""
        return bytes(body)


class _Bounded(io.RawIOBase):
    """Reads on until it would be too much: a small archive can unpack to anything."""

    def __init__(self, inner: gzip.GzipFile) -> None:
        self._inner = inner
        self._left = _MOST_UNPACKED

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1) -> bytes:
        """As files do. Raises ValueError when it is too much."""
        data = self._inner.read(min(size, 1_000_000) if size >= 0 else 1_000_000)
        self._left -= len(data)
        if self._left < 0:
            raise ValueError("too much is packed in it")
        return data


def _found(archive: bytes) -> str:
    """The change log in an archive: the one that lies highest. Nothing is written to a disk."""
    best = ""
    with (
        gzip.GzipFile(fileobj=io.BytesIO(archive)) as unpacked,
        tarfile.open(fileobj=_Bounded(unpacked), mode="r|") as tar,
    ):
        for member in tar:
            if member.isfile() and 0 < member.size <= _MOST_LOG and _LOG.fullmatch(member.name):
                data = tar.extractfile(member)
                text = data.read().decode(errors="replace") if data else ""
                if not best or member.name.count("/") == 1:
                    best = text
    return best


def _found_in_zip(archive: bytes) -> str:
    """The same of a module of Go, in whose archive each name begins with that of the module and its version."""
    with zipfile.ZipFile(io.BytesIO(archive)) as unpacked:
        logs = []
        for member in unpacked.infolist():
            module, mark, rest = member.filename.partition("@v")
            name = f"module/{rest.partition('/')[2]}" if module and mark else ""
            if 0 < member.file_size <= _MOST_LOG and _LOG.fullmatch(name):
                logs.append((name.count("/"), member))
        if not logs:
            return ""
        _, best = min(logs, key=lambda one: one[0])
        with unpacked.open(best) as data:
            return data.read(_MOST_LOG).decode(errors="replace")
