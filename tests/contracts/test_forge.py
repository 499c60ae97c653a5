"""What every forge holds to: each write is made once, whatever is repeated."""

import re
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from app.adapters.github.app import App
from app.adapters.github.auth import AppAuth, KeyText
from app.adapters.github.forge import GitHubForge, GitHubForges
from app.adapters.github.pace import Paces
from app.adapters.github.tokens import READ_CI, TALK, Tokens
from app.core import task
from app.core.errors import Conflict, Denied, ForgeError, NotFound, RepositoryError
from app.core.forge import Annotation, Check, Forge, Head, Permission, PullRequest, Reaction, Verdict
from app.core.pace import Allowance
from app.demo.github.actions import Job, Push, Workflow
from app.demo.github.plumbing import Git
from app.demo.github.reviews import Remark
from app.demo.github.server import serve
from app.demo.github.state import Hub

pytestmark = pytest.mark.contract

MARKER = "<!-- minions:run=7 -->"
OURS = "minions/1-7"
MESSAGE = "Minion at work on #1 [skip ci]"
CHECK = Check(
    name="minions / fix",
    external_id="run-7",
    status="in_progress",
    details_url="https://minions.test/runs/7",
    title="Working",
    summary="| node | outcome |\n|---|---|",
)


class Place:
    """A forge with one repository and one issue behind it, and what can be seen there from outside."""

    def __init__(self, hub: Hub, forge: Forge, open_again: Callable[[], Forge]) -> None:
        self.hub = hub
        self.forge = forge
        self.open_again = open_again
        self.git = Git(hub.repository("octo/hello").path)

    async def branches(self) -> dict[str, str]:
        return {name.removeprefix("refs/heads/"): sha for name, sha in (await self.git.refs("refs/heads/")).items()}

    async def opened(self) -> tuple[PullRequest, str]:
        """A pull request of ours, and where its branch stands."""
        sha = await self.made(OURS)
        pull = await self.forge.find_or_create_pull_request(
            branch=OURS, base="main", marker=MARKER, title="Change", body="What was done."
        )
        return pull, sha

    async def made(self, branch: str) -> str:
        """A branch of the default one, with a commit of its own."""
        await self.git.move(f"refs/heads/{branch}", (await self.branches())["main"], "0" * 40)
        return await self.change(branch)

    async def change(self, branch: str, message: str = "Change") -> str:
        """Somebody commits a file to a branch."""
        at = (await self.branches())[branch]
        blob = (await self.git.run("hash-object", "-w", "--stdin", stdin=message.encode())).decode().strip()
        tree = await self.git.new_tree(at, [f"100644 blob {blob}\tchanged.txt"])
        author = ("-c", "user.name=ada", "-c", "user.email=ada@example.test")
        sha = (await self.git.run(*author, "commit-tree", tree, "-p", at, "-m", message)).decode().strip()
        await self.git.move(f"refs/heads/{branch}", sha, at)
        return sha

    def comments(self) -> list[str]:
        return [comment.body for comment in self.hub.issue("octo/hello", 1).comments]


@pytest.fixture(scope="session")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
async def place(tmp_path: Path, key: rsa.RSAPrivateKey) -> AsyncIterator[Place]:
    """GitHub's REST API on loopback, with the adapter that real GitHub gets."""
    hub = Hub(tmp_path / "github")
    source = tmp_path / "source"
    source.mkdir()
    (source / "README.md").write_text("# Hello\n")
    repository = hub.add_repository("octo/hello", source=source)
    for login, role in {"ada": "admin", "mia": "maintain", "tim": "triage", "rea": "read", "wil": "write"}.items():
        hub.add_user(login)
        hub.add_collaborator("octo/hello", login, role)  # type: ignore[arg-type]
    hub.add_user("stranger")
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    registered = hub.register_app(
        "Minions",
        public_key_pem=public.decode(),
        webhook_url="",
        webhook_secret="",
        permissions={**READ_CI, **TALK},
        events=[],
    )
    installation = hub.install(registered, ["octo/hello"])
    hub.open_issue("octo/hello", by="ada", title="It crashes", body="On start.")
    asked = task.Repository(id=repository.id, full_name="octo/hello", installation_id=installation.id)
    async with serve(hub) as url, httpx.AsyncClient() as http:
        app = App(http, f"{url}/api/v3", AppAuth(str(registered.id), KeyText(pem.decode())))
        tokens = Tokens(app, on_secret=lambda _: None)
        forges = GitHubForges(
            app,
            tokens,
            api_url=f"{url}/api/v3",
            git_url=url,
            on_secret=lambda _: None,
            paces=Paces(Allowance(write_spacing_s=0)),
        )
        yield Place(hub, forges.open(asked), lambda: forges.open(asked))


