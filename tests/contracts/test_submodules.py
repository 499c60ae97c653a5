"""Submodules are there to be read, come from the repository's own host without a credential, and never change."""

import os
import subprocess
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from app.adapters.sandbox.bubblewrap.boxes import BubblewrapBoxes
from app.adapters.workspace.submodules import address
from app.adapters.workspace.workspace import GitWorkspace
from app.adapters.workspace.workspaces import Workspaces
from app.core.errors import RepositoryError
from app.core.forge import Remote
from app.core.layout import Layout
from app.core.patch import Change
from app.guards import links
from app.guards.guard import Subject
from tests.workspaces import do, made

pytestmark = pytest.mark.contract

ODD = "caf\udce9"
HEADER = "Authorization: Basic c2VjcmV0"


class Host:
    """A git server. What lies in `private/` is there for those with a credential only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.credentials: set[tuple[str, str]] = set()
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                host.answer(self)

            do_POST = do_GET  # noqa: N815 - as http.server asks

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def answer(self, asked: BaseHTTPRequestHandler) -> None:
        path, _, query = asked.path.partition("?")
        owner, name = path.split("/")[1:3]
        credential = asked.headers.get("Authorization", "")
        self.credentials.add((f"{owner}/{name}", credential))
        if owner == "private" and not credential:
            asked.send_response(401)
            asked.send_header("WWW-Authenticate", "Basic")
            asked.end_headers()
            return
        body = asked.rfile.read(int(asked.headers.get("Content-Length") or 0))
        given = {
            "GIT_PROJECT_ROOT": str(self.folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": asked.command,
            "CONTENT_TYPE": asked.headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": asked.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": asked.headers.get("Git-Protocol", ""),
            "REMOTE_USER": "somebody",
            "PATH": os.environ["PATH"],
            "HOME": "/nonexistent",
        }
        settings = {"safe.directory": "*", "uploadpack.allowAnySHA1InWant": "true", "http.receivepack": "true"}
        for number, (key, value) in enumerate(settings.items()):
            given |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
        given["GIT_CONFIG_COUNT"] = str(len(settings))
        said = subprocess.run(["git", "http-backend"], input=body, capture_output=True, check=False, env=given).stdout
        head, _, rest = said.partition(b"\r\n\r\n")
        fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        asked.send_response(int(fields.pop("Status", "200").split()[0]))
        for field, value in fields.items():
            asked.send_header(field, value)
        asked.end_headers()
        asked.wfile.write(rest)

    def repository(self, name: str, files: dict[str, str], links: dict[str, str] | None = None) -> str:
        """A commit with these files, and with links to commits by path, on the main branch of a repository."""
        bare, work = self.folder / f"{name}.git", self.folder.with_name("work") / name
        git("init", "--quiet", "--bare", "--initial-branch=main", str(bare))
        git("init", "--quiet", "--initial-branch=main", str(work))
        for path, text in files.items():
            (work / path).parent.mkdir(parents=True, exist_ok=True)
            (work / path).write_text(text)
        git("-C", str(work), "add", "--all")
        for path, commit in (links or {}).items():
            git("-C", str(work), "update-index", "--add", "--cacheinfo", f"160000,{commit},{path}")
        git("-C", str(work), "commit", "--quiet", "--message", "a commit")
        git("-C", str(work), "push", "--quiet", str(bare), "main")
        return git("-C", str(work), "rev-parse", "HEAD")

    async def remote(self, write: bool) -> Remote:  # noqa: ARG002, FBT001 # as the workspace asks
        return Remote(url=f"{self.url}/private/app.git", header=HEADER)


def git(*words: str) -> str:
    identity = ("-c", "user.name=Person", "-c", "user.email=person@example.org")
    done = subprocess.run(["git", *identity, *words], check=True, capture_output=True)
    return done.stdout.decode(errors="surrogateescape").strip()


def modules(**urls: str) -> str:
    return "".join(f'[submodule "{name}"]\n\tpath = vendor/{name}\n\turl = {url}\n' for name, url in urls.items())


@pytest.fixture
def host(home: Path) -> Iterator[Host]:
    started = Host(home / "host")
    yield started
    started.server.shutdown()
    started.server.server_close()


@pytest.fixture
def lib(host: Host) -> str:
    """A public repository's newest commit."""
    return host.repository("public/lib", {"lib.py": "lib\n", f"{ODD}/x": "latin\n", ".gitignore": "built\n"})


