"""What somebody at a terminal sees. Each command is a process of its own; the demo's are Pythons of their own, too."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from app.adapters.sandbox.containers.engine import Engine
from app.demo import models
from app.demo.stage import free_port, seed
from tests.container_engine import IMAGE
from tests.stories.conftest import Minions

pytestmark = [pytest.mark.story, pytest.mark.timeout(600)]


@pytest.mark.parametrize(
    ("words", "settings", "told"),
    [
        (["serve"], {}, "Set MINIONS_MODEL to a model"),
        (["serve"], {"app_id": "7", "model": "a/b"}, "Set MINIONS_PRIVATE_KEY_FILE to the .pem file"),
        (["work"], {}, "A worker needs MINIONS_DATABASE_URL"),
        (["serve"], {"port": "abc"}, "MINIONS_PORT: Input should be a valid integer"),
        (["serve"], {"github_url": "github.com"}, "MINIONS_GITHUB_URL: Value error, give an address that begins with"),
        (["serve"], {"log_level": "loud"}, "MINIONS_LOG_LEVEL: Value error, choose one of DEBUG, INFO, WARNING, ERROR"),
        (["serve"], {"egress_hosts": "https://x.test/"}, "MINIONS_EGRESS_HOSTS: Value error, give names of hosts"),
        (["draw", "fxi"], {}, "There is no blueprint 'fxi'. There are: fix, "),
        (["run", "--repo", "/nowhere", "--task", "x"], {}, "does not exist"),
        (["run", "--repo", "/", "--task", "x"], {}, "Say which model works"),
        (["run", "--repo", "/", "--task", "x", "--model", "a/b"], {}, "/ is no git repository"),
        (["run", "--repo", "/", "--task", " ", "--model", "a/b"], {}, "The task is empty"),
        (["nonsense"], {}, "No such command"),
        (["token", "create", "--name", "x", "--login", "a b", "--repositories", "a/*"], {}, "'a b' is no account on"),
        (["ask", "a/b", "t", "--server", "http://127.0.0.1:1"], {"token": "mnn_ü"}, "MINIONS_TOKEN is no token"),
        (["restore", "/nowhere"], {}, "/nowhere cannot be read as a backup: No such file or directory."),
        (["demo", "--port", "99999"], {}, "Input should be less than or equal to 65535"),
        (["demo", "--model", "nonsense/gpt-9"], {}, "No provider is known for the model nonsense/gpt-9."),
    ],
)
async def test_what_cannot_be_done_is_told_in_a_sentence(
    minions: Minions, words: list[str], settings: Mapping[str, str], told: str
) -> None:
    code, out = await minions(*words, **settings)
    assert code == 2, out
    assert told in " ".join(out.split())
    assert "Traceback" not in out


@pytest.mark.parametrize("command", ["serve", "work"])
async def test_a_database_that_cannot_be_used_is_told_without_its_password(
    minions: Minions, tmp_path: Path, command: str
) -> None:
    settings = {
        "home": str(tmp_path),
        "database_url": "postgresql://minions:hunter2hunter2@127.0.0.1:1/minions",
        "app_id": "1",
        "private_key": "x",
        "webhook_secrets": "secret",
        "model": "a/b",
    }
    code, out = await minions(command, **settings)
    assert (code, "The database cannot be reached" in out) == (2, True), out
    assert ("hunter2" in out, "Traceback" in out) == (False, False), out


async def test_a_taken_port_of_the_demo_is_told_in_a_sentence(minions: Minions) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        code, out = await minions("demo", "--port", port)
    assert (code, out) == (
        2,
        f"minions: Port {port} of 127.0.0.1 cannot be used: Address already in use. Choose another.\n",
    )


async def test_a_demo_that_is_stopped_leaves_nothing_behind(reachable_folder: Path) -> None:
    """However it is told, and however often."""
    place = reachable_folder / "stopped"
    place.mkdir(mode=0o711)
    demo = await asyncio.create_subprocess_exec(
        *(sys.executable, "-u", "-m", "app.cli", "demo"),
        env=dict(os.environ) | {"TMPDIR": str(place)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert demo.stdout is not None
    while b"Minions is ready" not in (line := await demo.stdout.readline()):
        assert line, "it ended"
    server = Path(next(place.iterdir()), "minions")
    pid = (server / "postgres" / "data" / "postmaster.pid").read_text().split("\n")[0]
    for sign in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        demo.send_signal(sign)
    out = (await demo.stdout.read()).decode()
    assert (await demo.wait(), out.count("Stopping"), "nothing is left behind" in out) == (130, 1, True), out
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)
    assert list(place.iterdir()) == []


WHOLE = {"app_id": "1", "private_key": "x", "webhook_secrets": "secret", "model": "a/b"}


@pytest.mark.parametrize("rest", ["hunter2@hunter2@localhost/minions", "x@localhost:hunter2/minions"])
async def test_a_database_url_that_cannot_be_read_is_not_repeated(minions: Minions, tmp_path: Path, rest: str) -> None:
    """An @ in a password makes its end look like a host, a / makes it look like a port."""
    settings = WHOLE | {"home": str(tmp_path), "database_url": f"postgresql://minions:{rest}"}
    code, out = await minions("serve", **settings)
    assert (code, "@ as %40" in out, "hunter2" in out, "Traceback" in out) == (2, True, False, False), out


async def test_a_taken_port_ends_the_server_with_a_sentence(minions: Minions, reachable_folder: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        code, out = await minions("serve", **WHOLE, home=str(reachable_folder / "taken"), port=port)
    assert (code, f"Nobody can listen on 127.0.0.1, port {port}: Address already in use." in out) == (2, True), out


async def test_a_worker_that_refuses_its_settings_ends_the_server(minions: Minions, reachable_folder: Path) -> None:
    """Starting it again and again would hide that nothing will ever be worked on."""
    settings = WHOLE | {"port": str(free_port()), "home": str(reachable_folder / "refused")}
    code, out = await minions("serve", **settings)
    assert code == 2, out
    assert "The App's private key in MINIONS_PRIVATE_KEY is no PEM key" in out
    assert "The work process cannot start; the lines above say why." in out


async def test_doctor_says_what_is_missing(minions: Minions, tmp_path: Path) -> None:
    code, out = await minions("doctor", home=str(tmp_path / "home"))
    assert code == 1
    assert "Set MINIONS_MODEL" in out
    assert "Create a GitHub App" in out


async def test_doctor_is_content_with_a_whole_installation(minions: Minions, town: Any) -> None:
    environment = town.stage.environment
    settings = {
        name.removeprefix("MINIONS_").lower(): value for name, value in environment.items() if "MINIONS_" in name
    }
    town.repository()
    code, out = await minions("doctor", "--ask-model", **settings)
    assert code == 0, out
    assert "FAIL" not in out
    assert "minions, " in out
    assert "does not hear" not in out
    assert "openai/slugs answered" in out


async def test_doctor_says_what_containers_need(
    minions: Minions, reachable_folder: Path, container_engine: Engine
) -> None:
    settings = {"home": str(reachable_folder / "doctor"), "sandbox": "containers", "container_image": "no/such:1"}
    code, out = await minions("doctor", docker_host=container_engine.host, **settings)
    assert (code, "Fetch it: docker pull no/such:1" in out) == (1, True), out
    code, out = await minions("doctor", docker_host="unix:///nowhere", **settings)
    assert (code, "No container engine answers at unix:///nowhere: install one" in out) == (1, True), out
    code, out = await minions("doctor", docker_host=container_engine.host, **settings | {"container_image": IMAGE})
    assert f"boxes: containers of {IMAGE} by engine " in out


def git(folder: Path, *words: str) -> str:
    """What git says in the repository."""
    environment = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": "/dev/null", "HOME": str(folder)}
    person = ["-c", "user.name=Ann", "-c", "user.email=ann@localhost"]
    done = subprocess.run(
        ["git", *person, *words], cwd=folder, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """The demo's files in a repository of one's own, with a change that is not committed."""
    folder = tmp_path / "slugs"
    for name, content in seed().files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    git(folder, "init", "--quiet", "--initial-branch", "trunk")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "Begin")
    (folder / "notes.txt").write_text("not committed\n")
    return folder


@pytest.fixture
async def scripted(tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    """Settings for the demo's script."""
    async with models.serve(Path(models.__file__).parent / "scripts") as server:
        yield {
            "home": str(tmp_path / "home"),
            "model": "openai/slugs",
            "model_api_base": server.url,
            "model_api_key": "sk-of-the-script-1234567890",
        }