class TestForge:
    @pytest.mark.parametrize(
        ("login", "permission"),
        [
            ("ada", Permission.ADMIN),
            ("mia", Permission.WRITE),
            ("wil", Permission.WRITE),
            ("tim", Permission.READ),
            ("rea", Permission.READ),
            ("nobody", Permission.NONE),
            ("../../x", Permission.NONE),
            ("", Permission.NONE),
        ],
    )
    async def test_what_somebody_may_do(self, place: Place, login: str, permission: Permission) -> None:
        assert await place.forge.permission(login) is permission

    async def test_a_stranger_may_not_write(self, place: Place) -> None:
        assert not (await place.forge.permission("stranger")).may_write

    async def test_where_the_default_branch_stands(self, place: Place) -> None:
        head = await place.forge.default_head()
        assert {head.branch: head.sha} == await place.branches()

    @pytest.mark.faults
    async def test_f43_an_archived_repository_is_refused(self, place: Place) -> None:
        place.hub.repository("octo/hello").archived = True
        with pytest.raises(RepositoryError, match="archived"):
            await place.forge.default_head()

    @pytest.mark.faults
    async def test_f62_an_empty_repository_is_refused(self, place: Place) -> None:
        await place.git.run("update-ref", "-d", "refs/heads/main")
        with pytest.raises(RepositoryError, match="no commit"):
            await place.forge.default_head()

    async def test_an_issue_is_open_until_it_is_closed(self, place: Place) -> None:
        assert await place.forge.issue_is_open(1)
        place.hub.close_issue("octo/hello", 1, by="ada")
        assert not await place.forge.issue_is_open(1)
        assert not await place.forge.issue_is_open(99)

    async def test_what_was_said_on_an_issue_without_its_hidden_parts(self, place: Place) -> None:
        place.hub.open_issue("octo/hello", by="rea", title="Why?\u200b", body="Because.<!-- not -->")
        found = await place.forge.talk(2, None)
        assert (found.title, found.body, found.state) == ("Why?", "Because.", "open")
        assert found.author
        assert found.author.login == "rea"
        assert found.url.endswith("/octo/hello/issues/2")
        assert found.at.tzinfo
        with pytest.raises(NotFound):
            await place.forge.talk(99, None)

    async def test_what_was_said_in_a_comment(self, place: Place) -> None:
        comment = place.hub.add_comment("octo/hello", 1, "I think so.", by="wil")
        found = await place.forge.talk(1, task.Place(number=1, comment_id=comment.id))
        assert found.author
        assert (found.body, found.author.login, found.title) == ("I think so.", "wil", "")
        assert found.edited_at
        assert found.edited_at >= found.at
        with pytest.raises(NotFound):
            await place.forge.talk(1, task.Place(number=1, comment_id=comment.id + 999))

    async def test_what_was_said_at_a_line_of_a_change(self, place: Place) -> None:
        pull, _ = await place.opened()
        review = await place.hub.review_pull(
            "octo/hello", pull.number, by="ada", remarks=[Remark("changed.txt", 1, "Hm")]
        )
        (comment,) = [one for one in place.hub.pull("octo/hello", pull.number).remarks if one.review is review]
        where = task.Place(number=pull.number, comment_id=comment.id, in_review=True)
        assert (await place.forge.talk(pull.number, where)).body == "Hm"

    async def test_what_a_file_holds_at_a_branch_and_at_a_commit(self, place: Place) -> None:
        _, sha = await place.opened()
        assert await place.forge.file("README.md", "main") == b"# Hello\n"
        assert await place.forge.file("README.md", "HEAD") == b"# Hello\n"
        assert await place.forge.file("changed.txt", sha) == b"Change"
        for path, ref in [("changed.txt", "main"), ("README.md", "none"), ("../x", "main"), (".", "main")]:
            with pytest.raises(ForgeError):
                await place.forge.file(path, ref)

    async def test_git_fetches_with_the_header_and_not_without(self, place: Place) -> None:
        place.hub.repository("octo/hello").private = True
        remote = await place.forge.remote(write=False)
        assert remote.url.endswith("/octo/hello.git")
        assert "@" not in remote.url
        name, value = remote.header.split(": ", 1)
        async with httpx.AsyncClient() as http:
            refs = f"{remote.url}/info/refs?service=git-upload-pack"
            assert (await http.get(refs, headers={name: value})).status_code == 200
            assert (await http.get(refs)).status_code in {401, 404}

    async def test_only_a_remote_for_writing_takes_a_push(self, place: Place) -> None:
        for write, taken in [(True, True), (False, False)]:
            remote = await place.forge.remote(write=write)
            name, value = remote.header.split(": ", 1)
            async with httpx.AsyncClient() as http:
                refs = f"{remote.url}/info/refs?service=git-receive-pack"
                assert ((await http.get(refs, headers={name: value})).status_code == 200) is taken

    async def test_a_reaction_is_there_once(self, place: Place) -> None:
        comment = place.hub.add_comment("octo/hello", 1, "/minion fix", by="ada")
        for _ in range(2):
            await place.forge.react(1, None, Reaction.EYES)
            await place.forge.react(1, task.Place(number=1, comment_id=comment.id), Reaction.ROCKET)
        assert [one.content for one in place.hub.issue("octo/hello", 1).reactions] == ["eyes"]
        assert [one.content for one in comment.reactions] == ["rocket"]

    async def test_a_reaction_at_a_line_of_a_change_is_there_once(self, place: Place) -> None:
        pull, _ = await place.opened()
        review = await place.hub.review_pull(
            "octo/hello", pull.number, by="ada", remarks=[Remark("changed.txt", 1, "Hm")]
        )
        (comment,) = [one for one in place.hub.pull("octo/hello", pull.number).remarks if one.review is review]
        where = task.Place(number=pull.number, comment_id=comment.id, in_review=True)
        for _ in range(2):
            await place.forge.react(pull.number, where, Reaction.EYES)
        assert [one.content for one in comment.reactions] == ["eyes"]

    async def test_a_pull_request_is_seen_as_it_stands(self, place: Place) -> None:
        pull, sha = await place.opened()
        seen = await place.forge.pull(pull.number)
        assert (seen.number, seen.url, seen.head, seen.base) == (
            pull.number,
            pull.url,
            Head(branch=OURS, sha=sha),
            "main",
        )
        assert (seen.is_open, seen.is_merged, seen.is_ours, seen.is_from_fork) == (True, False, True, False)
        assert seen.moved_at.tzinfo is not None
        for _ in range(2):
            await place.forge.close_pull(pull.number)
        assert not (await place.forge.pull(pull.number)).is_open
        with pytest.raises(NotFound):
            await place.forge.pull(99)

    async def test_a_pull_request_of_somebody_else_is_not_ours(self, place: Place) -> None:
        await place.made("minions/9-9")
        theirs = await place.hub.pulls.open(
            place.hub.repository("octo/hello"),
            place.hub.user("ada"),
            title="Mine",
            body="",
            head="minions/9-9",
            base="main",
            draft=False,
        )
        assert not (await place.forge.pull(theirs.issue.number)).is_ours

    async def test_what_reviewers_say_is_told_in_order(self, place: Place) -> None:
        pull, _ = await place.opened()
        seen = await place.forge.pull(pull.number)
        hidden = "Rename it.<!-- and mine -->"
        await place.hub.review_pull("octo/hello", pull.number, by="ada", body="Not yet.", verdict="REQUEST_CHANGES")
        await place.hub.review_pull("octo/hello", pull.number, by="rea", remarks=[Remark("changed.txt", 1, hidden)])
        said = await place.forge.remarks(pull.number, since=seen.moved_at)
        assert [(one.author.login, one.body, one.path, one.line) for one in said] == [
            ("ada", "Not yet.", "", None),
            ("rea", "Rename it.", "changed.txt", 1),
        ]
        assert said[1].hunk.startswith("@@")
        assert await place.forge.remarks(pull.number, since=seen.moved_at + timedelta(days=1)) == ()

    async def test_what_was_said_within_one_second_is_told_in_the_order_of_the_reviews(self, place: Place) -> None:
        """GitHub's times have no fractions: remarks that an answer goes to by number have one order in every look."""
        pull, _ = await place.opened()
        seen = await place.forge.pull(pull.number)
        at_a_line = [Remark("changed.txt", 1, "Rename it.")]
        first = await place.hub.review_pull("octo/hello", pull.number, by="rea", remarks=at_a_line)
        second = await place.hub.review_pull("octo/hello", pull.number, by="ada", body="All of it.", remarks=at_a_line)
        second.submitted_at = first.submitted_at
        said = await place.forge.remarks(pull.number, since=seen.moved_at)
        assert [(one.author.login, one.body) for one in said] == [
            ("rea", "Rename it."),
            ("ada", "All of it."),
            ("ada", "Rename it."),
        ]

    async def test_a_draft_counts_from_the_moment_at_which_its_review_was_sent(self, place: Place) -> None:
        """A line was written before the branch moved, and its review was sent after it."""
        pull, _ = await place.opened()
        await place.hub.review_pull("octo/hello", pull.number, by="rea", remarks=[Remark("changed.txt", 1, "Hm")])
        (remark,) = place.hub.pull("octo/hello", pull.number).remarks
        remark.created_at = remark.updated_at = remark.created_at - timedelta(days=1)
        since = remark.review.submitted_at - timedelta(minutes=1)
        (said,) = await place.forge.remarks(pull.number, since=since)
        assert (said.body, said.at) == ("Hm", remark.review.submitted_at.replace(microsecond=0))

    async def test_a_remark_is_answered_once_in_its_thread(self, place: Place) -> None:
        """Whoever quotes the marker has not answered for us; an answer to an answer goes to the thread's beginning."""
        pull, _ = await place.opened()
        await place.hub.review_pull("octo/hello", pull.number, by="ada", remarks=[Remark("changed.txt", 1, "Hm")])
        known = place.hub.pull("octo/hello", pull.number)
        (first,) = known.remarks
        place.hub.reviews.reply(first, place.hub.user("ada"), "And <!-- minions:run=7 answer=1 -->?")
        said = await place.forge.remarks(pull.number, since=(await place.forge.pull(pull.number)).moved_at)
        assert {one.comment_id for one in said} == {first.id}
        where = task.Place(number=pull.number, comment_id=first.id, in_review=True)
        for _ in range(2):
            await place.forge.reply(where, "<!-- minions:run=7 answer=1 -->", "Done.")
        *_, answer = known.remarks
        assert [one.in_reply_to for one in known.remarks] == [None, first.id, first.id]
        assert answer.body == "<!-- minions:run=7 answer=1 -->\nDone."

    async def test_a_branch_is_deleted_unless_somebody_moved_it(self, place: Place) -> None:
        mine = await place.made("minions/1-8")
        await place.made("minions/1-9")
        theirs = await place.change("minions/1-9", "More")
        assert not await place.forge.delete_branch("minions/1-9", expected_sha=mine)
        assert await place.forge.delete_branch("minions/1-8", expected_sha=mine)
        assert await place.forge.delete_branch("minions/1-8", expected_sha=mine)  # as after a crash
        assert (await place.branches()).get("minions/1-9") == theirs
        assert "minions/1-8" not in await place.branches()

    async def test_a_branch_is_made_with_one_empty_commit(self, place: Place) -> None:
        base = (await place.forge.default_head()).sha
        sha = await place.forge.find_or_create_branch("minions/1-7", base_sha=base, message=MESSAGE)
        assert (await place.branches())["minions/1-7"] == sha
        commit = await place.git.text("cat-file", "commit", sha)
        assert f"parent {base}" in commit
        assert commit.strip().endswith(MESSAGE)
        assert await place.git.diff(base, sha) == ""

    async def test_a_branch_is_found_again_even_if_the_base_moved(self, place: Place) -> None:
        base = (await place.forge.default_head()).sha
        sha = await place.forge.find_or_create_branch("minions/1-7", base_sha=base, message=MESSAGE)
        assert await place.forge.find_or_create_branch("minions/1-7", base_sha=base, message=MESSAGE) == sha
        newer = await place.change("main")
        again = place.open_again()
        assert await again.find_or_create_branch("minions/1-7", base_sha=newer, message=MESSAGE) == sha

    async def test_a_branch_that_holds_nothing_yet_begins_at_a_newer_base_and_any_other_is_left_alone(
        self, place: Place
    ) -> None:
        base = (await place.forge.default_head()).sha
        old = await place.forge.find_or_create_branch("minions/1-7", base_sha=base, message=MESSAGE)
        newer = await place.change("main")
        sha = await place.forge.restart_branch("minions/1-7", base_sha=newer, message=MESSAGE)
        assert old != sha == (await place.branches())["minions/1-7"]
        assert f"parent {newer}" in await place.git.text("cat-file", "commit", sha)
        assert await place.open_again().restart_branch("minions/1-7", base_sha=newer, message=MESSAGE) == sha
        theirs = await place.change("minions/1-7", "More")
        with pytest.raises(Conflict, match="not ours"):
            await place.forge.restart_branch("minions/1-7", base_sha=newer, message=MESSAGE)
        assert (await place.branches())["minions/1-7"] == theirs

    async def test_what_persons_said_about_a_pull_request_and_what_we_did(self, place: Place) -> None:
        pull, _ = await place.opened()
        forge = place.forge
        assert isinstance(forge, GitHubForge)
        assert list(await forge.open_pulls()) == [pull.number]
        await forge.put_comment(pull.number, "<!-- quiet -->", "Nobody was here.", comment_id=None)
        heard = await forge.heard(pull.number)
        assert (heard.person_at, ["quiet" in body for _, body in heard.ours]) == (None, [True])
        await place.hub.review_pull("octo/hello", pull.number, by="ada", body="", verdict="APPROVE")
        heard = await forge.heard(pull.number)
        assert heard.person_at is not None
        assert heard.person_at.tzinfo is not None
        await forge.close_pull(pull.number)
        assert await forge.open_pulls() == {}

    @pytest.mark.faults
    async def test_f51_a_branch_of_somebody_else_is_left_alone(self, place: Place) -> None:
        base = (await place.forge.default_head()).sha
        await place.git.run("update-ref", "refs/heads/minions/1-7", base)
        theirs = await place.change("minions/1-7", MESSAGE)
        with pytest.raises(Conflict, match="not ours"):
            await place.forge.find_or_create_branch("minions/1-7", base_sha=base, message=MESSAGE)
        assert (await place.branches())["minions/1-7"] == theirs

    async def test_where_a_branch_stands(self, place: Place) -> None:
        assert await place.forge.branch_sha("minions/1-7") == ""
        assert await place.forge.branch_sha("main") == (await place.branches())["main"]

    async def test_a_check_is_made_once_and_then_edited(self, place: Place) -> None:
        sha = (await place.forge.default_head()).sha
        first = await place.forge.put_check(sha, CHECK, check_id=None)
        done = CHECK.model_copy(update={"status": "completed", "conclusion": "success", "title": "Done", "text": "…"})
        assert await place.forge.put_check(sha, done, check_id=first) == first
        assert await place.open_again().put_check(sha, done, check_id=None) == first
        (run,) = place.hub.check_runs("octo/hello", sha)
        assert (run.status, run.conclusion, run.title, run.external_id) == ("completed", "success", "Done", "run-7")
        assert run.details_url == "https://minions.test/runs/7"

    async def test_checks_of_other_runs_are_other_checks(self, place: Place) -> None:
        sha = (await place.forge.default_head()).sha
        first = await place.forge.put_check(sha, CHECK, check_id=None)
        other = CHECK.model_copy(update={"external_id": "run-8"})
        assert await place.forge.put_check(sha, other, check_id=None) != first

    async def test_a_check_that_is_gone_is_made_anew(self, place: Place) -> None:
        sha = (await place.forge.default_head()).sha
        made = await place.forge.put_check(sha, CHECK, check_id=12345678)
        assert [run.id for run in place.hub.check_runs("octo/hello", sha)] == [made]

    async def test_what_a_check_said_before_does_not_stay_there(self, place: Place) -> None:
        sha = (await place.forge.default_head()).sha
        ended = CHECK.model_copy(update={"status": "completed", "conclusion": "failure", "text": "Stopped here."})
        made = await place.forge.put_check(sha, ended, check_id=None)
        assert place.hub.check_runs("octo/hello", sha)[0].text == "Stopped here."
        await place.forge.put_check(sha, CHECK, check_id=made)
        assert not place.hub.check_runs("octo/hello", sha)[0].text

    @pytest.mark.faults
    async def test_f74_a_check_that_github_made_stale_is_ended_all_the_same(self, place: Place) -> None:
        sha = (await place.forge.default_head()).sha
        made = await place.forge.put_check(sha, CHECK, check_id=None)
        (run,) = place.hub.check_runs("octo/hello", sha)
        run.status, run.conclusion = "completed", "stale"  # as GitHub does after 14 days
        done = CHECK.model_copy(update={"status": "completed", "conclusion": "failure", "title": "Given up"})
        assert await place.open_again().put_check(sha, done, check_id=None) == made
        assert [(one.conclusion, one.title) for one in place.hub.check_runs("octo/hello", sha)] == [
            ("failure", "Given up")
        ]

    @pytest.mark.faults
    async def test_f73_more_annotations_than_a_request_takes_are_all_there_and_each_once(self, place: Place) -> None:
        """GitHub takes fifty at a time, and never takes one back."""
        sha = (await place.forge.default_head()).sha
        notes = tuple(
            Annotation(path="README.md", line=line, level="notice", title="Gate: size", message=f"Line {line}.")
            for line in range(1, 71)
        )
        done = {"status": "completed", "conclusion": "success", "text": "…", "annotations": notes[:60]}
        made = await place.forge.put_check(sha, CHECK.model_copy(update=done), check_id=None)
        done["annotations"] = notes
        for _ in range(2):
            await place.open_again().put_check(sha, CHECK.model_copy(update=done), check_id=made)
        (run,) = place.hub.check_runs("octo/hello", sha)
        assert [(one["start_line"], one["message"]) for one in run.annotations] == [
            (line, f"Line {line}.") for line in range(1, 71)
        ]
        assert (run.text, run.conclusion) == ("…", "success")

    async def test_a_check_at_work_has_no_annotations_yet(self, place: Place) -> None:
        sha = (await place.forge.default_head()).sha
        note = Annotation(path="README.md", line=1, level="warning", title="Review: major", message="No.")
        await place.forge.put_check(sha, CHECK.model_copy(update={"annotations": (note,)}), check_id=None)
        assert place.hub.check_runs("octo/hello", sha)[0].annotations == []

    async def test_a_check_is_cut_to_what_fits(self, place: Place) -> None:
        sha = (await place.forge.default_head()).sha
        long = CHECK.model_copy(
            update={"title": "t" * 500, "summary": "é\n" * 60_000, "text": "```\n" + "x\n" * 60_000}
        )
        await place.forge.put_check(sha, long, check_id=None)
        (run,) = place.hub.check_runs("octo/hello", sha)
        assert len(run.summary or "") <= 65_535
        assert len(re.findall(r"(?m)^```$", run.text or "")) == 2, "an open fence is closed"

    async def test_a_comment_is_made_once_and_then_edited(self, place: Place) -> None:
        first = await place.forge.put_comment(1, MARKER, f"{MARKER}\nat work", comment_id=None)
        assert await place.forge.put_comment(1, MARKER, f"{MARKER}\nstill", comment_id=first) == first
        assert await place.open_again().put_comment(1, MARKER, f"{MARKER}\ndone", comment_id=None) == first
        assert place.comments() == [f"{MARKER}\ndone"]

    @pytest.mark.faults
    async def test_f43_a_deleted_comment_is_made_again(self, place: Place) -> None:
        first = await place.forge.put_comment(1, MARKER, f"{MARKER}\nat work", comment_id=None)
        place.hub.delete_comment(place.hub.issue("octo/hello", 1).comments[0], by="ada")
        second = await place.forge.put_comment(1, MARKER, f"{MARKER}\ndone", comment_id=first)
        assert second != first
        assert place.comments() == [f"{MARKER}\ndone"]

    async def test_who_quotes_our_marker_is_not_taken_for_us(self, place: Place) -> None:
        quoted = place.hub.add_comment("octo/hello", 1, f"> {MARKER}\n> at work\n\nWhat?", by="ada")
        ours = await place.forge.put_comment(1, MARKER, f"{MARKER}\nat work", comment_id=None)
        assert ours != quoted.id
        assert len(place.comments()) == 2

    @pytest.mark.faults
    async def test_f46_our_comment_is_found_behind_hundreds(self, place: Place) -> None:
        for number in range(120):
            place.hub.add_comment("octo/hello", 1, f"comment {number}", by="ada")
        ours = await place.forge.put_comment(1, MARKER, f"{MARKER}\nat work", comment_id=None)
        for number in range(120):
            place.hub.add_comment("octo/hello", 1, f"comment {number}", by="ada")
        assert await place.open_again().put_comment(1, MARKER, f"{MARKER}\ndone", comment_id=None) == ours

    @pytest.mark.faults
    @pytest.mark.parametrize("text", ["words\n" * 30_000, "€" * 70_000, f"{'x' * 70_000}{MARKER}"])
    async def test_f42_a_long_comment_is_cut_and_still_found(self, place: Place, text: str) -> None:
        first = await place.forge.put_comment(1, MARKER, text, comment_id=None)
        assert await place.forge.put_comment(1, MARKER, text, comment_id=None) == first
        (body,) = place.comments()
        assert MARKER in body
        assert len(body.encode()) <= 65_536

    async def test_a_pull_request_is_opened_once_and_then_edited(self, place: Place) -> None:
        branch = await self._changed_branch(place)
        opened = await place.forge.find_or_create_pull_request(
            branch=branch, base="main", marker=MARKER, title="Fix it", body="Because."
        )
        again = await place.open_again().find_or_create_pull_request(
            branch=branch, base="main", marker=MARKER, title="Fix it well", body="Because!"
        )
        assert again == opened
        pull = place.hub.pull("octo/hello", opened.number)
        assert pull.draft
        assert pull.issue.title == "Fix it well"
        assert "Because!" in (pull.issue.body or "")
        assert MARKER in (pull.issue.body or "")
        assert opened.url.endswith(f"/octo/hello/pull/{opened.number}")

    @pytest.mark.faults
    async def test_f54_without_a_change_there_is_no_pull_request(self, place: Place) -> None:
        await place.git.run("update-ref", "refs/heads/minions/1-7", (await place.forge.default_head()).sha)
        with pytest.raises(Conflict, match="nothing in minions/1-7"):
            await self._pull(place, "minions/1-7")

    @pytest.mark.faults
    async def test_f56_a_closed_pull_request_stays_closed(self, place: Place) -> None:
        branch = await self._changed_branch(place)
        number = await self._pull(place, branch)
        place.hub.close_issue("octo/hello", number, by="ada")
        with pytest.raises(Conflict, match="was closed"):
            await self._pull(place, branch)

    async def test_the_pull_request_of_somebody_else_is_left_alone(self, place: Place) -> None:
        branch = await self._changed_branch(place)
        async with httpx.AsyncClient() as http:
            answer = await http.post(
                f"{place.hub.url}/api/v3/repos/octo/hello/pulls",
                json={"title": "Mine", "head": branch, "base": "main"},
                headers={"Authorization": f"Bearer {place.hub.user('ada').token}"},
            )
            assert answer.status_code == 201
        with pytest.raises(Conflict, match="Somebody else"):
            await self._pull(place, branch)

    @staticmethod
    async def _changed_branch(place: Place) -> str:
        base = (await place.forge.default_head()).sha
        await place.forge.find_or_create_branch("minions/1-7", base_sha=base, message=MESSAGE)
        await place.change("minions/1-7")
        return "minions/1-7"

    @staticmethod
    async def _pull(place: Place, branch: str) -> int:
        made = await place.open_again().find_or_create_pull_request(
            branch=branch, base="main", marker=MARKER, title="Fix it", body="Because."
        )
        return made.number