async def read_layout(show: Callable[[str], Awaitable[bytes | None]]) -> Layout:
    return Layout(tuple((await show("layout") or b"").decode().split()), submodules=True)


@pytest.fixture(params=["layered", "copied"])
def workspaces(home: Path, boxes: BubblewrapBoxes, request: pytest.FixtureRequest) -> Workspaces:
    return made(home / "data", boxes, request.param, read_layout)


async def checked_out(
    workspaces: Workspaces, host: Host, sha: str, run_id: int = 1, patch: bytes = b""
) -> GitWorkspace:
    workspace = workspaces.open(run_id, 7, host.remote)
    await workspace.check_out(sha, patch=patch)
    return workspace


@pytest.fixture
def base(host: Host, lib: str) -> str:
    """A commit of the repository, with a submodule, one inside of none, and a link that is no submodule."""
    files = {"app.py": "app\n", ".gitmodules": modules(lib="../../public/lib.git", gone="../x.git")}
    return host.repository("private/app", files, {"vendor/lib": lib, "embedded": lib})


class TestCheckOut:
    async def test_lays_files_of_submodules_in_the_tree(self, workspaces: Workspaces, host: Host, base: str) -> None:
        workspace = await checked_out(workspaces, host, base)
        assert await workspace.paths("vendor/lib") == [".gitignore", f"{ODD}/", "lib.py"]
        assert await workspace.read("vendor/lib/lib.py") == b"lib\n"
        assert await workspace.paths("embedded") == []
        assert (await workspace.patch()).is_empty
        assert await do(workspace, "git status --short; git log --format=%s; git fsck --strict 2>&1") == "base\n"

    @pytest.mark.hostile
    async def test_shows_no_other_repository_the_credential(
        self, workspaces: Workspaces, host: Host, base: str
    ) -> None:
        await checked_out(workspaces, host, base)
        assert host.credentials == {("private/app.git", HEADER.partition(" ")[2]), ("public/lib.git", "")}

    async def test_asks_once_for_all_runs(self, workspaces: Workspaces, host: Host, base: str) -> None:
        await checked_out(workspaces, host, base)
        host.credentials.clear()
        again = await checked_out(workspaces, host, base, run_id=2)
        assert await again.read("vendor/lib/lib.py") == b"lib\n"
        assert host.credentials == set()

    async def test_passes_over_those_that_the_tree_leaves_out(
        self, workspaces: Workspaces, host: Host, lib: str
    ) -> None:
        files = {"layout": "src vendor/lib", ".gitmodules": modules(lib="../../public/lib.git", gone="../gone.git")}
        base = host.repository(
            "private/app", files | {"src/a": "a\n", "web/b": "b\n"}, {"vendor/lib": lib, "vendor/gone": lib}
        )
        workspace = await checked_out(workspaces, host, base)
        assert await workspace.paths("vendor/lib") == [".gitignore", f"{ODD}/", "lib.py"]
        assert "web/" not in await workspace.paths()
        assert (await workspace.patch()).is_empty

    @pytest.mark.parametrize(
        ("url", "commit", "sentence"),
        [
            ("../secret.git", "", "cannot be fetched: .*/private/secret.git is not there, or it is not public"),
            ("../../public/nothing.git", "", "cannot be fetched: .* is not there, or it is not public"),
            ("../../public/lib.git", "1" * 40, "`vendor/lib` is not there at commit 111111111111 in"),
            ("https://example.org/a/b.git", "", "Submodules are fetched from http://127.0.0.1:"),
        ],
    )
    async def test_says_which_cannot_be_fetched(
        self, workspaces: Workspaces, host: Host, url: str, commit: str, sentence: str
    ) -> None:
        host.repository("public/lib", {"lib.py": "lib\n"})
        commit = commit or host.repository("private/secret", {"secret.py": "secret\n"})
        base = host.repository("private/app", {".gitmodules": modules(lib=url)}, {"vendor/lib": commit})
        with pytest.raises(RepositoryError, match=sentence):
            await checked_out(workspaces, host, base)

    @pytest.mark.parametrize("text", ["[submodule", "x" * 100, '[submodule "a"]\n\tpath\n\turl = \n', "", "\0\xff"])
    async def test_survives_any_list_of_submodules(
        self, workspaces: Workspaces, host: Host, lib: str, text: str
    ) -> None:
        base = host.repository("private/app", {".gitmodules": text}, {"a": lib})
        with suppress(RepositoryError):
            workspace = await checked_out(workspaces, host, base)
            assert await workspace.paths("a") == []