async def test_a_local_run_leaves_a_branch_and_a_report(
    minions: Minions, repository: Path, scripted: dict[str, str]
) -> None:
    wish = seed().issue
    code, out = await minions("run", "--repo", str(repository), "--task", f"{wish.title}\n\n{wish.body}", **scripted)
    assert code == 0, out
    (branch,) = [name for name in git(repository, "branch", "--format", "%(refname:short)").split() if name != "trunk"]
    assert "unicodedata.normalize" in git(repository, "diff", f"trunk...{branch}")
    assert git(repository, "log", "-1", "--format=%s", branch) == wish.title
    assert git(repository, "status", "--porcelain") == "?? notes.txt"
    assert git(repository, "symbolic-ref", "--short", "HEAD") == "trunk"
    report = (repository / ".git" / "minions" / "report.md").read_text()
    for words in (wish.title, branch, "How it was checked", "python3 -m unittest"):
        assert words in report
        assert words in out
    assert "Closes #" not in report
    assert "/runs/" not in report, "there is no server that would show a page"
    signed = str(repository / ".git" / "minions" / "statement.json")
    code, said = await minions("verify", signed, "--repository", str(repository), home=scripted["home"])
    assert (code, f"published {git(repository, 'rev-parse', branch)} on" in said) == (0, True), said


