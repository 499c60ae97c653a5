"""A registry that wants a credential: the box installs from it, and never has the credential."""

import asyncio
import base64
import hashlib
import io
import shutil
import tempfile
import zipfile
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from app.adapters.sandbox.box import Box
from app.adapters.sandbox.bubblewrap.boxes import BubblewrapBoxes
from app.adapters.sandbox.egress.authority import issue
from app.adapters.sandbox.egress.private_registry import loaded
from app.adapters.sandbox.egress.registries import REGISTRIES, reach
from app.core.errors import SettingsError
from app.core.evidence import Where, evidence

pytestmark = pytest.mark.hostile

PASSWORD = "correct-horse-battery"
AUTHORIZATION = f"Basic {base64.b64encode(f'ann:{PASSWORD}'.encode()).decode()}"


def wheel() -> bytes:
    """A package named `inhouse` that knows a number."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("inhouse.py", "NUMBER = 42\n")
        archive.writestr("inhouse-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: inhouse\nVersion: 1.0\n")
        archive.writestr(
            "inhouse-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("inhouse-1.0.dist-info/RECORD", "inhouse.py,,\n")
    return data.getvalue()


@dataclass
class Index:
    """A simple index as PEP 503 says, behind a password; it sends people elsewhere from one address."""

    port: int = 0
    asked: list[tuple[str, str, list[str]]] = field(default_factory=list)
    """Method, path and headers of each request."""
    wheel: bytes = field(default_factory=wheel)

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *headers = head.strip().split("\r\n")
        method, path, _ = first.split(" ")
        self.asked.append((method, path, headers))
        status, kind, body = (
            self.answer(path) if f"Authorization: {AUTHORIZATION}" in headers else ("401 No", "text/html", b"")
        )
        lines = [
            f"HTTP/1.1 {status}",
            f"Content-Type: {kind}",
            f"Content-Length: {len(body)}",
            "Set-Cookie: session=secret",
        ]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await writer.drain()
        writer.close()

    def answer(self, path: str) -> tuple[str, str, bytes]:
        name = "inhouse-1.0-py3-none-any.whl"
        link = f"https://localhost:{self.port}/files/{name}#sha256={hashlib.sha256(self.wheel).hexdigest()}"
        answers = {
            "/simple/inhouse/": ("200 OK", "text/html", f'<a href="{link}">{name}</a>'.encode()),
            f"/files/{name}": ("200 OK", "application/octet-stream", self.wheel),
            "/elsewhere": ("302 Found\r\nLocation: https://evil.test/", "text/html", b""),
        }
        return answers.get(path, ("404 Not Found", "text/html", b""))


@pytest.fixture
async def index(tmp_path: Path) -> AsyncIterator[Index]:
    issued = issue(["localhost"])
    (tmp_path / "company.pem").write_text(issued.authority)
    (tmp_path / "authorization").write_text(f"{AUTHORIZATION}\n")
    one = Index()
    async with await asyncio.start_server(one.serve, "127.0.0.1", 0, ssl=loaded(issued.identity)) as server:
        one.port = server.sockets[0].getsockname()[1]
        (tmp_path / "registries.toml").write_text(
            f"""
            [environment]
            PIP_INDEX_URL = "https://localhost:{one.port}/simple"
            NO_PROXY = ""
            no_proxy = ""

            [[registry]]
            host = "localhost:{one.port}"
            authorization_file = "{tmp_path}/authorization"
            certificates = "{tmp_path}/company.pem"
            """
        )
        yield one


@pytest.fixture
def box(index: Index, reachable_folder: Path, tmp_path: Path) -> Iterator[Box]:  # noqa: ARG001 - it writes the file
    tree = Path(tempfile.mkdtemp(dir=reachable_folder))
    allowed = reach(["none"], (), tmp_path / "registries.toml")
    yield BubblewrapBoxes(reachable_folder / "private", reach=allowed).open(tree)
    shutil.rmtree(tree)


async def test_pip_installs_from_it_and_the_credential_is_nowhere(box: Box, index: Index) -> None:
    secrets = (PASSWORD, AUTHORIZATION.partition(" ")[2], "BEGIN PRIVATE KEY", "session=secret", "planted-here")
    # A pattern in brackets does not find itself among the arguments of processes.
    patterns = " ".join(f"-e '[{secret[0]}]{secret[1:]}'" for secret in secrets)
    look = (
        "export PLANTED=planted-here; { env; cat /proc/*/environ /proc/*/cmdline; "
        "find / -xdev -type f -not -path '/usr/*' -not -path '/proc/*' -exec cat {} +; find /repo /cache /run "
        f"-type f -exec cat {{}} +; }} 2>/dev/null | grep --text --only-matching {patterns} | sort -u"
    )
    install = "python3 -m venv .venv && .venv/bin/pip install inhouse==1.0"
    use = ".venv/bin/python -c 'import inhouse; print(inhouse.NUMBER)'"
    results = await box.set_up([install, use, look])
    assert [result.ok for result in results] == [True, True, True], results[0].output
    assert results[1].output.startswith("42\n")
    assert results[2].output == "planted-here\n"
    assert [path for _, path, _ in index.asked] == ["/simple/inhouse/", "/files/inhouse-1.0-py3-none-any.whl"]
    assert results[0].connections[0].startswith(f"connected: localhost:{index.port}, 2 times, ")
    record = "".join(evidence(result, Where.SET_UP).model_dump_json() + result.output for result in results)
    assert not [secret for secret in secrets[:-1] if secret in record]


def curl(arguments: str) -> str:
    return f"curl --silent --show-error --max-time 60 {arguments}"


async def test_it_can_only_be_read(box: Box, index: Index) -> None:
    place = f"https://localhost:{index.port}/simple/inhouse/"
    for arguments in ("-X POST -d x=y", "-X PUT -d x", "-X DELETE", "-X OPTIONS"):
        [result] = await box.set_up([curl(f"--fail {arguments} {place}")])
        assert not result.ok
        assert f"refused: localhost:{index.port} may only be read, not {arguments.split()[1]}" in result.connections
    assert index.asked == []


async def test_what_the_box_says_of_itself_is_not_passed_on(box: Box, index: Index) -> None:
    headers = "-H 'Authorization: Basic eHg6eXk=' -H 'Host: evil.test' -H 'X-Forwarded-For: 1.2.3.4' -H 'Cookie: a=b'"
    [result] = await box.set_up([curl(f"{headers} --dump-header - https://localhost:{index.port}/simple/inhouse/")])
    assert result.output.startswith("HTTP/1.1 200 Connection established\n") or "200 OK" in result.output
    assert "set-cookie" not in result.output.lower()
    [(_, _, passed)] = index.asked
    assert {line.partition(":")[0] for line in passed} == {
        "Host",
        "User-Agent",
        "Accept",
        "Authorization",
        "Connection",
    }
    assert f"Host: localhost:{index.port}" in passed


async def test_a_way_elsewhere_is_the_boxs_own_business(box: Box, index: Index) -> None:
    [result] = await box.set_up([curl(f"--location https://localhost:{index.port}/elsewhere")])
    assert not result.ok
    assert "refused: evil.test:443 is not an allowed registry" in result.connections
    assert len(index.asked) == 1


async def test_other_ports_of_its_host_are_refused(box: Box) -> None:
    [result] = await box.set_up([curl("https://localhost:443/"), "true"])
    assert result.connections == ("refused: localhost:443 is not an allowed registry",)


FILES = [
    ("registry = 7", "registry: Input should be a valid list"),
    ('[[registry]]\nhost = "a.test"', "a.test needs either authorization_file or authorization_env"),
    ('[[registry]]\nhost = "a.test"\nauthorization_env = "MINIONS_NO_SUCH"', "the authorization of a.test is empty"),
    ('[[registry]]\nhost = "https://a.test/x"\nauthorization_env = "HOME"', "is no host"),
    ('[[registry]]\nhost = "a.test"\nauthorization_file = "/no/such/file"', "No such file"),
    ('[[registry]]\nhost = "a.test"\npassword = "geheim"', "registry.0.password: Extra inputs are not permitted"),
    ('[environment]\nPIP_INDEX_URL = "https://ann:geheim@a.test/"', "addresses must not hold a password"),
    ("geheim", "cannot be used"),
]


@pytest.mark.parametrize(("text", "told"), FILES)
def test_a_file_that_cannot_be_used_is_told_in_a_sentence_without_its_secrets(
    tmp_path: Path, text: str, told: str
) -> None:
    (tmp_path / "registries.toml").write_text(text)
    with pytest.raises(SettingsError, match="MINIONS_REGISTRIES_FILE") as refused:
        reach((), (), tmp_path / "registries.toml")
    assert told in str(refused.value)
    assert "geheim" not in str(refused.value)


def test_the_public_registries_can_be_left_out_or_replaced() -> None:
    assert reach((), ("own.test",), None).public == REGISTRIES
    assert reach(("none",), ("own.test",), None).public == ()
    assert reach(("cache.test",), (), None).public == ("cache.test",)
