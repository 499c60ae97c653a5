"""`minions eval --recall`: whether a minion is told first of the files that it has to change, by words and by meaning.

The files of all evaluation tasks lie in one repository, in folders whose names say nothing. For each issue it is looked
around there, and what is told is compared with the files that the task's own solution changes.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from app import loop
from app.adapters.local import LocalForge
from app.adapters.vectors import VectorFile
from app.adapters.workspace.workspaces import Workspaces
from app.agent.meaning import ByMeaning
from app.boxes import chosen_boxes
from app.core.budget import Usage
from app.core.embeddings import Embedder
from app.core.errors import SettingsError
from app.core.journal import Entry, ModelAnswered
from app.core.purse import NoPurse
from app.core.task import Person, Repository, Task
from app.evaluation.exercise import Exercise, exercises
from app.evaluation.trial import make_repository
from app.local import own_server
from app.log import redactor_of
from app.models import embedder
from app.registry import load, package_of
from app.settings import Settings
from blueprints.steps.configuration import layout
from blueprints.steps.orientation import Found, orientation

AT: Final = (1, 3, 5, 10)
"""So many of the files that are told first."""
_REPOSITORY: Final = 1


class Recalled(BaseModel, frozen=True):
    """What was told about one task."""

    task: str
    wanted: tuple[str, ...]
    """Files that its solution changes, of those that are there."""
    by_words: tuple[str, ...]
    """What is told first without the model, in its order."""
    with_meaning: tuple[str, ...]

    def words(self, most: int) -> float:
        """Which share of the wanted files is among the first."""
        return _share(self.wanted, self.by_words[:most])

    def meaning(self, most: int) -> float:
        """The same with the model."""
        return _share(self.wanted, self.with_meaning[:most])


@dataclass
class _Counting:
    """A journal that nobody reads: what was paid is added up."""

    usage: Usage = field(default_factory=Usage)

    async def entries(self) -> Sequence[Entry]:
        return ()

    async def append(self, *entries: Entry, patch: bytes | None = None) -> None:  # noqa: ARG002 - as `Journal` says
        for entry in entries:
            if isinstance(entry, ModelAnswered):
                self.usage += entry.usage


def recall(settings: Settings, tasks: Sequence[str], output: Path | None, tell: Callable[[str], None] = print) -> int:
    """Look around for each task, or for these, and tell how it went; answer with the exit code.

    Raises SettingsError, also if the model does not answer.
    """
    model = embedder(settings)
    if model is None:
        raise SettingsError("Say which model makes the vectors: MINIONS_EMBEDDING_MODEL.")
    known = _all_exercises(settings)
    if unknown := [name for name in tasks if name not in known]:
        raise SettingsError(f"There is no task {unknown[0]!r}. `minions eval --list` lists them.")
    with own_server(settings) as (home, _):
        found, usage = loop.run(_recalled(home, model, known, tasks or tuple(known)))
    tell("\n".join([*_lines(found), f"{model.name}: {usage.input_tokens:,} tokens, ${usage.usd:.4f}"]))
    if output is not None:
        output.write_text(json.dumps(document(found, model.name, usage), indent=2) + "\n", encoding="utf-8")
    return 0


def _all_exercises(settings: Settings) -> dict[str, Exercise]:
    names = load(settings.blueprints_folder)
    return {
        name: one
        for blueprint in names
        for name, one in exercises(blueprint, package_of(blueprint, settings.blueprints_folder)).items()
    }


async def _recalled(
    settings: Settings, model: Embedder, known: dict[str, Exercise], tasks: Sequence[str]
) -> tuple[list[Recalled], Usage]:
    folders = {name: f"part-{number:03}" for number, name in enumerate(known, 1)}
    place, redactor, journal = settings.home / "all", redactor_of(settings), _Counting()
    files = {f"{folders[name]}/{path}": text for name, one in known.items() for path, text in one.files.items()}
    make_repository(place, files)
    forge = LocalForge(place, settings.home / "report.md")
    boxes = chosen_boxes(settings, redactor)
    if faults := await boxes.check():
        raise SettingsError("\n".join(["No box can be built on this machine:", *faults]))
    workspaces = Workspaces(settings.home, boxes, read_layout=layout)
    found: list[Recalled] = []
    async with workspaces.ahead(_REPOSITORY, lambda write: forge.remote(write=write)) as tree:
        await tree.check_out((await forge.default_head()).sha)
        for name in tasks:
            wanted = tuple(f"{folders[name]}/{path}" for path in _changed(known[name]))
            if not wanted:  # all that it asks for is new
                continue
            task = _task(known[name])
            plain = await orientation(task, tree, tree.sandbox)
            meaning = ByMeaning(
                embedder=model,
                vectors=VectorFile(settings.home, _REPOSITORY, model.kind),
                journal=journal,
                purse=NoPurse(),
                redactor=redactor,
                usd_left=settings.run_usd,
            )
            both = await orientation(task, tree, tree.sandbox, meaning=meaning)
            if not both.near.files:
                raise SettingsError(both.near.told)
            found.append(Recalled(task=name, wanted=wanted, by_words=_told(plain), with_meaning=_told(both)))
    return found, journal.usage


def _changed(exercise: Exercise) -> Iterator[str]:
    after = exercise.changed(exercise.solution)
    yield from (path for path, text in exercise.files.items() if after.get(path) != text)


def _task(exercise: Exercise) -> Task:
    return Task(
        repository=Repository(id=_REPOSITORY, full_name="local/all", installation_id=0),
        number=1,
        title=exercise.title,
        body=exercise.body,
        requester=Person(id=0, login="you"),
        asked_at=datetime.now(UTC),
    )


def _told(found: Found) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*found.mentioned, *(hit.path for hit in found.hits)]))


def _share(wanted: Sequence[str], told: Sequence[str]) -> float:
    return sum(path in told for path in wanted) / len(wanted)


def totals(found: Sequence[Recalled]) -> dict[int, tuple[float, float]]:
    """The mean over all tasks, by words and with meaning, for each number of files."""
    most = max(len(found), 1)
    return {at: (sum(one.words(at) for one in found) / most, sum(one.meaning(at) for one in found) / most) for at in AT}


def document(found: Sequence[Recalled], model: str, usage: Usage) -> dict[str, Any]:
    """All of it, to be written as JSON."""
    return {
        "model": model,
        "tokens": usage.input_tokens,
        "usd": usage.usd,
        "recall": {str(at): {"words": words, "meaning": meaning} for at, (words, meaning) in totals(found).items()},
        "tasks": [one.model_dump(mode="json") for one in found],
    }


def _lines(found: Sequence[Recalled]) -> Iterator[str]:
    yield "Share of the files to be changed among those told first, by words alone → with meaning:"
    yield f"{'':32}" + "".join(f"{f'first {at}':>16}" for at in AT)
    for one in found:
        yield f"{one.task[:31]:32}" + "".join(_pair(one.words(at), one.meaning(at)) for at in AT)
    yield f"{f'all {len(found)} tasks':32}" + "".join(_pair(*pair) for pair in totals(found).values())


def _pair(words: float, meaning: float) -> str:
    return f"{f'{words:.3f} → {meaning:.3f}':>16}"
