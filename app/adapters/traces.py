"""OpenTelemetry: a trace for each run, with spans of its visits, the turns of its minions and their calls of tools.

Names and attributes are those of the conventions for generative AI; what models and tools said is in none of them.
https://opentelemetry.io/docs/specs/semconv/gen-ai/

All ids follow from the key of the run, so whichever workers walk it, and however often a visit is told of again after a
crash, it is one trace. The packages are those of the extra `traces`; nobody else imports this.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import NonRecordingSpan, SpanContext, SpanKind, StatusCode, TraceFlags, set_span_in_context
from opentelemetry.util.types import AttributeValue

from app.core.blueprint import Kind
from app.core.journal import ModelAnswered, ModelAsked, Opened, ToolCalled, ToolReturned
from app.core.run import Run, Status, Visit
from app.core.store import Recorded

_NS: Final = 1_000_000_000
_Place = tuple[object, ...]
"""Of a span within its run: a visit's number, then a word for a part of it."""


def _id(run: Run, *place: object, size: int = 8) -> int:
    """An id of so many bytes, never 0, which stands for none."""
    words = "/".join(map(str, (run.key, *place)))
    return int.from_bytes(hashlib.sha256(words.encode()).digest()[:size]) or 1


class _Given(IdGenerator):
    """The ids that the next span shall have."""

    trace = span = 1

    def generate_span_id(self) -> int:
        return self.span

    def generate_trace_id(self) -> int:
        return self.trace


class OpenTelemetry:
    """`Tracer` that hands spans to a processor, which delivers them."""

    def __init__(self, processor: SpanProcessor, version: str) -> None:
        self._ids = _Given()
        resource = Resource.create({"service.name": "minions", "service.version": version})
        self._provider = TracerProvider(resource=resource, id_generator=self._ids, sampler=ALWAYS_ON)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("minions", version)

    def visited(self, run: Run, records: Sequence[Recorded]) -> None:
        """The last visit of the run, with its turns and calls."""
        number = len(run.visits) - 1
        self._tell(run, (number,), _visit(run, run.visits[number]), parent=())
        for place, part in _within(records):
            self._tell(run, (number, place), part, parent=(number,))

    def ended(self, run: Run) -> None:
        """The run itself: what all its visits are parts of."""
        part = _Part(f"run {run.blueprint}", run.asked_at, run.ended_at or run.asked_at, _of_run(run))
        self._tell(run, (), part, parent=None, is_error=run.status is Status.FAILED)

    def close(self) -> None:
        """Deliver what is still there."""
        self._provider.shutdown()

    def _tell(self, run: Run, place: _Place, part: "_Part", *, parent: _Place | None, is_error: bool = False) -> None:
        self._ids.trace, self._ids.span = _id(run, size=16), _id(run, "span", *place)
        context = None
        if parent is not None:
            above = SpanContext(self._ids.trace, _id(run, "span", *parent), is_remote=True, trace_flags=TraceFlags(1))
            context = set_span_in_context(NonRecordingSpan(above))
        span = self._tracer.start_span(part.name, context, part.kind, part.attributes, start_time=_ns(part.began))
        if is_error:
            span.set_status(StatusCode.ERROR)
        span.end(_ns(max(part.ended, part.began)))


@dataclass(frozen=True)
class _Part:
    """What a span says."""

    name: str
    began: datetime
    ended: datetime
    attributes: Mapping[str, AttributeValue]
    kind: SpanKind = SpanKind.INTERNAL


def delivering(url: str, version: str) -> OpenTelemetry:
    """Traces that a collector at `url` is sent, some at a time, in the background."""
    return OpenTelemetry(BatchSpanProcessor(OTLPSpanExporter(endpoint=url)), version)


def _ns(moment: datetime) -> int:
    return round(moment.timestamp() * _NS)


def _of_run(run: Run) -> Mapping[str, AttributeValue]:
    usage = run.usage
    return {
        "minions.run.id": run.id,
        "minions.run.status": run.status,
        "minions.blueprint": run.blueprint,
        "minions.repository": run.task.repository.full_name,
        "minions.issue": run.task.number,
        "minions.usd": usage.usd,
        "gen_ai.usage.input_tokens": usage.input_tokens,
        "gen_ai.usage.output_tokens": usage.output_tokens,
    }


def _visit(run: Run, visit: Visit) -> _Part:
    end = visit.started_at + timedelta(seconds=visit.seconds)
    told: dict[str, AttributeValue] = {
        "minions.run.id": run.id,
        "minions.node": visit.node,
        "minions.outcome": visit.outcome,
    }
    if visit.kind is not Kind.AGENT:
        return _Part(f"node {visit.node}", visit.started_at, end, told)
    told |= {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": f"{run.blueprint}/{visit.node}",
        "minions.usd": visit.usage.usd,
        "minions.turns": visit.usage.turns,
    }
    return _Part(f"invoke_agent {visit.node}", visit.started_at, end, told)


def _within(records: Sequence[Recorded]) -> Iterator[tuple[str, _Part]]:
    """Turns and calls, each with a word that tells it from the others."""
    model = ""
    asked: dict[int, datetime] = {}
    called: dict[str, tuple[ToolCalled, datetime]] = {}
    for record in records:
        match record.entry:
            case Opened():
                model = record.entry.model
            case ModelAsked(turn=turn):
                asked[turn] = record.at
            case ModelAnswered(turn=turn) as answer:
                began = asked.get(turn, record.at - timedelta(seconds=answer.seconds))
                yield f"turn {record.number}", _turn(answer, answer.model or model, began, record.at)
            case ToolCalled(call_id=call_id) as call:
                called[call_id] = call, record.at
            case ToolReturned(call_id=call_id) as returned if call_id in called:
                call, began = called.pop(call_id)
                yield f"call {record.number}", _call(call, returned, began, record.at)


def _turn(answer: ModelAnswered, model: str, began: datetime, ended: datetime) -> _Part:
    provider, _, name = model.partition("/")
    told: dict[str, AttributeValue] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": provider,
        "gen_ai.request.model": name or model,
        "gen_ai.response.finish_reasons": (answer.finish_reason,),
        "gen_ai.usage.input_tokens": answer.usage.input_tokens,
        "gen_ai.usage.output_tokens": answer.usage.output_tokens,
        "minions.usd": answer.usage.usd,
    }
    return _Part(f"chat {name or model}", began, ended, told, SpanKind.CLIENT)


def _call(call: ToolCalled, returned: ToolReturned, began: datetime, ended: datetime) -> _Part:
    told: dict[str, AttributeValue] = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": call.tool,
        "gen_ai.tool.call.id": call.call_id,
        "minions.ok": returned.ok,
    }
    return _Part(f"execute_tool {call.tool}", began, ended, told)