RED = Job(
    "test",
    "failure",
    log="2026-01-02T03:04:05.0000000Z ##[group]Run pytest\n2026-01-02T03:04:05.1Z pytest\n"
    "2026-01-02T03:04:05.1Z ##[endgroup]\n2026-01-02T03:04:06.0Z \x1b[31mE  assert 1 == 2\x1b[0m\n"
    "2026-01-02T03:04:07.0Z ##[error]Process completed with exit code 1.\n",
    title="1 failed",
    annotations=(
        {"path": "a.py", "start_line": 3, "end_line": 3, "annotation_level": "failure", "message": "1 is not 2"},
    ),
)
GREEN = Job("test", log="fine\n")


class TestChecks:
    """What others say about a commit, over HTTP."""

    async def test_a_commit_that_nobody_checks_has_no_checks(self, place: Place) -> None:
        """Our own check is none of them, and a commit that is not there has none, either."""
        sha = await self._pushed(place)
        await place.forge.put_check(sha, CHECK, check_id=None)
        assert await place.forge.verdict(sha) == Verdict(state="none")
        assert (await place.forge.verdict("1" * 40)).state == "none"

    async def test_checks_are_green_when_all_of_them_are(self, place: Place) -> None:
        skipped = Job("deploy", "skipped")
        sha = await self._pushed(place, Workflow("CI", (GREEN, skipped)), Workflow("Docs", (Job("docs", "neutral"),)))
        await place.hub.add_status("octo/hello", sha, "success", by="ada", context="circle")
        verdict = await place.forge.verdict(sha)
        assert (verdict.state, verdict.red, verdict.open) == ("green", (), ())

    async def test_what_failed_is_named_while_others_are_to_come(self, place: Place) -> None:
        sha = await self._pushed(place, Workflow("CI", (RED,)), Workflow("Slow", (Job("slow"),), is_held=True))
        verdict = await place.forge.verdict(sha)
        assert (verdict.state, verdict.red) == ("pending", ("test",))
        assert verdict.open == ("slow", "workflow Slow")

    @pytest.mark.faults
    async def test_f68_a_suite_that_is_complete_is_not_the_verdict(self, place: Place) -> None:
        """A workflow of the same commit is still to come, without a single check run as yet."""
        sha = await self._pushed(place, Workflow("CI", (GREEN,)), Workflow("Late", (Job("late"),), is_bare=True))
        assert (await place.forge.verdict(sha)).state == "pending"
        await place.hub.actions.finish(place.hub.workflow_runs("octo/hello", sha)[-1])
        assert (await place.forge.verdict(sha)).state == "green"

    @pytest.mark.faults
    async def test_f70_a_run_anew_flips_the_verdict(self, place: Place) -> None:
        sha = await self._pushed(place, Workflow("CI", (RED,)))
        before = await place.forge.verdict(sha)
        (run,) = place.hub.workflow_runs("octo/hello", sha)
        await place.hub.actions.rerun(run)
        during = await place.forge.verdict(sha)
        await place.hub.actions.finish(run, [GREEN])
        after = await place.forge.verdict(sha)
        assert [before.state, during.state, after.state] == ["red", "pending", "green"]
        assert len({before.mark, during.mark, after.mark}) == 3

    @pytest.mark.parametrize(("conclusion", "state"), [("cancelled", "unclear"), ("timed_out", "red")])
    async def test_what_ended_without_a_verdict_is_neither(self, place: Place, conclusion: str, state: str) -> None:
        sha = await self._pushed(place, Workflow("CI", (GREEN, Job("other", conclusion))))
        assert (await place.forge.verdict(sha)).state == state

    async def test_a_job_that_was_cancelled_for_another_of_its_name_says_nothing(self, place: Place) -> None:
        sha = await self._pushed(place, Workflow("CI", (Job("test", "cancelled"),)), Workflow("CI", (GREEN,)))
        assert (await place.forge.verdict(sha)).state == "green"

    async def test_of_each_status_the_newest_counts(self, place: Place) -> None:
        sha = await self._pushed(place)
        for state, expected in [("pending", "pending"), ("failure", "red"), ("success", "green"), ("error", "red")]:
            await place.hub.add_status("octo/hello", sha, state, by="ada", context="circle")
            assert (await place.forge.verdict(sha)).state == expected

    async def test_a_commit_before_says_nothing_about_this_one(self, place: Place) -> None:
        await self._pushed(place, Workflow("CI", (RED,)))
        assert (await place.forge.verdict(await self._pushed(place))).state == "none"

    @pytest.mark.faults
    async def test_f46_what_failed_behind_a_hundred_is_found(self, place: Place) -> None:
        many = tuple(Job(f"job {number}") for number in range(120))
        sha = await self._pushed(place, Workflow("CI", (RED, *many)))
        assert (await place.forge.verdict(sha)).red == ("test",)

    async def test_a_failure_is_told_with_its_annotations_and_log(self, place: Place) -> None:
        sha = await self._pushed(place, Workflow("CI", (GREEN, RED)))
        await place.hub.add_status("octo/hello", sha, "error", by="ada", context="circle", description="It broke")
        job, status = await place.forge.failures(sha)
        assert (job.name, job.summary, job.annotations) == ("test", "1 failed", ("a.py:3: 1 is not 2",))
        assert job.log == "▸ Run pytest\npytest\nE  assert 1 == 2\nProcess completed with exit code 1."
        assert job.url.startswith(place.hub.url)
        assert (status.name, status.summary, status.log) == ("circle", "It broke", "")

    async def test_a_log_that_cannot_be_had_is_left_out(self, place: Place) -> None:
        sha = await self._pushed(place, Workflow("CI", (RED,)))
        place.hub.check_runs("octo/hello", sha)[0].log = None
        (job,) = await place.forge.failures(sha)
        assert (job.name, job.log) == ("test", "")

    @pytest.mark.hostile
    async def test_our_token_does_not_go_where_the_log_lies(self, place: Place) -> None:
        """That address turns away who comes with a token: had it gone there, there would be no log."""
        sha = await self._pushed(place, Workflow("CI", (RED,)))
        (run,) = place.hub.check_runs("octo/hello", sha)
        url = f"{place.hub.blob_url}/blobs/{place.hub.repository('octo/hello').id}/{run.id}?sig=x"
        async with httpx.AsyncClient() as http:
            with_token = await http.get(url, headers={"Authorization": "Bearer x"})
        assert with_token.status_code == 403
        assert (await place.forge.failures(sha))[0].log

    @pytest.mark.faults
    async def test_f32_checks_that_may_not_be_read_are_denied_and_the_rest_goes_on(self, place: Place) -> None:
        sha = await self._pushed(place)
        (installation,) = place.hub.accounts.installations
        del installation.permissions["actions"]
        with pytest.raises(Denied, match="actions: read"):
            await place.forge.verdict(sha)
        assert await place.forge.put_check(sha, CHECK, check_id=None)

    @staticmethod
    async def _pushed(place: Place, *workflows: Workflow) -> str:
        """A commit on the default branch, as somebody pushes it, that starts these workflows."""

        async def script(_push: Push) -> Sequence[Workflow]:
            return workflows

        place.hub.run_on_push("octo/hello", script)
        before = await place.git.refs()
        sha = await place.change("main", f"Change after {before['refs/heads/main']}")
        await place.hub.branches.moved(place.hub.repository("octo/hello"), place.hub.user("ada"), before)
        return sha
