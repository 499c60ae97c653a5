"""Figures for Prometheus. Labels are bounded: blueprints, statuses, events, models; never repositories or people."""

import hmac
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from app.core.census import Census, Spending
from app.core.run import Status
from app.core.store import Store, StoreDown
from app.core.vitals import Vitals

_REFUSED: Final = "refused: "
"""How the webhook counts what it does not take, before the status."""


class Metrics:
    """`/metrics`, for who knows the token. Without a token there is nothing to see."""

    def __init__(self, store: Store, counts: Counter[str], token: str) -> None:
        self._store = store
        self._counts = counts
        self._token = token
        self._since = datetime.now(UTC)
        self._spent: dict[str, Spending] = {}
        """Since this process started, as counters are."""

    def router(self) -> APIRouter:
        """The route."""
        router = APIRouter(include_in_schema=False)
        router.add_api_route("/metrics", self.tell, methods=["GET"])
        return router

    async def tell(self, request: Request) -> Response:
        """All figures in the format that Prometheus reads."""
        if not self._token:
            return PlainTextResponse("There are no figures here: set MINIONS_METRICS_TOKEN to have some.\n", 404)
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            return PlainTextResponse("Send the token of MINIONS_METRICS_TOKEN: Authorization: Bearer …\n", 401)
        try:
            census: Census | None = await self._store.census(self._since)
        except StoreDown:
            census = None
        if census:
            self._since = census.at
            for one in census.spendings:
                self._spent[one.model] = _together(self._spent.get(one.model), one)
        registry = CollectorRegistry()
        registry.register(_Figures(census, dict(self._counts), self._spent))
        ProcessCollector(registry=registry)
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


def _together(one: Spending | None, other: Spending) -> Spending:
    if one is None:
        return other
    summed = {name: getattr(one, name) + getattr(other, name) for name in Spending.model_fields if name != "model"}
    return Spending(model=one.model, **summed)


class _Figures(Collector):
    """What was counted, in Prometheus' families."""

    def __init__(self, census: Census | None, counts: dict[str, int], spent: dict[str, Spending]) -> None:
        self._census = census
        self._counts = counts
        self._spent = spent

    def collect(self) -> Iterator[Metric]:
        """One family after the other; those of the database only while it answers."""
        yield GaugeMetricFamily("minions_database_up", FAMILIES["minions_database_up"], value=bool(self._census))
        yield from self._deliveries()
        if self._census:
            yield from self._runs(self._census)
            yield from self._github(self._census.vitals)
            yield from self._models()

    def _deliveries(self) -> Iterator[Metric]:
        taken = CounterMetricFamily("minions_deliveries", FAMILIES["minions_deliveries_total"], labels=["event"])
        refused = CounterMetricFamily(
            "minions_deliveries_refused", FAMILIES["minions_deliveries_refused_total"], labels=["status"]
        )
        for name, count in self._counts.items():
            if name.startswith(_REFUSED):
                refused.add_metric([name.removeprefix(_REFUSED)], count)
            else:
                taken.add_metric([name], count)
        yield from (taken, refused)

    def _runs(self, census: Census) -> Iterator[Metric]:
        runs = GaugeMetricFamily("minions_runs", FAMILIES["minions_runs"], labels=["blueprint", "status"])
        counted = {(one.blueprint, str(one.status)): one.runs for one in census.standings}
        # Each status from the first run on: what has no series before has no rise, either, when it comes.
        for blueprint in sorted({blueprint for blueprint, _ in counted}):
            for status in Status:
                runs.add_metric([blueprint, status], counted.get((blueprint, status), 0))
        yield runs
        for name, value in (
            ("minions_queue_runs", census.waiting),
            ("minions_queue_oldest_seconds", census.vitals.oldest_wait_s),
            ("minions_workers", census.workers),
        ):
            yield GaugeMetricFamily(name, FAMILIES[name], value=value)

    def _github(self, vitals: Vitals) -> Iterator[Metric]:
        installations = GaugeMetricFamily("minions_installations", FAMILIES["minions_installations"], labels=["state"])
        for state, count in vitals.installations.items():
            installations.add_metric([state], count)
        yield installations
        for name, value in (
            ("minions_last_delivery_seconds", vitals.last_delivery_s),
            ("minions_last_look_seconds", vitals.last_look_s),
            ("minions_undelivered", vitals.undelivered),
            ("minions_clock_off_seconds", vitals.clock_off_s),
            ("minions_github_calls_left_ratio", vitals.calls_left),
        ):
            if value is not None:
                yield GaugeMetricFamily(name, FAMILIES[name], value=value)

    def _models(self) -> Iterator[Metric]:
        calls = CounterMetricFamily("minions_model_calls", FAMILIES["minions_model_calls_total"], labels=["model"])
        usd = CounterMetricFamily("minions_model_usd", FAMILIES["minions_model_usd_total"], labels=["model"])
        tokens = CounterMetricFamily(
            "minions_model_tokens", FAMILIES["minions_model_tokens_total"], labels=["model", "kind"]
        )
        for one in self._spent.values():
            calls.add_metric([one.model], one.calls)
            usd.add_metric([one.model], one.usd)
            for kind in ("input", "output", "cached"):
                tokens.add_metric([one.model, kind], getattr(one, f"{kind}_tokens"))
        yield from (calls, usd, tokens)


FAMILIES: Final = {
    "minions_database_up": "Whether the database answers.",
    "minions_deliveries_total": "Genuine deliveries since this process started, by event.",
    "minions_deliveries_refused_total": "Deliveries that were not taken since this process started, by status.",
    "minions_runs": "Runs by blueprint and status.",
    "minions_queue_runs": "Runs that were asked for and have not begun.",
    "minions_queue_oldest_seconds": "How long the oldest of them has waited.",
    "minions_workers": "Workers that were heard of within the last half minute.",
    "minions_installations": "Installations of the App by state: active, suspended, or deleted and not forgotten yet.",
    "minions_last_delivery_seconds": "How long ago the newest delivery came that led to something.",
    "minions_last_look_seconds": "How long ago a worker looked after all that GitHub told.",
    "minions_undelivered": "Events that GitHub could not deliver, at that look; they are asked for again.",
    "minions_clock_off_seconds": "Seconds that GitHub's clock was ahead of the worker's then; 0 if that is too "
    "little to matter.",
    "minions_github_calls_left_ratio": "Part of an hour's calls that GitHub left then, where it left least: 1 is all.",
    "minions_model_calls_total": "Answers of models, by all workers, since this process started.",
    "minions_model_usd_total": "US dollars that they cost.",
    "minions_model_tokens_total": "Tokens, by kind: input (with cached ones), output, cached.",
}
"""What each is; a test compares this with the table of the documentation."""
