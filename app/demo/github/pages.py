"""What people see. There is no login here: whoever reaches the port reads everything, also what is private."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from app.demo.github.auth import hub_of
from app.demo.github.markdown import Reader
from app.demo.github.objects import CheckRun, Issue, Pull, Reaction, Repository
from app.demo.github.plumbing import EMPTY_TREE, FileDiff, Git, GitFailed
from app.demo.github.refusal import not_found
from app.demo.github.state import Hub

router = APIRouter(default_response_class=HTMLResponse)
TheHub = Annotated[Hub, Depends(hub_of)]
SHOWN_LINES = 2_000
"""Lines of one file's difference on a page."""
EMOJI = {
    "+1": "👍",
    "-1": "👎",
    "laugh": "😄",
    "confused": "😕",
    "heart": "❤️",
    "hooray": "🎉",
    "rocket": "🚀",
    "eyes": "👀",
}
MARKS = {"success": "✅", "failure": "❌", "cancelled": "⏹️", "timed_out": "⏱️", "neutral": "⬜", "skipped": "⬜"}
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; base-uri 'none'; form-action 'none'"
SENDING = POLICY.replace("form-action 'none'", "form-action http: https:")
"""Of pages with a form: what is made may lead back to any App's server."""


class Pages:
    """Templates, and how things look in them."""

    def __init__(self) -> None:
        self._environment = Environment(
            loader=PackageLoader("app.demo.github"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        self._environment.filters |= {
            "markdown": Reader().html,
            "mark": lambda run: MARKS.get(run.conclusion or "", "🟡" if run.status == "in_progress" else "⚪"),
            "counted": _counted,
            "lines": _lines,
            "clock": lambda moment: moment.strftime("%Y-%m-%d %H:%M:%S UTC"),
        }

    def show(self, name: str, *, policy: str = POLICY, **facts: Any) -> HTMLResponse:
        """One page."""
        html = self._environment.get_template(name).render(facts)
        return HTMLResponse(html, headers={"Content-Security-Policy": policy})


def pages_of(request: Request) -> Pages:
    """The pages of this server."""
    pages: Pages = request.app.state.pages
    return pages


ThePages = Annotated[Pages, Depends(pages_of)]


@router.get("/")
async def home(hub: TheHub, pages: ThePages) -> Response:
    """Repositories and Apps."""
    return pages.show("home.html", repositories=list(hub.repositories.values()), apps=hub.accounts.apps)


@router.get("/avatars/{user_id}")
async def avatar(user_id: int, hub: TheHub) -> Response:
    """A letter on a colour of one's own."""
    user = next((one for one in hub.accounts.users.values() if one.id == user_id), None)
    if user is None:
        raise not_found()
    drawn = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40">'
        f'<rect width="40" height="40" rx="20" fill="hsl({user_id * 67 % 360} 45% 42%)"/>'
        '<text x="20" y="27" font-family="sans-serif" font-size="20" fill="#fff" text-anchor="middle">'
        f"{user.login[0].upper()}</text></svg>"
    )
    return Response(drawn, media_type="image/svg+xml")


@router.get("/apps/{slug}")
async def app_page(slug: str, hub: TheHub, pages: ThePages) -> Response:
    """An App: what it may do, and what it was told."""
    app = next((one for one in hub.accounts.apps if one.slug == slug), None)
    if app is None:
        raise not_found()
    told = [one for one in reversed(hub.deliveries) if one.app is app]
    there = [one for one in hub.accounts.installations if one.app is app]
    return pages.show("app.html", app=app, deliveries=told[:200], installations=there)


@router.get("/{owner}/{name}")
async def repository_page(owner: str, name: str, hub: TheHub, pages: ThePages) -> Response:
    """A repository: its conversations, branches and checks."""
    repository = hub.repository(f"{owner}/{name}")
    git = Git(repository.path)
    heads = await git.refs("refs/heads/")
    branches = [(ref.removeprefix("refs/heads/"), await git.commit(sha)) for ref, sha in heads.items()]
    talk = sorted(repository.issues.values(), key=lambda one: one.number, reverse=True)
    runs = sorted((run for suite in repository.suites for run in suite.runs), key=lambda run: run.id, reverse=True)
    return pages.show(
        "repository.html", repository=repository, url=hub.url, branches=branches, issues=talk, runs=runs[:50]
    )


@router.get("/{owner}/{name}/issues/{number}")
async def issue_page(owner: str, name: str, number: int, hub: TheHub, pages: ThePages) -> Response:
    """An issue, and the checks of commits and pull requests that name it."""
    issue = hub.issue(f"{owner}/{name}", number)
    if issue.pull:
        return RedirectResponse(f"/{issue.repository.full_name}/pull/{number}")
    linked = [pull for pull in issue.repository.pulls if _names(f"{pull.issue.title}\n{pull.issue.body}", number)]
    return pages.show(
        "conversation.html",
        issue=issue,
        repository=issue.repository,
        linked=linked,
        runs=_runs_for(issue, linked),
        files=[],
        commits=[],
    )


@router.get("/{owner}/{name}/pull/{number}.diff")
async def pull_diff(owner: str, name: str, number: int, hub: TheHub) -> Response:
    """The difference as a patch."""
    pull = hub.pull(f"{owner}/{name}", number)
    return PlainTextResponse(await Git(pull.base.repository.path).diff(await _fork(pull), pull.head.sha))


@router.get("/{owner}/{name}/pull/{number}")
async def pull_page(owner: str, name: str, number: int, hub: TheHub, pages: ThePages) -> Response:
    """A pull request with its checks, commits and difference."""
    pull = hub.pull(f"{owner}/{name}", number)
    repository, git = pull.base.repository, Git(pull.base.repository.path)
    runs = [run for suite in repository.suites if suite.head_sha == pull.head.sha for run in suite.runs]
    return pages.show(
        "conversation.html",
        issue=pull.issue,
        repository=repository,
        linked=[],
        runs=runs,
        files=await git.files(await _fork(pull), pull.head.sha),
        commits=(await git.log(pull.head.sha, f"^{pull.base.sha}"))[::-1],
    )


@router.get("/{owner}/{name}/runs/{run_id}")
async def run_page(owner: str, name: str, run_id: int, hub: TheHub, pages: ThePages) -> Response:
    """A check run."""
    repository = hub.repository(f"{owner}/{name}")
    return pages.show("check.html", repository=repository, run=hub.checks.by_id(repository, run_id))


@router.get("/{owner}/{name}/commit/{sha}")
async def commit_page(owner: str, name: str, sha: str, hub: TheHub, pages: ThePages) -> Response:
    """A commit with its difference."""
    repository = hub.repository(f"{owner}/{name}")
    git = Git(repository.path)
    found = await git.sha(sha)
    if found is None:
        raise not_found()
    commit = await git.commit(found)
    base = commit.parents[0] if commit.parents else EMPTY_TREE
    runs = [run for suite in repository.suites if suite.head_sha == found for run in suite.runs]
    files = await git.files(base, found)
    return pages.show("commit.html", repository=repository, commit=commit, files=files, runs=runs)


@router.get("/{owner}/{name}/blob/{ref}/{path:path}")
async def blob_page(owner: str, name: str, ref: str, path: str, hub: TheHub) -> Response:
    """A file as plain text."""
    git = Git(hub.repository(f"{owner}/{name}").path)
    sha = await git.sha(ref)
    entries = await git.tree(sha, path) if sha else []
    if not entries or entries[0].type != "blob":
        raise not_found()
    try:
        data = await git.run("cat-file", "blob", entries[0].sha)
    except GitFailed as failed:
        raise not_found() from failed
    return PlainTextResponse(data, headers={"X-Content-Type-Options": "nosniff"})


# -- What is on them -------------------------------------------------------------------------------------------------
async def _fork(pull: Pull) -> str:
    """Where the pull request's branch parted from its base."""
    git = Git(pull.base.repository.path)
    return await git.merge_base(pull.base.sha, pull.head.sha) or pull.base.sha


def _names(text: str, number: int) -> bool:
    return re.search(rf"(?<![\w/])#{number}\b", text) is not None


def _runs_for(issue: Issue, linked: Sequence[Pull]) -> list[CheckRun]:
    """Check runs on the heads of linked pull requests, else on the newest commit that names the issue."""
    repository: Repository = issue.repository
    heads = {pull.head.sha for pull in linked}
    chosen = [suite for suite in repository.suites if suite.head_sha in heads and suite.runs]
    if not chosen:
        naming = [one for one in repository.suites if one.runs and _names(one.head_commit["message"], issue.number)]
        chosen = naming[-1:]
    return [run for suite in chosen for run in suite.runs]


def _counted(reactions: Sequence[Reaction]) -> list[tuple[str, int, str]]:
    """Each emoji with how often it was given, and by whom."""
    counts = Counter(one.content for one in reactions)
    people = {word: ", ".join(one.user.login for one in reactions if one.content == word) for word in counts}
    return [(EMOJI[word], count, people[word]) for word, count in counts.items()]


def _lines(file: FileDiff) -> list[tuple[str, str]]:
    """The lines of a difference, each with its colour's name; what is left out is said."""
    kinds = {"+": "added", "-": "removed", "@": "hunk"}
    lines = file.patch.split("\n") if file.patch else []
    shown = [(kinds.get(line[:1], "same"), line) for line in lines[:SHOWN_LINES]]
    if len(lines) > SHOWN_LINES:
        shown.append(("hunk", f"… {len(lines) - SHOWN_LINES} more lines: see the .diff"))
    return shown
