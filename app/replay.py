"""`minions replay`: a run once more from its record, with the answers that its models gave then, and no model.

Steps, tools and gates are done anew, in a real work tree and box, so it shows what a changed blueprint, gate or tool
makes of the same answers. What GitHub said afterwards is not in the record: it ends where checks would be waited for.
A run on a pull request begins as that one stood then, with what reviewers had said and the checks that it found red.
"""

import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any, Final

from app import loop
from app.adapters.local import LocalForge
from app.adapters.model_profiles import profile_of
from app.adapters.own_folder import own_folder
from app.adapters.store import PostgresStore, ProcrastinateQueue, connected
from app.core.blueprint import Kind
from app.core.embeddings import KnownMeaning, Near
from app.core.errors import ModelError, NotFound, SettingsError
from app.core.journal import ModelAnswered, Opened
from app.core.model import Model, Profile, Reply
from app.core.run import Run
from app.core.store import Draft, Recorded, Store
from app.core.terms import Arm
from app.database import database
from app.evaluation.trial import git
from app.local import carried_out, own_server, without_pages
from app.models import Models
from app.recorded import RecordedForge
from app.registry import Blueprints
from app.registry import load as load_blueprints
from app.settings import Settings

_PREFIX: Final = "minions-replay-"
_BRANCH: Final = "replayed"


@dataclass(frozen=True)
class Record:
    """What is known of a run."""

    run: Run
    entries: Sequence[Recorded]
    patch: bytes

    @classmethod
    async def of(cls, store: Store, run: Run) -> "Record":
        """That of a run in the store."""
        return cls(run, await store.records(run.id), await store.patch(run.id))

    def conversations(self) -> Iterator["RecordedModel"]:
        """What was answered in each visit in which a model worked, in their order."""
        for number, visit in enumerate(self.run.visits):
            if visit.kind is Kind.AGENT:
                own = [one.entry for one in self.entries if one.visit == number]
                opened = next((entry.model for entry in own if isinstance(entry, Opened)), "")
                yield RecordedModel(
                    visit.node, opened or "recorded", deque(entry for entry in own if isinstance(entry, ModelAnswered))
                )


@dataclass(frozen=True)
class RecordedModel:
    """Implements `Model` by what was answered then, one answer after another."""

    node: str
    name: str
    answers: deque[ModelAnswered]

    @property
    def profile(self) -> Profile:
        """That of the model then. What a server without tool calls said is in the record as calls."""
        found = profile_of(self.name)
        return found.model_copy(update={"dialect": "edit"}) if found.dialect == "bash" else found

    def reserve_usd(self, input_tokens: int, max_output_tokens: int) -> float:  # noqa: ARG002 - as `Model` says
        """Nothing is paid."""
        return 0.0

    async def complete(
        self,
        messages: Sequence[dict[str, Any]],  # noqa: ARG002 - whatever is asked
        tools: Sequence[dict[str, Any]],  # noqa: ARG002
        *,
        max_output_tokens: int,  # noqa: ARG002
        timeout_s: float,  # noqa: ARG002
    ) -> Reply:
        """The next answer. Raises ModelError if then nothing more was asked."""
        if not self.answers:
            raise ModelError(f"More is asked at {self.node} than was then: the record has no answer for it.")
        said = self.answers.popleft()
        return Reply(message=said.message, usage=said.usage, finish_reason=said.finish_reason, model=self.name)


@dataclass(frozen=True)
class RecordedModels(Models):
    """Each visit in which a model works gets the next conversation of the record."""

    left: deque[RecordedModel] = field(default_factory=deque)

    def pair(self, role: str, arms: Mapping[str, Arm], *, former: str = "") -> tuple[Model, Model | None] | None:  # noqa: ARG002
        """Who answers in the visit that begins now."""
        return (self.left.popleft() if self.left else RecordedModel(role, "recorded", deque())), None


def replay(settings: Settings, key: str, repository: Path, tell: Callable[[str], None] = print) -> int:
    """Replay a run in a copy of `repository`; answer with the exit code: 0 if it went as it did then, else 1.

    Raises SettingsError if there is no such run, or if it cannot be replayed.
    """
    blueprints = load_blueprints(settings.blueprints_folder)
    with database(settings) as url:
        record = loop.run(_read(url, key))
    with own_folder(Path(tempfile.gettempdir()), prefix=_PREFIX) as folder:
        copy = copied(repository, record, folder, blueprints)
        with own_server(settings) as (home, url):
            again, patch = loop.run(_played(home, url, record, copy, tell))
    different = list(differences(record, again, patch, blueprints))
    for line in different:
        tell(f"❌ {line}")
    if not different:
        tell(f"✅ As then: {len(visited(again, blueprints))} nodes, and the same change.")
    return 1 if different else 0


