import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.adapters.litellm import LiteLLMModel
from app.adapters.model_prices import Price
from app.agent.minion import AgentLoop
from app.core.blueprint import TOOLS, AgentSpec
from app.core.budget import Budget
from app.core.journal import Entry
from app.core.signals import Signals
from app.core.world import Sandbox, Submission, Workspace
from app.demo.models import serve

SCRIPTS = Path(__file__).parents[1] / "demo" / "scripts"


@dataclass
class MemoryJournal:
    kept: list[Entry] = field(default_factory=list)

    async def entries(self) -> Sequence[Entry]:
        return list(self.kept)

    async def append(self, entry: Entry, *, patch: bytes | None = None) -> None:  # noqa: ARG002 - the Protocol
        self.kept.append(entry)


async def test_a_played_script_changes_a_file(tree: Path, workspace: Workspace, sandbox: Sandbox) -> None:
    """Loop, litellm, HTTP and the scripted server together; one question fails on the way and is asked again."""
    (tree / "hello.txt").write_bytes(b"hello world\r\n")
    paused: list[float] = []

    async def pause(seconds: float) -> None:
        paused.append(seconds)

    async with serve(SCRIPTS) as server:
        server.answer_next(503, {"error": {"message": "busy"}})
        model = LiteLLMModel(
            "openai/example", api_base=server.url, api_key="none", price=Price(input=1, output=1), sleep=pause
        )
        minion = AgentLoop(
            model=model,
            spec=AgentSpec("work.md", TOOLS, "implement", Budget()),
            prompt="Implement $what.",
            sandbox=sandbox,
            workspace=workspace,
            journal=MemoryJournal(),
            clock=time.monotonic,
            signals=Signals(),
        )
        result = await minion.work({"what": "the moon"})
    assert isinstance(result, Submission)
    assert result.summary == "Greets the moon"
    assert result.usage.turns == 3
    assert result.usage.usd > 0
    assert (tree / "hello.txt").read_bytes() == b"hello moon\r\n"
    assert (len(server.requests), len(paused)) == (4, 1)
    assert [tool["function"]["name"] for tool in server.requests[0]["tools"]] == list(TOOLS)
