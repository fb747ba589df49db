"""The numbers that Prometheus reads, one registry per app. Counts what it is told; knows no requests and no engines' insides.

``app.py`` counts answers by status, ``exchange.py`` tokens and times, ``ops.py`` renders.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from reckon.engines.base import Health
from reckon.job import Usage
from reckon.ledger.usage import Totals
from reckon.link import Counters

WAITS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
GAPS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class Times(Collector):
    """A histogram of seconds by model. The library's own takes two locks for every number, and there is one for each token."""

    def __init__(self, name: str, about: str, bounds: Sequence[float], registry: CollectorRegistry) -> None:
        self._name = name
        self._about = about
        self._bounds = bounds
        self._counts: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}
        registry.register(self)

    def observe(self, model: str, seconds: float) -> None:
        """Called in the event loop only."""
        counts = self._counts.get(model)
        if counts is None:
            counts = self._counts[model] = [0] * (len(self._bounds) + 1)
            self._sums[model] = 0.0
        counts[bisect_left(self._bounds, seconds)] += 1
        self._sums[model] += seconds

    def collect(self) -> Iterator[HistogramMetricFamily]:
        family = HistogramMetricFamily(self._name, self._about, labels=["model"])
        bounds = [*map(floatToGoString, self._bounds), "+Inf"]
        for model, counts in self._counts.items():
            family.add_metric([model], list(zip(bounds, accumulate(counts), strict=True)), self._sums[model])
        yield family


class Metrics:
    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        model = ["model"]
        self.requests = Counter("reckon_requests", "HTTP requests by route and status", ["path", "status"], registry=registry)
        self._outcomes = Counter(
            "reckon_outcomes", "Chat requests by finish reason or error code", ["model", "outcome"], registry=registry
        )
        self._tokens = Counter("reckon_tokens", "Tokens settled since the API started", ["model", "kind"], registry=registry)
        self.first_token = Times("reckon_time_to_first_token_seconds", "Arrival to first text", WAITS, registry)
        self.inter_token = Times("reckon_inter_token_seconds", "Between two pieces of one choice", GAPS, registry)
        self._ready = Gauge("reckon_engine_ready", "1 while the engine takes requests and moves", model, registry=registry)
        self._running = Gauge("reckon_running", "Answers being generated", model, registry=registry)
        self._waiting = Gauge("reckon_waiting", "Answers waiting for a place", model, registry=registry)
        self._restarts = Gauge("reckon_engine_restarts", "Times the engine was started again", model, registry=registry)
        self._held_blocks = Gauge("reckon_kv_blocks_held", "KV blocks of running answers", model, registry=registry)
        self._engine_tokens = Gauge(
            "reckon_engine_tokens", "Tokens by the engine's own count since it started", ["model", "kind"], registry=registry
        )
        self._preemptions = Gauge("reckon_engine_preemptions", "Answers set back for memory", model, registry=registry)
        self._guesses = Gauge(
            "reckon_engine_guesses", "Tokens guessed ahead, and those that were right", ["model", "kind"], registry=registry
        )
        self._ledger_tokens = Gauge("reckon_ledger_tokens", "Sum of the ledger, all time", ["kind"], registry=registry)
        self._ledger_cost = Gauge("reckon_ledger_cost_nano_dollars", "Sum of the ledger, all time", registry=registry)
        self._ledger_requests = Gauge("reckon_ledger_requests", "Settled requests in the ledger", registry=registry)

    def settled(self, model: str, usage: Usage, outcome: str) -> None:
        self._outcomes.labels(model, outcome).inc()
        self._tokens.labels(model, "prompt").inc(usage.prompt_tokens)
        self._tokens.labels(model, "cached").inc(usage.cached_tokens)
        self._tokens.labels(model, "completion").inc(usage.completion_tokens)

    def render(self, health: Mapping[str, Health], counters: Mapping[str, Counters], totals: Totals) -> bytes:
        """The text format, with the engines and the ledger as they are now."""
        for model, state in health.items():
            self._ready.labels(model).set(state.ready and state.progressing)
            self._running.labels(model).set(state.running)
            self._waiting.labels(model).set(state.waiting)
            self._restarts.labels(model).set(state.restarts)
            self._held_blocks.labels(model).set(state.held_blocks)
        for model, counted in counters.items():
            self._engine_tokens.labels(model, "prompt").set(counted.prompt)
            self._engine_tokens.labels(model, "cached").set(counted.cached)
            self._engine_tokens.labels(model, "completion").set(counted.completion)
            self._engine_tokens.labels(model, "discarded").set(counted.discarded)
            self._preemptions.labels(model).set(counted.preemptions)
            self._guesses.labels(model, "drafted").set(counted.drafted)
            self._guesses.labels(model, "accepted").set(counted.accepted)
        self._ledger_tokens.labels("prompt").set(totals.prompt_tokens)
        self._ledger_tokens.labels("cached").set(totals.cached_tokens)
        self._ledger_tokens.labels("completion").set(totals.completion_tokens)
        self._ledger_cost.set(totals.cost_nano)
        self._ledger_requests.set(totals.requests)
        return generate_latest(self._registry)
