"""The whole of Minions with a model for embeddings: what it is asked, and what minion and page are told."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.embeddings import KEY, EmbeddingServer, embedding_server
from tests.forks import Forks
from tests.stories.conftest import Minions, Town, built
from tests.stories.patience import until

pytestmark = [pytest.mark.story, pytest.mark.timeout(600)]

FILES = 300
"""So many make a repository large here."""
NEAR = "near by meaning, from line"


@pytest.fixture(scope="module")
async def embeddings() -> AsyncIterator[EmbeddingServer]:
    async with embedding_server() as running:
        yield running


@pytest.fixture(scope="module")
async def quarter(forks: Forks, embeddings: EmbeddingServer) -> AsyncIterator[Town]:
    """A town in which files of large repositories are looked for by meaning."""
    settings = {
        "MINIONS_EMBEDDING_MODEL": "openai/trigrams",
        "MINIONS_EMBEDDING_API_BASE": embeddings.url,
        "MINIONS_EMBEDDING_API_KEY": KEY,
        "MINIONS_EMBEDDING_PRICE": "2",
        "MINIONS_EMBEDDING_FILES": str(FILES),
    }
    async with built(settings=settings, start=forks.start) as town:
        yield town


def large(town: Town) -> dict[str, str]:
    more = {f"lib/part_{number:03}.py": f"def part_{number}():\n    return {number}\n" for number in range(FILES)}
    return {**town.wanted.files, **more}


async def worked(town: Town, repository: str) -> tuple[dict[str, Any], str]:
    """The check run of a run that has ended now, and what its minion was told first."""
    ann = town.person("ann", repository)
    known = [pull["number"] for pull in await ann.pulls()]
    before = len(town.stage.models.requests)
    number = await ann.file(town.wanted.issue.title, town.wanted.issue.body)
    await ann.label(number, "minion")

    async def look() -> Any:
        for pull in await ann.pulls():
            checks = await ann.checks(pull["head"]["sha"]) if pull["number"] not in known else []
            if checks and checks[0]["status"] == "completed":
                return checks[0]
        return None

    check: dict[str, Any] = await until(look)
    return check, json.dumps(town.stage.models.requests[before]["messages"])


async def test_in_a_large_repository_files_are_found_by_meaning_and_the_page_says_so(
    quarter: Town, embeddings: EmbeddingServer
) -> None:
    """The second run has nothing but the question embedded, if that; the first one is paid and told."""
    repository = quarter.repository(large(quarter))
    check, told = await worked(quarter, repository)
    assert NEAR in told
    assert "slugs.py: " in told.partition("Files that speak of it most")[2]
    assert "found by counting words and by meaning" in told
    assert embeddings.keys == {KEY}
    assert any(text.startswith("slugs.py\n") for text in embeddings.texts)
    page = (await quarter.http.get(check["details_url"])).text
    assert "Looked for by meaning in " in page
    assert "embedded " in page
    assert "of 4,000,000" in page
    assert KEY not in page + quarter.stage.log.read_text()
    asked = len(embeddings.texts)
    _, again = await worked(quarter, repository)
    assert NEAR in again
    assert len(embeddings.texts) == asked


async def test_in_a_small_one_nobody_is_asked(quarter: Town, embeddings: EmbeddingServer) -> None:
    asked = len(embeddings.asked)
    check, told = await worked(quarter, quarter.repository())
    assert NEAR not in told
    assert len(embeddings.asked) == asked
    assert "by meaning" not in (await quarter.http.get(check["details_url"])).text


async def test_without_the_setting_nobody_is_asked_in_a_large_one(town: Town, embeddings: EmbeddingServer) -> None:
    asked = len(embeddings.asked)
    check, told = await worked(town, town.repository(large(town)))
    assert NEAR not in told
    assert len(embeddings.asked) == asked
    assert "by meaning" not in (await town.http.get(check["details_url"])).text


async def test_a_model_that_is_away_costs_one_line(quarter: Town, embeddings: EmbeddingServer) -> None:
    embeddings.faults.append((401, {"error": {"message": f"no {KEY}"}}, {}))
    check, told = await worked(quarter, quarter.repository(large(quarter)))
    assert NEAR not in told
    page = (await quarter.http.get(check["details_url"])).text
    assert "Nothing was looked for by meaning: The provider of the model openai/trigrams refused our key" in page
    assert KEY not in page + quarter.stage.log.read_text()


async def test_doctor_asks_the_model(minions: Minions, quarter: Town, embeddings: EmbeddingServer) -> None:
    settings = {
        name.removeprefix("MINIONS_").lower(): value
        for name, value in quarter.stage.environment.items()
        if name.startswith("MINIONS_")
    }
    code, out = await minions("doctor", "--ask-model", **settings)
    assert "ok    search by meaning: openai/trigrams answered with vectors of 512 numbers, $0.0000" in out
    embeddings.faults.append((401, {"error": {"message": "no"}}, {}))
    code, out = await minions("doctor", "--ask-model", **settings)
    assert (code, "FAIL  search by meaning" in out) == (1, True)


async def test_the_gain_is_shown_by_the_evaluation(
    minions: Minions, embeddings: EmbeddingServer, tmp_path: Path, reachable_folder: Path
) -> None:
    """With hashes of trigrams for a model, which know nothing of meaning, it is more than none."""
    settings = {
        "home": str(reachable_folder / "recall"),
        "embedding_model": "openai/trigrams",
        "embedding_api_base": embeddings.url,
        "embedding_api_key": KEY,
        "embedding_price": "2",
    }
    file = tmp_path / "recall.json"
    code, out = await minions("eval", "--recall", "--json", str(file), **settings)
    assert (code, "all 44 tasks" in out, "openai/trigrams: " in out) == (0, True, True), out
    found = json.loads(file.read_text())
    assert len(found["tasks"]) == 44
    assert found["recall"]["10"]["meaning"] > found["recall"]["10"]["words"] > 0.8
    assert found["usd"] > 0
    code, out = await minions("eval", "--recall", "--task", "retry", "--task", "recent", **settings)
    assert (code, "all 2 tasks" in out) == (0, True), out


@pytest.mark.parametrize(
    ("settings", "words", "told"),
    [
        ({}, [], "Say which model makes the vectors: MINIONS_EMBEDDING_MODEL."),
        ({"embedding_model": "openai/x"}, ["--task", "nonsense"], "There is no task 'nonsense'."),
        ({"embedding_model": "nonsense/x"}, ["--task", "retry"], "No provider is known for the model nonsense/x."),
    ],
)
async def test_what_cannot_be_shown_is_told_in_a_sentence(
    minions: Minions, settings: dict[str, str], words: list[str], told: str
) -> None:
    code, out = await minions("eval", "--recall", *words, **settings)
    assert (code, told in " ".join(out.split()), "Traceback" in out) == (2, True, False), out
