"""Registries as they answer about releases, played by a transport; none is asked for real."""

import io
import json
import tarfile
import zipfile
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from app.adapters.packages import NPM, PYPI
from app.adapters.releases import RegistryReleases

FILES = "files.pythonhosted.org"
HOSTS = frozenset([PYPI, NPM, FILES, "proxy.golang.org", "crates.io", "static.crates.io"])


def archive(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return out.getvalue()


def releases(answers: Mapping[str, Any], hosts: frozenset[str] = HOSTS) -> RegistryReleases:
    """Answers by address; bytes as they are, everything else as JSON."""

    def answer(request: httpx.Request) -> httpx.Response:
        said = answers.get(str(request.url))
        if said is None:
            return httpx.Response(404)
        return httpx.Response(200, content=said if isinstance(said, bytes) else json.dumps(said))

    return RegistryReleases(hosts, transport=httpx.MockTransport(answer))


@pytest.mark.parametrize(
    ("ecosystem", "name", "url", "said", "version"),
    [
        ("pypi", "Flask_Login", f"https://{PYPI}/pypi/flask-login/json", {"info": {"version": "0.6.3"}}, "0.6.3"),
        ("npm", "@types/node", f"https://{NPM}/@types%2Fnode", {"dist-tags": {"latest": "22.1.0"}}, "22.1.0"),
        (
            "go",
            "github.com/Azure/x",
            "https://proxy.golang.org/github.com/!azure/x/@latest",
            {"Version": "v1.2.3"},
            "1.2.3",
        ),
        ("crates", "rand", "https://crates.io/api/v1/crates/rand", {"crate": {"max_stable_version": "0.8.5"}}, "0.8.5"),
        ("pypi", "x", f"https://{PYPI}/pypi/x/json", {"info": []}, ""),
        ("maven", "x", "https://x/", {}, ""),
    ],
)
async def test_the_newest_version_is_told(ecosystem: str, name: str, url: str, said: object, version: str) -> None:
    assert await releases({url: said}).newest(ecosystem, name) == version


async def test_no_other_host_is_asked() -> None:
    url = f"https://{PYPI}/pypi/six/json"
    assert await releases({url: {"info": {"version": "1"}}}, frozenset([NPM])).newest("pypi", "six") == ""
    elsewhere = "https://elsewhere.example/six-1.tar.gz"
    said = {"releases": {"1": [{"packagetype": "sdist", "url": elsewhere}]}}
    assert await releases({url: said, elsewhere: archive({"six-1/CHANGES": b"x"})}).changelog("pypi", "six", "1") == ""


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"six-1/README": b"r", "six-1/docs/changes.rst": b"deep", "six-1/CHANGES.md": b"top"}, "top"),
        ({"six-1/docs/changelog.rst": b"deep"}, "deep"),
        ({"six-1/src/CHANGES": b"no", "six-1/changes.py": b"no"}, ""),
    ],
)
async def test_the_change_log_of_an_archive_is_read(files: Mapping[str, bytes], found: str) -> None:
    url = f"https://{FILES}/six-1.tar.gz"
    said = {"releases": {"1": [{"packagetype": "bdist_wheel", "url": "x"}, {"packagetype": "sdist", "url": url}]}}
    asked = releases({f"https://{PYPI}/pypi/six/json": said, url: archive(files)})
    assert await asked.changelog("pypi", "six", "1") == found
    tarball = f"https://{NPM}/six/-/six-1.tgz"
    node = releases({f"https://{NPM}/six/1": {"dist": {"tarball": tarball}}, tarball: archive(files)})
    assert await node.changelog("npm", "six", "1") == found


@pytest.mark.parametrize("data", [b"no archive", archive({"a/b": b"x"})[:40], b""], ids=["text", "a part", "nothing"])
async def test_what_is_no_archive_tells_nothing(data: bytes) -> None:
    url = f"https://{FILES}/six-1.tar.gz"
    said = {"releases": {"1": [{"packagetype": "sdist", "url": url}]}}
    assert await releases({f"https://{PYPI}/pypi/six/json": said, url: data}).changelog("pypi", "six", "1") == ""


async def test_the_change_log_of_a_crate_is_read() -> None:
    url = "https://static.crates.io/crates/rand/rand-0.8.5.crate"
    asked = releases({url: archive({"rand-0.8.5/CHANGELOG.md": b"top", "rand-0.8.5/src/changelog.md": b"no"})})
    assert await asked.changelog("crates", "rand", "0.8.5") == "top"


@pytest.mark.parametrize(
    ("files", "found"),
    [
        ({"docs/changelog.md": b"deep", "CHANGELOG.md": b"top", "x/CHANGELOG.md": b"no"}, "top"),
        ({"docs/CHANGES.md": b"deep"}, "deep"),
        ({"README.md": b"no"}, ""),
    ],
)
async def test_the_change_log_of_a_module_of_go_is_read(files: Mapping[str, bytes], found: str) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in files.items():
            made.writestr(f"github.com/Azure/x/v2@v2.1.0/{name}", data)
    url = "https://proxy.golang.org/github.com/!azure/x/v2/@v/v2.1.0.zip"
    whole, cut = out.getvalue(), out.getvalue()[:-30]
    assert await releases({url: whole}).changelog("go", "github.com/Azure/x/v2", "2.1.0") == found
    assert await releases({url: cut}).changelog("go", "github.com/Azure/x/v2", "2.1.0") == ""
