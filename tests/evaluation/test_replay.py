"""A run that ended, once more from its record: the same nodes and the same change, and no model is asked."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from app.adapters.litellm_library import warm_up
from app.adapters.local import LocalForge
from app.adapters.store import PostgresStore
from app.core.errors import SettingsError
from app.demo import models
from app.evaluation.exercise import Exercise, exercises
from app.evaluation.proposed import on_pull_request
from app.evaluation.trial import make_repository, posed
from app.local import carried_out, draft, without_pages
from app.new_blueprint.new_blueprint import write
from app.registry import load
from app.replay import Record, copied, differences, played, visited
from app.settings import Settings
from blueprints import BLUEPRINTS
from tests.embeddings import KEY, embedding_server
from tests.evaluation.scripted import oracle

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
async def record(settings: Settings, store: PostgresStore, home: Path) -> Record:
    """Of a run that solved an evaluation task, with a model server that is gone since."""
    return await recorded(settings, store, home, "fix")


async def recorded(settings: Settings, store: PostgresStore, home: Path, blueprint: str) -> Record:
    exercise = exercises("fix")["paginate"]
    make_repository(home / "repository", exercise.files)
    forge = LocalForge(home / "repository", home / "report.md")
    async with models.serve({"oracle": oracle([exercise])}) as server:
        await warm_up()
        known = settings.with_model("openai/oracle").model_copy(update={"model_api_base": server.url})
        worker = await without_pages(known, store)
        wanted = draft("paginate", exercise.text, blueprint, blueprints=worker.blueprints)
        run = await carried_out(worker, forge, await forge.default_head(), wanted, tell=print)
        assert run.trail.pull_request_number, run.error
    return await Record.of(store, run)


async def test_a_run_is_replayed_without_a_model(
    record: Record, settings: Settings, store: PostgresStore, home: Path
) -> None:
    """It goes the same way; from a record that lacks an answer it does not, and says where."""
    (home / "copy").mkdir()
    copy = copied(home / "repository", record, home / "copy", BLUEPRINTS)
    again = await played(settings, store, record, copy, print)
    assert visited(again, BLUEPRINTS) == visited(record.run, BLUEPRINTS)
    assert "publish: done" in visited(again, BLUEPRINTS)
    assert list(differences(record, again, await store.patch(again.id), BLUEPRINTS)) == []
    assert list(differences(record, again, b"another", BLUEPRINTS)) == [
        "The nodes answered the same, but the change is another one."
    ]


async def test_what_was_found_by_meaning_is_taken_from_the_record(
    settings: Settings, store: PostgresStore, home: Path
) -> None:
    """The model for embeddings is gone since, too."""
    async with embedding_server() as server:
        more = {"embedding_model": "openai/trigrams", "embedding_api_base": server.url, "embedding_files": 1}
        known = settings.model_copy(update={**more, "embedding_api_key": SecretStr(KEY)})
        record = await recorded(known, store, home, "fix")
        asked = len(server.asked)
        assert asked > 0
        (home / "copy").mkdir()
        copy = copied(home / "repository", record, home / "copy", BLUEPRINTS)
        again = await played(known, store, record, copy, print)
        assert len(server.asked) == asked
    assert list(differences(record, again, await store.patch(again.id), BLUEPRINTS)) == []
    assert again.state["near"] == record.run.state["near"]
    assert again.state["orientation"] == record.run.state["orientation"]
    assert "near by meaning, from line" in str(again.state["orientation"])
    prepared = record.run.visits[0].usage
    assert (prepared.turns, prepared.input_tokens > 0) == (0, True)


@pytest.mark.parametrize(("blueprint", "name"), [("ci", "older-python"), ("review", "out-of-range")])
async def test_a_run_on_a_pull_request_is_replayed_as_that_stood_then(
    settings: Settings, store: PostgresStore, home: Path, blueprint: str, name: str
) -> None:
    """With checks that were red, or with what reviewers had said; also a part of a campaign that is not there now."""
    record = await of_pull_request(settings, store, home, blueprint, exercises(blueprint)[name])
    assert record.run.visits[0].outcome in {"red", "said"}
    (home / "copy").mkdir()
    copy = copied(home / "ground" / f"1-{name}", record, home / "copy", BLUEPRINTS)
    again = await played(settings, store, record, copy, print)
    assert visited(again, BLUEPRINTS) == visited(record.run, BLUEPRINTS)
    assert "publish: done" in visited(again, BLUEPRINTS)
    assert list(differences(record, again, await store.patch(again.id), BLUEPRINTS)) == []


async def of_pull_request(
    settings: Settings, store: PostgresStore, home: Path, blueprint: str, exercise: Exercise
) -> Record:
    """The record of a run that solved a task on a pull request."""
    ground = await posed(exercise, home / "ground").open(1)
    async with models.serve({"oracle": oracle([exercise])}) as server:
        await warm_up()
        known = settings.with_model("openai/oracle").model_copy(update={"model_api_base": server.url})
        worker = await without_pages(known, store)
        wanted = on_pull_request(draft(exercise.name, exercise.text, blueprint, blueprints=worker.blueprints))
        task = wanted.task.model_copy(update={"campaign": 7})
        asked = wanted.model_copy(update={"task": task})
        run = await carried_out(worker, ground.forge, ground.head, asked, tell=print)
        assert run.trail.pull_request_number, run.error
    return await Record.of(store, run)


async def test_a_record_without_an_answer_says_where_it_ends(
    record: Record, settings: Settings, store: PostgresStore, home: Path
) -> None:
    (home / "copy").mkdir()
    copy = copied(home / "repository", record, home / "copy", BLUEPRINTS)
    answers = [one for one in record.entries if one.entry.kind == "model answered"]
    shorter = Record(record.run, [one for one in record.entries if one is not answers[1]], record.patch)
    again = await played(settings, store, shorter, copy, print)
    (told,) = differences(record, again, b"", BLUEPRINTS)
    assert "only then it went on, with implement: changed" in told
    assert "the record has no answer for it" in told


async def test_what_cannot_be_replayed_is_told(record: Record, tmp_path: Path) -> None:
    make_repository(tmp_path / "other", {"a.txt": "a\n"})
    (tmp_path / "copy").mkdir()
    with pytest.raises(SettingsError, match="does not have the commit"):
        copied(tmp_path / "other", record, tmp_path / "copy", BLUEPRINTS)
    never = Record(record.run.model_copy(update={"visits": ()}), (), b"")
    with pytest.raises(SettingsError, match="did not come to the end of its first node"):
        copied(tmp_path / "other", never, tmp_path / "copy", BLUEPRINTS)


async def test_a_run_of_a_teams_own_blueprint_is_replayed_with_it(
    settings: Settings, store: PostgresStore, home: Path
) -> None:
    """Where the blueprint is gone since, that is told."""
    write("tidy", home / "blueprints")
    known = settings.model_copy(update={"blueprints_folder": home / "blueprints", "review_model": "none"})
    record = await recorded(known, store, home, "tidy")
    (home / "copy").mkdir()
    blueprints = load(known.blueprints_folder)
    copy = copied(home / "repository", record, home / "copy", blueprints)
    again = await played(known, store, record, copy, print)
    assert list(differences(record, again, await store.patch(again.id), blueprints)) == []
    with pytest.raises(SettingsError, match="There is no blueprint 'tidy' any more"):
        copied(home / "repository", record, home / "copy", BLUEPRINTS)
