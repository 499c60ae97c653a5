"""Looking for files by meaning, with the real library, over HTTP, and with the real file of vectors."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from app.adapters.embeddings import LiteLLMEmbedder
from app.adapters.litellm_library import warm_up
from app.adapters.vectors import VectorFile
from app.agent.meaning import ByMeaning
from app.core.budget import Usage
from app.core.embeddings import Embedded, Near
from app.core.journal import Entry, ModelAnswered, ModelAsked, Noted, Opened
from app.core.purse import Held, NoPurse, Purse
from app.core.redaction import Redactor
from app.core.workspace import Workspace
from tests.agent.scripted import MemoryJournal, PowerCut, Time
from tests.embeddings import KEY, EmbeddingServer, embedding_server

SECRET = "hunter2hunter2hunter2"
FILES = {
    "src/slugify.py": "def slugify(title):\n    return title.lower().replace(' ', '-')\n",
    "src/invoice.py": "def total(invoice):\n    return sum(line.amount for line in invoice.lines)\n",
    "src/clock.py": "import time\n\n\ndef now():\n    return time.monotonic()\n",
    "src/keys.py": f"PASSWORD = '{SECRET}'\n",
    "uv.lock": "slugify title\n",
    "logo.png": "slugify title\n",
}
QUESTION = "Titles with capitals give wrong slugs\nThe slugifier must lower each title."


async def no_sleep(seconds: float) -> None:
    """It is not waited for."""


@pytest.fixture(scope="session", autouse=True)
async def warm() -> None:
    await warm_up()


@pytest.fixture
async def server() -> AsyncIterator[EmbeddingServer]:
    async with embedding_server() as running:
        yield running


@dataclass
class Emptied:
    """A purse with nothing left in it."""

    async def reserve(self, usd: float) -> Held:
        return Held(is_granted=False, usd=usd)

    async def look(self) -> Held:
        return Held(is_granted=False)


@dataclass
class Rig:
    """Somebody who looks, again and again, on one machine."""

    server: EmbeddingServer
    home: Path
    with_base: Callable[[dict[str, bytes]], Workspace]
    journal: MemoryJournal = field(default_factory=MemoryJournal)

    def meaning(self, **more: Any) -> ByMeaning:
        asked = LiteLLMEmbedder("openai/trigrams", api_base=self.server.url, api_key=KEY, usd=1.0, sleep=no_sleep)
        given: dict[str, Any] = {
            "embedder": asked,
            "vectors": VectorFile(self.home, 7, asked.kind),
            "journal": self.journal,
            "purse": NoPurse(),
            "redactor": Redactor([SECRET]),
            "usd_left": 1.0,
        }
        return ByMeaning(**given | more)

    async def look(self, files: Mapping[str, str] = FILES, question: str = QUESTION, **more: Any) -> Near:
        tree = self.with_base({path: text.encode() for path, text in files.items()})
        return await self.meaning(**more).near(question, sorted(files), tree)

    def told(self, kind: type[Entry]) -> Sequence[Any]:
        return [entry for entry in self.journal.kept if isinstance(entry, kind)]


@pytest.fixture
def rig(server: EmbeddingServer, tmp_path: Path, with_base: Callable[[dict[str, bytes]], Workspace]) -> Rig:
    return Rig(server, tmp_path / "home", with_base)


async def test_the_nearest_file_is_found_and_what_it_took_is_in_the_journal(rig: Rig) -> None:
    near = await rig.look()
    assert (near.files[0].path, near.files[0].line) == ("src/slugify.py", 1)
    assert {file.path for file in near.files} == {path for path in FILES if path.startswith("src/")}
    kinds = [type(entry) for entry in rig.journal.kept]
    assert kinds == [Opened, ModelAsked, ModelAnswered, Noted]
    (opened,), (asked,), (answer,) = rig.told(Opened), rig.told(ModelAsked), rig.told(ModelAnswered)
    assert (opened.model, opened.messages[0]["content"]) == ("openai/trigrams", QUESTION)
    assert opened.tokens["embedded"] > 0
    assert 0 < answer.usage.usd <= asked.reserved_usd
    assert answer.usage.input_tokens > 0
    assert near.told.startswith("Looked for by meaning in 4 pieces of 4 files, 4 of them embedded now, for ")
    assert rig.told(Noted)[0].text == near.told


async def test_a_secret_in_a_file_does_not_reach_the_provider(rig: Rig) -> None:
    await rig.look(question=f"{QUESTION} {SECRET}")
    assert any("[redacted:" in text for text in rig.server.texts)
    assert SECRET not in "".join(rig.server.texts)
    assert SECRET not in "".join(entry.model_dump_json() for entry in rig.journal.kept)


async def test_what_is_known_is_not_asked_again_and_of_a_change_only_what_is_new(rig: Rig) -> None:
    long = {**FILES, "src/long.py": "\n".join(f"number_{line} = {line}" for line in range(120))}
    first = await rig.look(long)
    asked = len(rig.server.texts)
    assert (await rig.look(long)).files == first.files
    assert len(rig.server.texts) == asked
    changed = {**long, "src/long.py": long["src/long.py"].replace("number_119", "other_119")}
    near = await rig.look(changed)
    (new,) = rig.server.texts[asked:]
    assert "other_119" in new
    assert "number_1 " not in new
    assert ", 1 of them embedded now, " in near.told


async def test_another_question_is_all_that_is_asked_for(rig: Rig) -> None:
    await rig.look()
    asked = len(rig.server.texts)
    near = await rig.look(question="The sum of an invoice is wrong")
    assert near.files[0].path == "src/invoice.py"
    assert len(rig.server.texts) == asked + 1
    assert near.told == "Looked for by meaning in 4 pieces of 4 files, all known."


async def test_in_a_small_repository_nobody_is_asked(rig: Rig) -> None:
    meaning = rig.meaning(least_files=len(FILES) + 1)
    tree = rig.with_base({path: text.encode() for path, text in FILES.items()})
    assert await meaning.near(QUESTION, sorted(FILES), tree) == Near()
    assert (rig.server.asked, rig.journal.kept, meaning.was_asked) == ([], [], False)


async def test_a_model_that_is_away_is_told_in_a_line_and_everything_else_goes_on(rig: Rig) -> None:
    rig.server.faults.extend([(500, {"error": {"message": "boom"}}, {})] * 4)
    near = await rig.look()
    told = "Nothing was looked for by meaning: The model openai/trigrams cannot be reached or is overloaded right now."
    assert near == Near(told=told)
    assert [entry.text for entry in rig.told(Noted)] == [told]
    assert len(rig.told(ModelAsked)) == len(rig.told(ModelAnswered)) == 1, "what was set aside is given back"


async def test_one_that_is_away_in_the_middle_leaves_what_is_known(rig: Rig) -> None:
    """The rest follows with a later run."""
    await rig.look()
    more = {**FILES, "src/more.py": "def more(): pass\n"}
    rig.server.faults.append((401, {"error": {"message": "no"}}, {}))
    near = await rig.look(more)
    assert near.files[0].path == "src/slugify.py"
    assert "What is missing follows with a later run: The provider of the model openai/trigrams refused" in near.told
    assert "src/more.py" in {file.path for file in (await rig.look(more)).files}


@pytest.mark.parametrize(
    ("purse", "usd_left", "why"),
    [
        (NoPurse(), 0.0, "the run's budget does not hold more."),
        (Emptied(), 1.0, "a budget that runs share does not hold more."),
    ],
)
async def test_where_there_is_no_money_nobody_is_asked(rig: Rig, purse: Purse, usd_left: float, why: str) -> None:
    near = await rig.look(purse=purse, usd_left=usd_left)
    assert near.told == f"Nothing was looked for by meaning: {why}"
    assert rig.server.asked == []


async def test_one_run_has_no_more_than_so_much_embedded(rig: Rig) -> None:
    """What is left follows with later ones."""
    word = " ".join(f"word{number}" for number in range(180))
    files = {f"src/{number:04}.py": "\n".join(f"{word} {number} {line}" for line in range(40)) for number in range(300)}
    embedder = Counting()
    near = await rig.look(files, embedder=embedder, vectors=VectorFile(rig.home, 7, "counting"))
    again = await rig.look(files, embedder=embedder, vectors=VectorFile(rig.home, 7, "counting"))
    assert "files follow with later runs: one has no more than 4,000,000 tokens embedded." in near.told
    assert embedder.most_tokens <= 4_000_000
    assert "follow" not in again.told


@dataclass
class Counting:
    """Embeds everything in the same way, and counts."""

    name: str = "tests/counting"
    kind: str = "counting"
    most_tokens: int = 0

    def reserve_usd(self, tokens: int) -> float:  # noqa: ARG002 - as `Embedder` says
        return 0.0

    async def embed(self, texts: Sequence[str], *, timeout_s: float) -> Embedded:  # noqa: ARG002
        self.most_tokens = sum(map(len, texts)) // 4
        return Embedded([[1.0, 2.0]] * len(texts), Usage(input_tokens=self.most_tokens))


async def test_it_does_not_take_for_ever(rig: Rig) -> None:
    time = Time()

    class Slow(Counting):
        async def embed(self, texts: Sequence[str], *, timeout_s: float) -> Embedded:
            time.now += 100
            return await super().embed(texts, timeout_s=timeout_s)

    files = {f"src/{number}.py": f"number {number}" for number in range(1_500)}
    near = await rig.look(files, embedder=Slow(), vectors=VectorFile(rig.home, 7, "counting"), clock=time)
    assert near.told.endswith("What is missing follows with a later run: it took more than 180 s.")
    assert len(rig.told(ModelAnswered)) == 2


async def test_a_crash_between_rounds_has_nothing_embedded_twice(rig: Rig) -> None:
    files = {f"src/{number}.py": f"number {number}" for number in range(700)}
    rig.journal.cut_at = 3
    with pytest.raises(PowerCut):
        await rig.look(files)
    rig.journal.cut_at = None
    await rig.look(files)
    assert len(rig.server.texts) == len(set(rig.server.texts)) == 701
    assert [entry.turn for entry in rig.told(ModelAnswered)] == [1, 2]
    assert len(rig.told(Opened)) == 1
