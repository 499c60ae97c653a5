"""`minions run --dry-run`: try a blueprint on an issue of the past, or on a repository here. It publishes nothing.

All of it happens in a clone that is thrown away, with everything else as in any run; GitHub is only read.
"""

import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from app import loop
from app.adapters.local import LocalForge
from app.clone import clone as make_clone
from app.clone import git, said
from app.core.errors import RepositoryError, SettingsError
from app.core.forge import Remote
from app.core.store import Draft
from app.core.visible import visible
from app.github import github
from app.local import check_choice, draft, own_server, run_once
from app.log import redactor_of
from app.registry import load
from app.settings import Settings

_ISSUE: Final = re.compile(r"((?!\.+/)[A-Za-z0-9_.-]+/(?!\.+#)[A-Za-z0-9_.-]+)#(\d{1,9})")
_BRANCH: Final = "base"


@dataclass(frozen=True)
class Past:
    """An issue as it can be read now, and where its repository is cloned from."""

    remote: Remote
    text: str
    asked_at: datetime
    is_closed: bool
    name: str


def try_issue(settings: Settings, issue: str, blueprint: str, *, tell: Callable[[str], None] = print) -> int:
    """Do what the issue asks for, on the commit from before it was opened if it is closed by now.

    Answer with the exit code: 0 if there would be a pull request. Raises SettingsError, ForgeError, RepositoryError.
    """
    match = _ISSUE.fullmatch(issue)
    if match is None:
        raise SettingsError(f"{issue!r} is no issue: give OWNER/NAME#NUMBER.")
    check_choice(settings, blueprint, load(settings.blueprints_folder))
    if missing := [sentence for sentence in settings.missing() if "APP_ID" in sentence or "PRIVATE_KEY" in sentence]:
        raise SettingsError("\n".join(missing))
    past = loop.run(_past(settings, match[1], int(match[2])))
    with tempfile.TemporaryDirectory(prefix="minions-tryout-") as folder:
        clone = Path(folder) / past.name
        make_clone(past.remote, clone, "--no-checkout")
        _stand_at(clone, before=past.asked_at if past.is_closed else None)
        return _try(settings, clone, past.text, blueprint, tell)


def try_here(
    settings: Settings, repository: Path, text: str, blueprint: str, *, tell: Callable[[str], None] = print
) -> int:
    """The same for a repository of this machine, which stays as it is, and a task in words."""
    check_choice(settings, blueprint, load(settings.blueprints_folder))
    if not text.strip():
        raise SettingsError("The task is empty: say what to do.")
    with tempfile.TemporaryDirectory(prefix="minions-tryout-") as folder:
        clone = Path(folder) / repository.name
        make_clone(Remote(url=str(repository)), clone, "--no-checkout")
        _stand_at(clone, before=None)
        return _try(settings, clone, text, blueprint, tell)


def _try(settings: Settings, clone: Path, text: str, blueprint: str, tell: Callable[[str], None]) -> int:
    report = clone / ".git" / "minions" / "report.md"
    forge = LocalForge(clone, report)
    head = loop.run(forge.default_head())
    wanted: Draft = draft(clone.name, text, blueprint, blueprints=load(settings.blueprints_folder))
    tell(f"Tries {blueprint} on {clone.name} at {head.sha[:10]}: {visible(wanted.task.title)}")
    try:
        with own_server(settings) as (home, url):
            run, patch, _ = loop.run(run_once(home, url, forge, head, wanted))
    except KeyboardInterrupt:
        tell("\nStopped. Nothing was published.")
        return 130
    if run.trail.pull_request_number:
        tell(f"\n{report.read_text(encoding='utf-8').strip()}\n")
    else:
        tell(f"\nIt came to nothing. {run.error}\n")
    if patch:
        tell(visible(patch.decode(errors="replace")))
    tell(f"This was a trial: nothing was published. It cost ${run.usage.usd:.2f}.")
    return 0 if run.trail.pull_request_number else 1


async def _past(settings: Settings, full_name: str, number: int) -> Past:
    redactor = redactor_of(settings)
    async with github(settings, redactor) as (_, forges):
        forge = forges.open(await forges.find(full_name))
        issue = await forge.talk(number, None)
        remote = await forge.remote(write=False)
    text = f"{issue.title}\n\n{issue.body}"
    return Past(remote, text, issue.at, issue.state == "closed", full_name.partition("/")[2])


def _stand_at(clone: Path, *, before: datetime | None) -> None:
    """Have a branch stand at the newest commit, or at the last one from before that time. Raises RepositoryError."""
    older = ["--first-parent", f"--before={before.isoformat()}"] if before else []
    sha = said(clone, "rev-list", "-1", *older, "HEAD")
    if not sha:
        when = f" from before {before:%Y-%m-%d %H:%M}" if before else ""
        raise RepositoryError(f"{clone.name} has no commit{when}.")
    git(clone, "update-ref", f"refs/heads/{_BRANCH}", sha)
    git(clone, "symbolic-ref", "HEAD", f"refs/heads/{_BRANCH}")