async def _read(url: str, key: str) -> Record:
    async with connected(url) as engine:
        store = PostgresStore(engine, ProcrastinateQueue(url))
        try:
            return await Record.of(store, await store.find(key))
        except NotFound:
            raise SettingsError(f"There is no run {key!r} here: it is the last part of its page's address.") from None


async def _played(
    settings: Settings, url: str, record: Record, copy: Path, tell: Callable[[str], None]
) -> tuple[Run, bytes]:
    async with connected(url) as engine:
        store = PostgresStore(engine, ProcrastinateQueue(url))
        run = await played(settings, store, record, copy, tell)
        return run, await store.patch(run.id)


async def played(settings: Settings, store: Store, record: Record, copy: Path, tell: Callable[[str], None]) -> Run:
    """The run as it goes now, at its end."""
    models = RecordedModels({}, {}, left=deque(record.conversations()))
    worker = replace(await without_pages(settings.with_model("openai/recorded"), store), models=models)
    near = Near.model_validate(record.run.state.get("near", {}))
    worker = replace(worker, known_meaning=KnownMeaning(near))
    report = copy.parent / "report.md"
    forge, task = LocalForge(copy, report), record.run.task.model_copy(update={"comment_id": None, "campaign": None})
    if task.is_pull_request:
        forge = RecordedForge(copy, report, record.run)
    else:
        task = task.model_copy(update={"number": 0})
    known = worker.blueprints[record.run.blueprint]
    wanted = Draft(
        intent=f"replay {record.run.key}",
        task=task,
        blueprint=known.name,
        blueprint_version=known.version,
        start=known.start.name,
    )
    return await carried_out(worker, forge, await forge.default_head(), wanted, tell=tell, most_tries=1)


def copied(repository: Path, record: Record, folder: Path, blueprints: Blueprints) -> Path:
    """A clone that stands at the commit on which the run began. Raises SettingsError if that cannot be made."""
    run = record.run
    if run.blueprint not in blueprints:
        raise SettingsError(f"There is no blueprint {run.blueprint!r} any more.")
    if not run.trail.base_sha or not run.visits:
        raise SettingsError("It cannot be replayed: it did not come to the end of its first node.")
    copy = folder / "repository"
    try:
        git(folder, "clone", "--quiet", "--no-hardlinks", "--no-checkout", str(repository.resolve()), str(copy))
        git(copy, "checkout", "--quiet", "-B", _BRANCH, run.trail.base_sha)
    except CalledProcessError as error:
        raise SettingsError(
            f"{repository} does not have the commit {run.trail.base_sha[:10]}, on which the run began: fetch it there.",
            detail=error.stderr.decode(errors="replace")[-500:],
        ) from None
    return copy


def visited(run: Run, blueprints: Blueprints) -> list[str]:
    """What was visited and answered, up to where somebody began it again or the world was waited for."""
    checks = blueprints[run.blueprint].checks
    end = run.fresh_from or len(run.visits)
    names = [visit.node for visit in run.visits[:end]]
    if checks and checks.name in names:
        end = names.index(checks.name)
    return [f"{visit.node}: {visit.outcome or 'done'}" for visit in run.visits[:end]]


def differences(record: Record, again: Run, patch: bytes, blueprints: Blueprints) -> Iterator[str]:
    """What went in another way than then, a sentence each."""
    then, now = visited(record.run, blueprints), visited(again, blueprints)
    for number, (was, became) in enumerate(zip(then, now, strict=False), 1):
        if was != became:
            yield f"Node {number} was {was}, and is {became}. {again.error}".strip()
            return
    if len(then) != len(now):
        both = min(len(then), len(now))
        word, further = ("then", then[both]) if len(then) > both else ("now", now[both])
        yield f"After {both} nodes, only {word} it went on, with {further}. {again.error}".strip()
        return
    if len(then) >= len(record.run.visits) - 1 and patch != record.patch:
        yield "The nodes answered the same, but the change is another one."
