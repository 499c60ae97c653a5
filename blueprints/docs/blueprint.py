"""Write documentation: nothing else changes, links lead somewhere, and what is shown as code is code."""

import asyncio
import shlex
from collections.abc import Iterator
from typing import ClassVar, Final, Literal

from app.core.blueprint import Blueprint, agent, step
from app.core.budget import Budget
from app.core.guards import Finding, Weight
from app.core.patch import Change as FileState
from app.core.patch import Patch
from app.core.redaction import Redactor
from app.core.sandbox import CommandResult
from app.core.workspace import CleanTree, Workspace
from app.core.world import World
from blueprints.docs.documents import belongs, examples, has_sessions, leads_nowhere, links, mistake, places
from blueprints.steps.change import Untested
from blueprints.steps.ci import watch
from blueprints.steps.delivery import explain
from blueprints.steps.gates import checked, lint
from blueprints.steps.leftovers import change_of
from blueprints.steps.preparation import prepare
from blueprints.steps.texts import text_before, text_now
from blueprints.steps.ways import to_a_pull_request
from blueprints.steps.work import Worked, implemented

DOCUMENTS: Final = "documents"
"""The check of the files, as people read it."""
SESSIONS: Final = "examples"
_MOST_READ: Final = 300
"""Documents that are read for links to a page that went."""
_MOST_RUN: Final = 20
"""Documents whose sessions are run."""
_SESSION_S: Final = 120.0
_MOST_OUTPUT: Final = 1_000
_RUN: Final = """\
import doctest, re, sys
fences = re.compile(r"(?m)^[ \\t]*(?:```|~~~).*$")
text = fences.sub("", open(sys.argv[1], encoding="utf-8").read())
test = doctest.DocTestParser().get_doctest(text, {"__name__": "__main__"}, sys.argv[1], sys.argv[1], 0)
sys.exit(bool(doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE).run(test).failed))
"""
"""Not `python -m doctest`: that takes the fence behind a session for what it prints."""
_PYTHON: Final = "python=.venv/bin/python; [ -x $python ] || python=python3; PYTHONPATH=.:src exec $python -c"


class Docs(Untested):
    """Documentation under way."""

    demands: ClassVar[str] = (
        "Only documentation may change: no code, no tests, no settings, docstrings and comments in code neither. Links "
        "to files of the repository have to lead to one, fenced examples have to be of the language that their fence "
        "names, and sessions of Python (`>>>`) have to print what stands below them."
    )


@agent("Write the documentation", prompt="implement.md", budget=Budget(turns=60, usd=2.0), role="implement")
async def implement(docs: Docs, world: World) -> Worked:
    """Let a minion write what the issue asks for."""
    return await implemented(docs, world)


@step("Check the documents")
async def check(docs: Docs, world: World) -> Literal["pass", "mend", "stop"]:
    """See that nothing but documents changed, that links lead somewhere, and that examples are of their language."""
    patch = await change_of(docs, world.workspace)
    found = [*_foreign(patch)]
    if not found:
        found = await _read(docs, patch, world.workspace)
    return checked(docs, DOCUMENTS, found)


def _foreign(patch: Patch) -> Iterator[Finding]:
    for file in patch.files:
        if not belongs(file.path):
            sentence = "This is no documentation, and nothing else was asked for. Leave it as it was."
            yield Finding(guard=DOCUMENTS, sentence=sentence, path=file.path, weight=Weight.MEND)


async def _read(docs: Docs, patch: Patch, workspace: Workspace) -> list[Finding]:
    """What is wrong in documents that was not wrong before."""
    gone = {file.path for file in patch.files if file.change is FileState.DELETED}
    changed = [file.path for file in patch.files if file.change is not FileState.DELETED]
    before = set(await workspace.listed())
    now = (before - gone) | set(changed)
    others = sorted(path for path in now - set(changed) if belongs(path))[:_MOST_READ] if gone else []
    known = None if docs.config.sparse else (places(before), places(now))  # what is not in the tree may be elsewhere
    found: list[Finding] = []
    for path in (*changed, *others):
        texts = (await text_before(workspace, path), await text_now(workspace, path))
        found += await asyncio.to_thread(_wrong, path, *texts, known)
    return found


