"""Find what is to be updated, have its ecosystem's own tool update it, and hold everybody to what that wrote.

The tool needs registries, so it works in the set-up phase, before any model has written a line, and from then on it is
part of the run's set-up: every tree that is set up later, clean ones and copies for reviewers among them, has the new
version installed without a network being open to what a model wrote. Set-up gives tracked files back as they were; so
the tool's files are put aside in a folder of their own, and taken over from there.
"""

import re
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from fnmatch import fnmatch
from hashlib import sha256
from pathlib import PurePosixPath
from shlex import quote
from typing import Final, Literal

from pydantic import Field

from app.core.blueprint import step
from app.core.changelog import between
from app.core.enclosed import Enclosed
from app.core.evidence import Where, evidence
from app.core.guards import Finding, Weight
from app.core.patch import MOST_LINES, Patch
from app.core.redaction import Redactor
from app.core.sandbox import CommandResult
from app.core.wording import updates
from app.core.workspace import Workspace
from app.core.world import World
from blueprints.dependency.plan import Plan, Project, Texts, Updater, folders
from blueprints.dependency.updaters.all_updaters import ALL
from blueprints.dependency.wish import MOST, NAME, VERSION, Wish, wishes
from blueprints.steps.change import Change
from blueprints.steps.gates import checked
from blueprints.steps.leftovers import change_of, tidy

ASIDE: Final = ".minions-update"
"""Folder in the tree in which set-up leaves what the tool wrote. It hides itself from git."""
HELD: Final = "updater"
"""The gate's name, as people read it."""
_MOST_MANIFESTS: Final = 200
_MOST_BYTES: Final = 4_000_000
"""Of one lock file that is read: those of large projects have one or two."""
_MOST_LOG: Final = 8_000
"""Characters of one change log in the pull request: the newest versions, which stand first."""
_REGISTRIES: Final = {
    "pypi": ("pypi.org", "files.pythonhosted.org"),
    "npm": ("registry.npmjs.org",),
    "go": ("proxy.golang.org",),
    "crates": ("static.crates.io", "index.crates.io"),
}
_OTHERS: Final = frozenset({"node_modules", "vendor", "third_party", ".venv", "testdata", "fixtures"})
"""Folders whose manifests are other projects'."""


class Dependency(Change):
    """An update of dependencies under way."""

    new_tests = "never"
    demands = (
        "This change updates a dependency. The manifest and the lock file were written by the ecosystem's own tool, "
        "and what they want is installed already: leave both as they are. Adapt the code and, where they call what was "
        "changed, the tests. Do not pin an older version, copy the package, or write around it."
    )

    chosen: str = ""
    """The minion's words, where those of the issue do not tell what is to be updated."""
    plans: tuple[Plan, ...] = ()
    written: Mapping[str, str] = Field(default_factory=dict)
    """Digests of what the tool wrote and only it may write, by path."""


@step("Find what is to be updated")
async def find(change: Dependency, world: World) -> Literal["known", "unclear"]:
    """Read it from the words that people and bots use for it; `unclear` if they name nothing that is wanted here."""
    task = change.task
    wanted = await _wanted(wishes(task.instructions, task.title, task.body), world.workspace)
    return "known" if wanted else "unclear"


@step("Update it by its own tool")
async def update(change: Dependency, world: World) -> Literal["updated", "cannot"]:
    """Let uv, npm and their like write manifest and lock, install that, and take it over into the tree."""
    task = change.task
    texts = (change.chosen,) if change.chosen else (task.instructions, task.title, task.body)
    asked = wishes(*texts)
    wanted = await _wanted(asked, world.workspace)
    if not wanted:
        change.explanation = updates.no_dependency([wish.name for wish in asked])
        return "cannot"
    names = list(dict.fromkeys(wish.name for wish, _, _ in wanted))
    plans = await _plans(change, world, [each for each in wanted if each[0].name in names[:MOST]])
    if not plans or not await _carried_out(change, world, plans):
        return "cannot"
    change.plans = tuple(plans)
    told = [updates.updated(each.name, each.before, each.after, each.updater) for each in plans]
    change.summary = " ".join(dict.fromkeys(told))
    change.risks = updates.left_out(names[MOST:], MOST) if names[MOST:] else ""
    change.enclosed = tuple([each async for each in _logs(change, plans, world)])
    return "updated"