async def test_a_second_model_does_what_the_first_does_not(
    minions: Minions, repository: Path, scripted: dict[str, str]
) -> None:
    """The server knows no model of that name. The other one works in every node, and the report names it."""
    second = {name.replace("model_", "fallback_"): value for name, value in scripted.items() if name != "model"}
    settings = scripted | second | {"model": "openai/gone", "fallback_model": "openai/slugs"}
    wish = seed().issue
    code, out = await minions("run", "--repo", str(repository), "--task", f"{wish.title}\n\n{wish.body}", **settings)
    assert code == 0, out
    assert out.count("knows no model openai/gone") == 1, "it is asked once, not in each node"
    report = (repository / ".git" / "minions" / "report.md").read_text()
    assert "openai/slugs" in report
    assert "openai/gone" not in report


async def test_a_local_run_works_in_containers(
    minions: Minions, repository: Path, scripted: dict[str, str], container_engine: Engine
) -> None:
    wish = seed().issue
    settings = scripted | {"sandbox": "containers", "container_image": IMAGE}
    words = ("run", "--repo", str(repository), "--task", f"{wish.title}\n\n{wish.body}")
    code, out = await minions(*words, docker_host=container_engine.host, **settings)
    assert code == 0, out
    assert "The change is on the branch minions/task-1" in out
    assert await container_engine.ask(lambda api: api.containers(all=True)) == []


async def test_a_second_local_run_gets_a_branch_of_its_own(
    minions: Minions, repository: Path, scripted: dict[str, str]
) -> None:
    git(repository, "branch", "minions/task-1")
    git(repository, "checkout", "--quiet", "--detach")
    wish = seed().issue
    code, out = await minions("run", "--repo", str(repository), "--task", f"{wish.title}\n\n{wish.body}", **scripted)
    assert (code, "The change is on the branch minions/task-2" in out) == (0, True), out
    assert git(repository, "rev-parse", "minions/task-1") == git(repository, "rev-parse", "trunk")
    assert git(repository, "rev-parse", "minions/task-2~1") == git(repository, "rev-parse", "trunk")


async def test_a_change_that_got_no_branch_is_kept(
    minions: Minions, repository: Path, scripted: dict[str, str]
) -> None:
    """A test that contradicts the wish stays red, whatever is repaired."""
    (repository / "tests" / "test_red.py").write_text(
        "import unittest\nfrom slugs import slugify\n\n\nclass Red(unittest.TestCase):\n"
        "    def test_accents(self):\n        self.assertEqual(slugify('é'), '')\n"
    )
    git(repository, "add", "tests")
    git(repository, "commit", "--quiet", "--message", "Contradict")
    wish = seed().issue
    code, out = await minions("run", "--repo", str(repository), "--task", f"{wish.title}\n\n{wish.body}", **scripted)
    assert (code, "The tests are still red after 3 repairs" in out) == (1, True), out
    patch = repository / ".git" / "minions" / "unfinished.patch"
    assert str(patch) in out
    git(repository, "apply", str(patch))
    assert "unicodedata.normalize" in (repository / "slugs.py").read_text()


async def test_a_local_run_needs_a_commit(minions: Minions, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    code, out = await minions("run", "--repo", str(tmp_path), "--task", "Do something", model="a/b")
    assert (code, out) == (2, f"minions: {tmp_path} is no git repository with a commit in it.\n")


async def test_a_local_run_that_comes_to_nothing_says_why(
    minions: Minions, repository: Path, scripted: dict[str, str]
) -> None:
    git(repository, "rm", "-r", "--quiet", "tests", "pyproject.toml", "slugs.py")
    git(repository, "commit", "--quiet", "--message", "Empty it")
    code, out = await minions("run", "--repo", str(repository), "--task", "Do something", **scripted)
    assert code == 1, out
    assert "No way to test this repository was found" in out
    assert git(repository, "branch", "--format", "%(refname:short)") == "trunk"