def _wrong(path: str, old: str, text: str, known: tuple[frozenset[str], frozenset[str]] | None) -> list[Finding]:
    """What is wrong in one document. `known` are the places before and now; None if links are not looked at."""
    shown = {(one.language, one.text) for one in examples(path, old)}
    found = [*_broken(path, text, shown)]
    if known is None:
        return found
    before, now = known
    lost = {one.text for one in links(path, old) if leads_nowhere(path, one.text, before)}
    return [*_lost(path, text, now, lost), *found]


def _lost(path: str, text: str, now: frozenset[str], known: set[str]) -> Iterator[Finding]:
    for link in links(path, text):
        if link.text not in known and leads_nowhere(path, link.text, now):
            sentence = (
                f"The link to `{link.text[:200]}` leads to no file of the repository. Correct it, or take it out."
            )
            yield Finding(guard=DOCUMENTS, sentence=sentence, path=path, line=link.line, weight=Weight.MEND)


def _broken(path: str, text: str, shown: set[tuple[str, str]]) -> Iterator[Finding]:
    for example in examples(path, text):
        if (example.language, example.text) not in shown and (why := mistake(example)):
            sentence = (
                f"This example is no {example.language}: {why}. Correct it, or give its fence the name of what it is "
                f"(`text`, `console`)."
            )
            yield Finding(guard=DOCUMENTS, sentence=sentence, path=path, line=example.line, weight=Weight.MEND)


@step("Run the examples")
async def run_examples(docs: Docs, world: World) -> Literal["pass", "mend", "stop"]:
    """Run sessions of Python in changed documents in a clean tree; what they print has to stand there."""
    patch = await change_of(docs, world.workspace)
    paths = [file.path for file in patch.files if file.change is not FileState.DELETED]
    shown = [path for path in paths if has_sessions(await text_now(world.workspace, path))][:_MOST_RUN]
    found: list[Finding] = []
    if shown:
        set_up = docs.config.setup or ()
        async with world.clean.open(docs.base_sha, patch=patch.data, set_up=set_up) as tree:
            results = {path: await _ran(tree, path) for path in shown}
        if failed := {path: result for path, result in results.items() if result.exit_code == 1}:
            async with world.clean.open(docs.base_sha, set_up=set_up) as tree:
                before = {path for path in failed if (await _ran(tree, path)).exit_code == 1}
            found = [_other(path, result, was_so=path in before) for path, result in failed.items()]
    return checked(docs, SESSIONS, found)


async def _ran(tree: CleanTree, path: str) -> CommandResult:
    """1: something else was printed. Another code but 0 says that it could not be run at all, which shows nothing."""
    if not has_sessions(await text_now(tree.workspace, path)):
        return CommandResult(command="", exit_code=0, output="", seconds=0.0)
    return await tree.sandbox.run(run_again(path), timeout_s=_SESSION_S)


def run_again(path: str) -> str:
    """The command that runs the sessions of a document; 1 if they print something else."""
    return f"{_PYTHON} {shlex.quote(_RUN)} {shlex.quote(path)}"


def _other(path: str, result: CommandResult, *, was_so: bool) -> Finding:
    output = Redactor().redact(result.output)[-_MOST_OUTPUT:]
    if was_so:
        sentence = "Not all sessions of Python in it print what stands below them; this was so before."
        return Finding(guard=SESSIONS, sentence=sentence, path=path, weight=Weight.REMARK)
    sentence = f"A session of Python in it prints something else. Show what really comes out:\n\n{output}"
    return Finding(guard=SESSIONS, sentence=sentence, path=path, weight=Weight.MEND)


BLUEPRINT: Final[Blueprint[Docs]] = Blueprint(
    name="docs",
    summary="Write or correct documentation, with links that lead somewhere and examples that run",
    state=Docs,
    start=prepare,
    checks=watch,
    edges={
        prepare: {"ready": implement, "cannot": explain},
        implement: {"changed": lint, "gave up": explain},
        **to_a_pull_request(checks=[check], proofs=[run_examples]),
    },
)
