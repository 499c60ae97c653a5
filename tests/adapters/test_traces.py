"""What a tracing system is told of a run."""

import re
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from app.adapters.traces import OpenTelemetry, delivering
from app.core.blueprint import Kind
from app.core.budget import Usage
from app.core.journal import ModelAnswered, ModelAsked, Opened, ToolCalled, ToolReturned
from app.core.run import Run, Status, Visit
from app.core.store import Recorded
from app.core.task import Person, Repository, Task

AT = datetime(2026, 1, 2, tzinfo=UTC)
USAGE = Usage(turns=1, input_tokens=100, output_tokens=10, usd=0.25)


def run(*visits: Visit, status: Status = Status.RUNNING) -> Run:
    task = Task(
        repository=Repository(id=5, full_name="octo/cat", installation_id=3),
        number=7,
        title="Broken",
        body="",
        requester=Person(id=1, login="ann"),
        asked_at=AT,
    )
    return Run(
        id=9,
        key="a-key",
        task=task,
        blueprint="fix",
        blueprint_version=1,
        status=status,
        at="implement",
        state={},
        visits=visits,
        asked_at=AT,
        ended_at=AT + timedelta(seconds=60) if status.has_ended else None,
    )


def visit(node: str, kind: Kind) -> Visit:
    return Visit(node=node, title=node, kind=kind, outcome="changed", started_at=AT, seconds=30, usage=USAGE)


STEP, AGENT = visit("prepare", Kind.STEP), visit("implement", Kind.AGENT)

ENTRIES = (
    Opened(messages=({"role": "user", "content": "a secret task"},), model="some/model"),
    ModelAsked(turn=1),
    ModelAnswered(turn=1, message={"content": "a secret answer"}, usage=USAGE, finish_reason="tool_calls", seconds=2),
    ToolCalled(call_id="c1", tool="bash", arguments={"command": "a secret command"}),
    ToolReturned(call_id="c1", text="a secret result", ok=False, seconds=1),
    ModelAsked(turn=2, model="other/model"),
    ModelAnswered(turn=2, message={}, usage=USAGE, finish_reason="stop", seconds=2, model="other/model"),
    ToolCalled(call_id="c2", tool="submit", arguments={}),  # cut off
)
RECORDS = [Recorded(visit=1, number=n, at=AT + timedelta(seconds=n), entry=entry) for n, entry in enumerate(ENTRIES)]


def told(records: Sequence[Recorded] = RECORDS) -> Sequence[ReadableSpan]:
    exporter = InMemorySpanExporter()
    tracer = OpenTelemetry(SimpleSpanProcessor(exporter), "1.0")
    tracer.visited(run(STEP), [])
    tracer.visited(run(STEP, AGENT), records)
    tracer.ended(run(STEP, AGENT, status=Status.FAILED))
    tracer.close()
    return exporter.get_finished_spans()


def test_a_run_is_one_trace_of_visits_turns_and_calls() -> None:
    spans = told()
    names = {span.context.span_id: span.name for span in spans}
    tree = {span.name: span.parent and names[span.parent.span_id] for span in spans}
    assert len({span.context.trace_id for span in spans}) == 1
    assert tree == {
        "run fix": None,
        "node prepare": "run fix",
        "invoke_agent implement": "run fix",
        "chat model": "invoke_agent implement",
        "execute_tool bash": "invoke_agent implement",
    }
    assert [span.name for span in spans].count("chat model") == 2


@pytest.mark.house
def test_every_span_and_attribute_is_in_the_documentation() -> None:
    text = (Path(__file__).parents[2] / "docs/operating.md").read_text("utf-8")
    section = text.split("\n| Span |")[1].split("\n## ")[0]
    rows = [line.split("|") for line in section.splitlines() if line.startswith("| `")]
    documented = {row[1].strip(" `"): set(re.findall(r"`([a-z_.]+)`", row[3])) for row in rows}
    assert {span.name.split()[0]: set(span.attributes or {}) for span in told()} == documented


def test_what_is_told_again_after_a_crash_is_the_same_span() -> None:
    assert [span.context for span in told()] == [span.context for span in told()]


def test_each_has_its_own_time() -> None:
    times = {span.name: (span.end_time - span.start_time) / 1e9 for span in told() if span.end_time and span.start_time}
    assert times["run fix"] == 60
    assert times["invoke_agent implement"] == 30
    assert times["execute_tool bash"] == 1


def test_turns_are_described_as_the_conventions_say() -> None:
    chats = [dict(span.attributes or {}) for span in told() if span.name == "chat model"]
    assert [chat["gen_ai.provider.name"] for chat in chats] == ["some", "other"]
    assert chats[0]["gen_ai.usage.input_tokens"] == 100
    assert chats[0]["gen_ai.response.finish_reasons"] == ("tool_calls",)


def test_a_run_that_failed_is_an_error() -> None:
    assert {span.name for span in told() if not span.status.is_ok and not span.status.is_unset} == {"run fix"}


def test_what_models_and_tools_said_is_in_no_span() -> None:
    assert "secret" not in "".join(span.to_json() for span in told())


@pytest.fixture
def collector() -> Iterator[tuple[str, list[ExportTraceServiceRequest]]]:
    """A collector on loopback, and what it was sent."""
    sent: list[ExportTraceServiceRequest] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent.append(ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1/traces", sent
        server.shutdown()
        thread.join()


def test_they_are_delivered_by_http(collector: tuple[str, list[ExportTraceServiceRequest]]) -> None:
    url, sent = collector
    tracer = delivering(url, "1.0")
    tracer.visited(run(STEP, AGENT), RECORDS)
    tracer.close()
    spans = [span for one in sent for part in one.resource_spans for scope in part.scope_spans for span in scope.spans]
    assert len(spans) == 4