class TestChange:
    async def test_of_the_repository_leaves_the_link_as_it_is(
        self, workspaces: Workspaces, host: Host, base: str
    ) -> None:
        workspace = await checked_out(workspaces, host, base)
        await do(workspace, "echo more >> app.py; touch vendor/lib/built")
        again = workspaces.open(1, 7, host.remote)
        patch = await again.patch()
        assert [(file.path, file.submodule) for file in patch.files] == [("app.py", "")]
        sha = await again.publish(patch, branch="minions/1-1", message="Fix", expected_sha="")
        bare = str(host.folder / "private/app.git")
        assert git("-C", bare, "diff", "--name-status", base, sha) == "M\tapp.py"
        assert await again.publish(patch, branch="minions/1-1", message="Fix", expected_sha="") == sha

    @pytest.mark.hostile
    @pytest.mark.parametrize(
        ("command", "path", "change"),
        [
            ("echo more >> vendor/lib/lib.py", "vendor/lib/lib.py", Change.MODIFIED),
            ("echo new > vendor/lib/new", "vendor/lib/new", Change.ADDED),
            ("rm vendor/lib/caf*/x", f"vendor/lib/{ODD}/x", Change.DELETED),
        ],
    )
    async def test_of_a_submodule_is_seen_and_refused(
        self, workspaces: Workspaces, host: Host, base: str, command: str, path: str, change: Change
    ) -> None:
        workspace = await checked_out(workspaces, host, base)
        await do(workspace, command)
        patch = await workspace.patch()
        assert [(file.path, file.change, file.submodule) for file in patch.files] == [(path, change, "vendor/lib")]
        assert [finding.guard for finding in links.look(Subject(patch))] == ["links"]
        # Should a guard be missing: what would be pushed is not what was looked at.
        with pytest.raises(RepositoryError):
            await workspace.publish(patch, branch="minions/1-1", message="Fix", expected_sha="")
        other = await checked_out(workspaces, host, base, run_id=2, patch=patch.data)
        assert await other.patch() == patch

    @pytest.mark.hostile
    async def test_of_a_submodule_by_a_repository_in_its_place_is_refused(
        self, workspaces: Workspaces, host: Host, base: str
    ) -> None:
        workspace = await checked_out(workspaces, host, base)
        await do(
            workspace, "cd vendor/lib; git init -q; git -c user.name=a -c user.email=a@b commit -qm x --allow-empty"
        )
        patch = await workspace.patch()
        assert patch.is_empty or any(links.look(Subject(patch)))


@pytest.mark.parametrize(
    ("said", "there"),
    [
        ("../lib.git", "https://github.com/owner/lib.git"),
        ("../lib", "https://github.com/owner/lib"),
        ("./../lib.git/", "https://github.com/owner/lib.git"),
        ("../../other/lib", "https://github.com/other/lib"),
        ("https://github.com/a/b.c-d_e.git", "https://github.com/a/b.c-d_e.git"),
    ],
)
def test_addresses_on_the_same_host_can_be_used(said: str, there: str) -> None:
    assert address("https://github.com/owner/app.git", said, "lib") == there


@pytest.mark.hostile
@pytest.mark.parametrize(
    "said",
    [
        *("", "-x", "--upload-pack=touch x", "ext::sh -c touch% x", "file:///etc", "/etc", "fd::7", "lib", "a/b"),
        *("git@github.com:a/b.git", "ssh://github.com/a/b", "git://github.com/a/b", "http://github.com/a/b"),
        *("https://example.org/a/b", "https://github.com.example.org/a/b", "https://github.com:8443/a/b"),
        *("https://user@github.com/a/b", "https://user:word@github.com/a/b", "https://github.com/a/b?x=y"),
        *("https://github.com/a/../../b", "https://github.com/a/b#c", "https://github.com/a/%2e%2e/b", "https://["),
        *("../../../../x", "../..", "../-x", "../a b", "../a\nb", "../x/../../../y", "https://github.com/"),
    ],
)
def test_other_addresses_are_refused_with_a_sentence(said: str) -> None:
    with pytest.raises(RepositoryError, match=r"`lib` has an address that cannot be used .* https://github\.com/ only"):
        address("https://github.com/owner/app.git", said, "lib")


@pytest.mark.hostile
def test_a_folder_of_this_machine_leads_to_no_other() -> None:
    with pytest.raises(RepositoryError, match="https:// only"):
        address("/srv/app.git", "../other.git", "lib")
