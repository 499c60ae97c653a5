"""What a workspace holds to where git goes over HTTP to a GitHub that has trouble."""

import base64
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from app.adapters.sandbox.bubblewrap.boxes import BubblewrapBoxes
from app.adapters.workspace.folders import Ways
from app.adapters.workspace.workspace import GitWorkspace
from app.adapters.workspace.workspaces import Workspaces
from app.core.errors import Conflict, Denied, RepositoryError, Unavailable
from app.core.forge import Remote
from app.demo.github import troubles
from app.demo.github.faults import Rule, When
from app.demo.github.plumbing import Git
from app.demo.github.server import serve
from app.demo.github.state import Hub
from app.demo.github.troubles import Trouble

pytestmark = [pytest.mark.contract, pytest.mark.faults]
HERE, BRANCH = "octo/hello", "minions/1-7"
FETCH, PUSH = r"\.git/git-upload-pack$", r"\.git/git-receive-pack$"


class Place:
    """A private repository on GitHub, and the workspace of a run in it. Every use of git has a token of its own."""

    def __init__(self, hub: Hub, home: Path) -> None:
        self.hub = hub
        self.installation = hub.accounts.installations[0]
        self.git = Git(hub.repository(HERE).path)
        self.workspaces = Workspaces(home, BubblewrapBoxes(home / "sandbox"), ways=Ways("not here", "not here"))
        self.base = ""

    async def remote(self, write: bool) -> Remote:  # noqa: FBT001 # as the workspace asks
        level = "write" if write else "read"
        token = self.hub.accounts.mint(self.installation, {"contents": level}, None).value
        pair = base64.b64encode(f"x-access-token:{token}".encode()).decode()
        return Remote(url=f"{self.hub.url}/{HERE}.git", header=f"Authorization: Basic {pair}")

    def open(self) -> GitWorkspace:
        """The workspace, as any process opens it."""
        return self.workspaces.open(1, 7, self.remote)

    async def changed(self) -> GitWorkspace:
        """With a change in it."""
        workspace = self.open()
        await workspace.check_out(self.base)
        await workspace.write("README.md", b"# Goodbye\n")
        return workspace

    async def publish(self, expected_sha: str = "") -> str:
        workspace = self.open()
        return await workspace.publish(
            await workspace.patch(), branch=BRANCH, message="Fix it", expected_sha=expected_sha
        )

    async def commits(self) -> list[str]:
        """What our branch has that the default branch lacks, newest first."""
        return [one.message for one in await self.git.log(BRANCH, "^main")]

    def fail(self, path: str, *kinds: Trouble) -> None:
        """Let the next requests of git that fit meet these, one after the other."""
        for trouble in kinds:
            self.hub.faults.add(Rule([trouble], path=path, when=When(times=1)))


@pytest.fixture
def home(reachable_folder: Path) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(dir=reachable_folder))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
async def place(tmp_path: Path, home: Path) -> AsyncIterator[Place]:
    hub = Hub(tmp_path / "github")
    source = tmp_path / "source"
    source.mkdir()
    (source / "README.md").write_text("# Hello\n")
    hub.add_user("ada")
    hub.add_repository(HERE, source=source, private=True)
    hub.add_collaborator(HERE, "ada", "write")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    registered = hub.register_app(
        "Minions",
        public_key_pem=pem.decode(),
        webhook_url="",
        webhook_secret="",
        permissions={"contents": "write"},
        events=[],
    )
    hub.install(registered, [HERE])
    async with serve(hub):
        place = Place(hub, home)
        place.base = (await place.git.refs())["refs/heads/main"]
        yield place


@pytest.mark.parametrize(
    "trouble", [troubles.bad_credentials(), troubles.bad_gateway(), troubles.cut()], ids=lambda one: one.name
)
async def test_f30_a_fetch_that_is_refused_or_breaks_is_tried_again(place: Place, trouble: Trouble) -> None:
    place.fail(r"\.git/info/refs$", trouble)
    place.fail(FETCH, troubles.cut(is_done=True))
    workspace = await place.changed()
    assert [file.path for file in (await workspace.patch()).files] == ["README.md"]


async def test_a_fetch_that_is_refused_three_times_may_be_tried_again_later(place: Place) -> None:
    place.fail(r"\.git/info/refs$", *[troubles.bad_gateway()] * 3)
    with pytest.raises(Unavailable):
        await place.open().check_out(place.base)
    workspace = await place.changed()
    assert [file.path for file in (await workspace.patch()).files] == ["README.md"]


async def test_a_commit_that_no_branch_leads_to_is_fetched_through_trouble(place: Place) -> None:
    tree = (await place.git.commit(place.base)).tree
    who = (await place.git.commit(place.base)).author
    lone = await place.git.new_commit(tree, [place.base], "Alone", who, who)
    place.fail(FETCH, troubles.cut(is_done=True), troubles.bad_gateway())
    await place.open().check_out(lone)
    with pytest.raises(RepositoryError, match="not in the repository"):
        await place.open().fetch("1" * 40)


async def test_f29_a_push_whose_token_expires_on_the_way_is_made_with_the_next(place: Place) -> None:
    await place.changed()
    place.fail(PUSH, troubles.meanwhile("expired", lambda: place.hub.accounts.expire(place.installation)))
    await place.publish()
    assert await place.commits() == ["Fix it"]


@pytest.mark.parametrize("is_done", [True, False])
async def test_f35_a_push_whose_answer_got_lost_is_there_once(place: Place, *, is_done: bool) -> None:
    await place.changed()
    place.fail(PUSH, troubles.bad_gateway(is_done=is_done))
    assert await place.publish() == (await place.git.refs())[f"refs/heads/{BRANCH}"]
    assert await place.commits() == ["Fix it"]


async def test_f52_what_somebody_pushes_in_the_last_moment_is_not_lost(place: Place) -> None:
    await place.changed()
    mine = await place.publish()
    workspace = place.open()
    await workspace.write("README.md", b"# Farewell\n")

    async def push() -> None:
        tree = (await place.git.commit(mine)).tree
        who = (await place.git.commit(mine)).author
        theirs = await place.git.new_commit(tree, [mine], "Theirs", who, who)
        await place.git.move(f"refs/heads/{BRANCH}", theirs, mine)

    place.fail(PUSH, troubles.meanwhile("somebody pushes", push))
    with pytest.raises(Conflict, match="moved"):
        await place.publish(expected_sha=mine)
    assert await place.commits() == ["Theirs", "Fix it"]


async def test_f57_f61_a_push_that_github_refuses_is_told_in_its_words(place: Place) -> None:
    workspace = await place.changed()
    await workspace.write(".github/workflows/ci.yml", b"on: push\n")
    with pytest.raises(Denied, match="workflow"):
        await place.publish()
    await workspace.sandbox.run("rm -r .github")
    place.hub.protect_branch(HERE, BRANCH)
    with pytest.raises(Denied, match="GH006"):
        await place.publish()
    assert f"refs/heads/{BRANCH}" not in await place.git.refs()


async def test_f31_f43_who_is_suspended_or_archived_in_the_middle_is_told_so(place: Place) -> None:
    await place.changed()
    place.fail(PUSH, troubles.meanwhile("archived", lambda: setattr(place.hub.repository(HERE), "archived", True)))
    with pytest.raises(Denied):
        await place.publish()
    place.hub.repository(HERE).archived = False
    place.fail(PUSH, troubles.meanwhile("suspended", lambda: place.hub.suspend(place.installation)))
    with pytest.raises(Denied):
        await place.publish()
