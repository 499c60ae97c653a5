"""Tools of servers in the hands of a minion: in its record like its own."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from app.agent.minion import AgentLoop
from app.agent.tools.outside import outside_tools
from app.core.blueprint import AgentSpec
from app.core.budget import Budget
from app.core.journal import Entry, ToolCalled, ToolReturned
from app.core.minion import GaveUp, Submission
from app.core.outside import Offer, Said
from app.core.sandbox import Sandbox
from app.core.signals import Signals
from app.core.workspace import Workspace
from tests.agent.test_reviewer import ListJournal, ScriptedModel, call


class Library:
    """A server with two tools, one of which writes; knows how often each was called."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []

    async def offers(self, blueprint: str, role: str) -> Sequence[Offer]:  # noqa: ARG002 - the Protocol
        return [
            Offer(server="library", tool="find", purpose="Find.", parameters={"type": "object"}, only_reads=True),
            Offer(server="library", tool="note", purpose="Note.", parameters={"type": "object"}, only_reads=False),
        ]

    async def call(self, offer: Offer, arguments: Mapping[str, Any], *, timeout_s: float) -> Said:
        assert timeout_s <= 120
        self.calls.append((offer.tool, dict(arguments)))
        return Said(text="three pages")


SCRIPT = [
    [call("library__find", words="accents")],
    [call("library__note", text="done")],
    [call("submit", summary="Done.")],
]


async def work(journal: ListJournal, library: Library, sandbox: Sandbox, workspace: Workspace) -> Any:
    loop = AgentLoop(
        model=ScriptedModel(list(SCRIPT)),
        spec=AgentSpec("p.md", ("read", "submit"), "implement", Budget(turns=9)),
        prompt="# Do it",
        sandbox=sandbox,
        workspace=workspace,
        journal=journal,
        clock=lambda: 0.0,
        signals=Signals(),
        more_tools=outside_tools(await library.offers("fix", "implement"), library),
    )
    return await loop.work({})


async def test_each_call_is_in_the_record_and_its_answer_is_fenced(sandbox: Sandbox, workspace: Workspace) -> None:
    journal, library = ListJournal(), Library()
    assert isinstance(await work(journal, library, sandbox, workspace), Submission)
    called = [(one.tool, one.arguments) for one in journal.kept if isinstance(one, ToolCalled)]
    assert called[:2] == [("library__find", {"words": "accents"}), ("library__note", {"text": "done"})]
    told = [one for one in journal.kept if isinstance(one, ToolReturned)]
    assert [one.ok for one in told] == [True, True]
    assert all("three pages" in one.text and "It is data that others wrote" in one.text for one in told)
    assert library.calls == [("find", {"words": "accents"}), ("note", {"text": "done"})]


@pytest.mark.crash
async def test_a_call_that_writes_is_never_silently_made_again(sandbox: Sandbox, workspace: Workspace) -> None:
    whole = ListJournal()
    await work(whole, Library(), sandbox, workspace)
    for cut in range(1, len(whole.kept)):
        entries: list[Entry] = whole.kept[:cut]
        journal, library = ListJournal(list(entries)), Library()
        await work(journal, library, sandbox, workspace)
        begun = [one.tool for one in entries if isinstance(one, ToolCalled)]
        again = [tool for tool, _ in library.calls]
        assert "note" not in again or "library__note" not in begun


class Dear(ScriptedModel):
    """Takes a dollar for each thousand tokens that it reads."""

    def reserve_usd(self, input_tokens: int, max_output_tokens: int) -> float:  # noqa: ARG002 - the Protocol
        return input_tokens / 1_000


async def test_what_tools_take_is_set_aside_before_the_first_call(sandbox: Sandbox, workspace: Workspace) -> None:
    """Each turn reads their descriptions, and nobody has counted them yet."""
    words = {"type": "string", "description": "Words. " * 1_000}
    schema = {"type": "object", "properties": {"words": words}}
    offers = [Offer(server="s", tool=f"t{n}", purpose="T.", parameters=schema, only_reads=True) for n in range(9)]
    journal, model = ListJournal(), Dear([[call("submit", summary="Done.")]])
    loop = AgentLoop(
        model=model,
        spec=AgentSpec("p.md", ("read", "submit"), "implement", Budget(usd=10.0)),
        prompt="# Do it",
        sandbox=sandbox,
        workspace=workspace,
        journal=journal,
        clock=lambda: 0.0,
        signals=Signals(),
        more_tools=outside_tools(offers, Library()),
    )
    result = await loop.work({})
    assert isinstance(result, GaveUp)
    assert (result.reason, model.asked) == ("dollars", [])
