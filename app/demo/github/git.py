"""git over HTTP at `/OWNER/NAME.git`, by `git http-backend` as a CGI program; bodies are streamed both ways."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from app.demo.github.auth import Caller, Needs, credential, hub_of, identify
from app.demo.github.objects import Repository
from app.demo.github.plumbing import Git, environment
from app.demo.github.refusal import Refusal
from app.demo.github.state import Hub

router = APIRouter()
CHUNK = 65_536
GRACE_S = 1.0
"""How long http-backend may take to end by itself when nobody listens any more."""
_READ = Needs("contents")
_WRITE = Needs("contents", level="write", person="write")


@router.get("/{owner}/{name}.git/info/refs")
@router.post("/{owner}/{name}.git/git-upload-pack")
@router.post("/{owner}/{name}.git/git-receive-pack")
async def serve_git(owner: str, name: str, request: Request) -> Response:
    """One request of git."""
    hub = hub_of(request)
    service = request.query_params.get("service") or request.url.path.rpartition("/")[2]
    is_push = service == "git-receive-pack"
    try:
        caller, repository = _admit(hub, f"{owner}/{name}", request.headers.get("authorization", ""), is_push=is_push)
    except Refusal as refusal:
        challenge = {"WWW-Authenticate": 'Basic realm="GitHub"'} if refusal.status == 401 else {}
        return Response(f"{refusal.message}\n", refusal.status, headers=challenge, media_type="text/plain")
    env = _environment(request, repository, caller)
    if is_push and request.method == "POST":
        return await _receive(hub, repository, caller, request, env)
    return _Answer(await Backend.start(request, env))


def _admit(hub: Hub, full_name: str, header: str, *, is_push: bool) -> tuple[Caller | None, Repository]:
    """Who may go on with which repository. Raises Refusal: 401 asks git to send its credential."""
    value = credential(header)
    caller = identify(hub, value) if value else None
    try:
        repository = hub.redirects.get(full_name.lower()) or hub.repository(full_name)
    except Refusal:
        if caller is None:
            raise Refusal(401, "Requires authentication") from None
        raise Refusal(404, "Repository not found.") from None
    if caller is None:
        if is_push or repository.private:
            raise Refusal(401, "Requires authentication")
        return None, repository
    if not caller.sees(repository):
        raise Refusal(404, "Repository not found.")
    try:
        (_WRITE if is_push else _READ).check(caller, repository)
    except Refusal:
        words = "Write access to repository not granted." if is_push else "Access to repository not granted."
        raise Refusal(403, words) from None
    if is_push and repository.archived:
        raise Refusal(403, "This repository was archived so it is read-only.")
    return caller, repository


def _environment(request: Request, repository: Repository, caller: Caller | None) -> dict[str, str]:
    """What CGI wants, and what the hook of pushes asks for."""
    tail = request.url.path.partition(".git/")[2]
    may_workflows = caller is None or caller.token is None or caller.holds("workflows", "write")
    given = {
        "REQUEST_METHOD": request.method,
        "QUERY_STRING": request.url.query,
        "GIT_PROJECT_ROOT": str(repository.path),
        "PATH_INFO": f"/{tail}",
        "GIT_HTTP_EXPORT_ALL": "1",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_USER": caller.user.login if caller else "",
        "CONTENT_TYPE": request.headers.get("content-type", ""),
        "CONTENT_LENGTH": request.headers.get("content-length", ""),
        "HTTP_CONTENT_ENCODING": request.headers.get("content-encoding", ""),
        "GIT_PROTOCOL": request.headers.get("git-protocol", ""),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
        "LOOPBACK_WORKFLOWS": "" if may_workflows else "no",
        "LOOPBACK_PROTECTED": "\n".join(sorted(repository.protected)),
    }
    return environment() | {name: value for name, value in given.items() if value}


async def _receive(
    hub: Hub, repository: Repository, caller: Caller | None, request: Request, env: dict[str, str]
) -> Response:
    """A push: afterwards, tell what moved. The lock keeps two pushes from telling the same move twice."""
    async with repository.lock:
        before = await Git(repository.path).refs()
        backend = await Backend.start(request, env)
        try:
            body = b"".join([chunk async for chunk in backend.body()])
        finally:
            await backend.end()
            if caller:
                await hub.branches.moved(repository, caller.user, before)
    return Response(body, backend.status, headers=backend.headers)


class Backend:
    """One run of http-backend, which has told its headers already."""

    def __init__(self, process: asyncio.subprocess.Process, feeder: asyncio.Task[None]) -> None:
        self._process = process
        self._feeder = feeder
        self.status = 200
        self.headers: dict[str, str] = {}

    @classmethod
    async def start(cls, request: Request, env: dict[str, str]) -> "Backend":
        """Run it with the request's body, and wait for its headers."""
        process = await asyncio.create_subprocess_exec(
            "git",
            "http-backend",
            env=env,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        backend = cls(process, asyncio.create_task(_feed(request, process)))
        try:
            await backend._read_headers()
        except BaseException:
            await backend.end()
            raise
        return backend

    async def body(self) -> AsyncIterator[bytes]:
        """What follows the headers."""
        while self._process.stdout and (chunk := await self._process.stdout.read(CHUNK)):
            yield chunk

    async def end(self) -> None:
        """Leave no process behind, also when the client went away in the middle."""
        self._feeder.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._feeder
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), GRACE_S)
        if self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def _read_headers(self) -> None:
        """Until the empty line; a program that tells nothing at all has failed."""
        while self._process.stdout and (line := (await self._process.stdout.readline()).decode().strip()):
            key, _, value = line.partition(":")
            if key.lower() == "status":
                self.status = int(value.split()[0])
            else:
                self.headers[key] = value.strip()
        if not self.headers:
            self.status = 500


class _Answer(StreamingResponse):
    """Streams what http-backend says and sees that it ends, whatever becomes of the client."""

    def __init__(self, backend: Backend) -> None:
        super().__init__(backend.body(), backend.status, headers=backend.headers)
        self._backend = backend

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._backend.end()


async def _feed(request: Request, process: asyncio.subprocess.Process) -> None:
    """Pass the request's body on. git may stop reading early; that is its right."""
    if process.stdin is None:
        return
    with contextlib.suppress(BrokenPipeError, ConnectionResetError, ClientDisconnect):
        async for chunk in request.stream():
            process.stdin.write(chunk)
            await process.stdin.drain()
    process.stdin.close()