@step("Hold to what the tool wrote")
async def hold(change: Dependency, world: World) -> Literal["pass", "mend", "stop"]:
    """See that nobody but the tool wrote its lock files: a line in one decides what everybody installs."""
    found = []
    for path, digest in change.written.items():
        try:
            stands = sha256(await world.workspace.read(path)).hexdigest()
        except OSError:
            stands = ""
        if stands != digest:
            sentence = f"{updates.written_by_hand(path)}: `cp -- {quote(f'{ASIDE}/{path}')} {quote(path)}`."
            found.append(Finding(guard=HELD, sentence=sentence, path=path, weight=Weight.MEND))
    _say_whether_that_was_all(change, await change_of(change, world.workspace))
    return checked(change, HELD, found)


def _say_whether_that_was_all(change: Dependency, patch: Patch) -> None:
    own = {path for plan in change.plans for path in plan.files}
    bare = change.summary.replace(updates.needed_nothing_else(), "").strip()
    is_all = all(file.path in own for file in patch.files)
    change.summary = f"{bare}\n\n{updates.needed_nothing_else()}" if is_all else bare


# -- What is wanted --------------------------------------------------------------------------------------------------
Found = tuple[Wish, Updater, Project]


async def _wanted(asked: Sequence[Wish], workspace: Workspace) -> list[Found]:
    """Each wish with who is to fulfil it, in every folder that has the package; what no manifest knows is left out."""
    if not asked:
        return []
    texts = await _manifests(workspace)
    projects = [Project(folder, texts) for folder in folders(texts)]
    found: list[Found] = []
    for wish in asked:
        if NAME.fullmatch(wish.name):
            found += [(wish, updater, project) for project in projects for updater in _tools(project, wish)]
    return found


def _tools(project: Project, wish: Wish) -> Iterator[Updater]:
    """The first of each ecosystem that knows the package."""
    taken: set[str] = set()
    for updater in ALL:
        if updater.ecosystem not in taken and updater.before(project, wish.name) is not None:
            taken.add(updater.ecosystem)
            yield updater


async def _manifests(workspace: Workspace) -> Texts:
    globs = [glob for updater in ALL for glob in updater.manifests]
    paths = [
        path
        for path in await workspace.listed()
        if any(fnmatch(PurePosixPath(path).name, glob) for glob in globs)
        and _OTHERS.isdisjoint(PurePosixPath(path).parts[:-1])
    ]
    paths.sort(key=lambda path: (path.count("/"), path))
    shown = await workspace.show_all(paths[:_MOST_MANIFESTS])
    # That there is one has to be known, however large it is.
    return {path: data.decode(errors="replace") if len(data) <= _MOST_BYTES else "" for path, data in shown.items()}


async def _plans(change: Dependency, world: World, wanted: Sequence[Found]) -> list[Plan]:
    """What is to be done; nothing, and an explanation, if that cannot be told or there is nothing to do."""
    plans: list[Plan] = []
    untold, there = list[str](), list[tuple[str, str]]()
    newest: dict[tuple[str, str], str] = {}
    for wish, updater, project in wanted:
        key = (updater.ecosystem, wish.name)
        if not wish.version and key not in newest:
            newest[key] = await world.releases.newest(*key)
        version = wish.version or newest[key]
        if not VERSION.fullmatch(version):
            untold.append(wish.name)
        elif updater.before(project, wish.name) == version:
            there.append((wish.name, version))
        else:
            plans.append(updater.plan(project, wish.model_copy(update={"version": version})))
    # Members of a workspace come before its root, whose lock file then holds what they want.
    plans.sort(key=lambda plan: -len(PurePosixPath(plan.folder).parts))
    plans = [plan for plan in plans if plan.commands]
    if untold:
        change.explanation = updates.no_version(untold)
        return []
    if not plans:
        change.explanation = (
            updates.is_there_already(*there[0])
            if there
            else updates.no_dependency([wish.name for wish, _, _ in wanted])
        )
    return plans


# -- What is done ----------------------------------------------------------------------------------------------------
async def _carried_out(change: Dependency, world: World, plans: Sequence[Plan]) -> bool:
    """Whether the tool did it. Then the tree holds what it wrote, and the run's set-up begins with it."""
    mine = [*(_in_folder(plan, command) for plan in plans for command in plan.commands), _putting_aside(plans)]
    set_up = (*mine, *(change.config.setup or ()))
    results = await world.sandbox.set_up(set_up, timeout_s=change.config.setup_timeout_s)
    change.keep([evidence(result, Where.SET_UP) for result in results], Where.SET_UP)
    if failed := next((result for result in results if not result.ok), None):
        change.explanation = _failed(failed, mine)
        return False
    change.generated = tuple(path for path in await tidy(world.workspace) if not path.startswith(f"{ASIDE}/"))
    if not await _taken_over(change, world.workspace, plans):
        return False
    patch = await change_of(change, world.workspace)
    lines = change.config.max_changed_lines + patch.added + patch.deleted
    # What the tool writes is not for people to read line by line: the bound is for what comes besides.
    more = {
        "setup": set_up,
        "allow": tuple(dict.fromkeys((*change.config.allow, "locks", "generated"))),
        "max_changed_lines": min(lines, MOST_LINES),
    }
    change.config = change.config.model_copy(update=more)
    return True


def _in_folder(plan: Plan, command: str) -> str:
    return f"cd {quote(plan.folder)} && {command}" if plan.folder else command


def _putting_aside(plans: Sequence[Plan]) -> str:
    """Copies of all that the tools may have written, where set-up lets them be."""
    paths = dict.fromkeys(path for plan in plans for path in plan.files)
    copies = "; ".join(f"if [ -f {quote(path)} ]; then cp --parents -- {quote(path)} {ASIDE}/; fi" for path in paths)
    return f"rm -rf {ASIDE} && mkdir {ASIDE} && printf '*\\n' > {ASIDE}/.gitignore && {{ {copies}; }}"


def _failed(failed: CommandResult, mine: Sequence[str]) -> str:
    output = Redactor().redact(failed.output)
    told = updates.updater_failed if failed.command in mine else updates.not_installed
    return told(evidence(failed, Where.SET_UP), output)


async def _taken_over(change: Dependency, workspace: Workspace, plans: Sequence[Plan]) -> bool:
    """Whether what the tools wrote is in the tree now, and each package is where it should be."""
    changed = set[str]()
    for path in dict.fromkeys(path for plan in plans for path in plan.files):
        try:
            data = await workspace.read(f"{ASIDE}/{path}")
        except OSError:
            continue  # there is none, such as a lock file that the repository does not have
        if data != await workspace.show(path):
            await workspace.write(path, data)
            changed.add(path)
    for plan in plans:
        if changed.isdisjoint(plan.files) or not await _has_come(plan, workspace):
            change.explanation = updates.changed_nothing(plan.name, plan.after)
            return False
    locks = [path for plan in plans for path in plan.locks]
    change.written = {path: sha256(await workspace.read(path)).hexdigest() for path in locks if path in changed}
    return True


async def _has_come(plan: Plan, workspace: Workspace) -> bool:
    """Whether the files have the new version, as the tool itself reads them."""
    texts: dict[str, str] = {}
    for path in plan.files:
        try:
            texts[path] = (await workspace.read(path)).decode(errors="replace")
        except OSError:
            continue
    updater = next(each for each in ALL if each.name == plan.updater)
    stands = updater.before(Project(plan.folder, texts), plan.name)
    return stands is not None and _plain(stands) == _plain(plan.after)


def _plain(version: str) -> str:
    """`2.0` and `2.0.0` are the same."""
    return re.sub(r"(?:\.0)+$", "", version.removeprefix("v").removesuffix("+incompatible"))


def _came_from(change: Dependency, ecosystem: str) -> bool:
    """Whether set-up reached the public registry: one of the same name from elsewhere is another package."""
    connections = [line for each in change.evidence if each.where is Where.SET_UP for line in each.connections]
    hosts = _REGISTRIES.get(ecosystem, ())
    return any(line.startswith(f"connected: {host}:") for line in connections for host in hosts)


async def _logs(change: Dependency, plans: Sequence[Plan], world: World) -> AsyncIterator[Enclosed]:
    """What the authors say of the versions on the way, each package once."""
    told: set[tuple[str, str]] = set()
    for plan in plans:
        if (key := (plan.ecosystem, plan.name)) in told or not _came_from(change, plan.ecosystem):
            continue
        told.add(key)
        whole = await world.releases.changelog(plan.ecosystem, plan.name, plan.after)
        if part := Redactor().redact(between(whole, plan.before, plan.after)):
            cut = part if len(part) <= _MOST_LOG else f"{part[:_MOST_LOG].rstrip()}\n…"
            yield Enclosed(title=updates.changelog_title(plan.name, plan.before, plan.after), text=cut)
