"""Which metrics does the gateway have? All names are here.

Label values for models and tenants come from the catalog and the keys, never from what clients
send, so the configuration bounds the number of series. A request for an unknown model counts with
model "", one without a known key with tenant "".

llmstack_gateway_requests_total{model,tenant,status}
llmstack_gateway_errors_total{model,reason}           reason: the error's code, client_gone, …
llmstack_gateway_queue_wait_seconds{model}            histogram; requests that got slots
llmstack_gateway_first_byte_seconds{model}            histogram
llmstack_gateway_duration_seconds{model}              histogram
llmstack_gateway_tokens_total{model,tenant,kind}      kind: prompt, cached, completion
llmstack_gateway_prefix_hits_total{model}             responses that report cached tokens
llmstack_gateway_retries_total{model}                 further replicas that requests were sent to
llmstack_gateway_replica_deaths_total{model,tenant}   replicas that died under requests without a
                                                      first byte; tenant: who is blamed, "" if
                                                      several may be
and, read where they are known when the page is scraped (live_metrics.py):
llmstack_gateway_access_log_dropped_total             lines that could not be written
llmstack_gateway_slots{model,state}                   state: total, busy, draining, foreign,
                                                      overlap (taken beyond the total)
llmstack_gateway_replicas{model,state}
llmstack_gateway_waiting_requests{model}
llmstack_gateway_waiting_slots{model}
llmstack_gateway_lease_corrections_total{model,kind}  the ledger and /slots disagreed
llmstack_gateway_deferred_requests{model}             requests waiting inside llama-server
and, if keys are required:
llmstack_gateway_keys                                 valid keys
llmstack_gateway_key_lines_refused                    invalid lines; the log names them
llmstack_gateway_keys_missing                         1 if the Secret or file does not exist
and, if there are several gateways:
llmstack_gateway_peers{state}                         state: member (in this one's view, itself
                                                      included), missing (listed but not in it)
llmstack_gateway_peers_disagree                       1 while they disagree on their members: each
                                                      grants alone, as in a partition
llmstack_gateway_peer_views_total                     changes of the view
"""

from functools import cache

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from llmstack.engines.llamacpp.usage import Usage
from llmstack.gateway.counts import Counts, Distributions
from llmstack.gateway.outcome import Outcome

PREFIX = "llmstack_gateway"
_WAITS = (0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)


class Metrics:
    """The metrics of one process."""

    def __init__(self, *collectors: Collector) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        for collector in collectors:
            self._registry.register(collector)
        self._requests = self._counter(
            "requests", "Requests answered.", "model", "tenant", "status"
        )
        self._errors = self._counter("errors", "Requests not served.", "model", "reason")
        self._waits = self._histogram("queue_wait_seconds", "Wait for a slot.")
        self._first_bytes = self._histogram("first_byte_seconds", "Time to the first byte.")
        self._durations = self._histogram("duration_seconds", "Time to the last byte.")
        self._tokens = self._counter("tokens", "Tokens.", "model", "tenant", "kind")
        self._hits = self._counter("prefix_hits", "Requests with a cached prefix.", "model")
        self._retries = self._counter("retries", "Further replicas tried.", "model")
        self._deaths = self._counter("replica_deaths", "Replicas that died.", "model", "tenant")
        # Series are looked up once, because finding one by labels costs more than counting.
        self._of = cache(self._children)

    def record(self, outcome: Outcome, usage: Usage) -> None:
        """Counts a request that has ended."""
        count = self._of(outcome.model, outcome.tenant, outcome.status, outcome.code)
        count.requests.value += 1
        count.duration.observe(outcome.duration)
        if count.errors is not None:
            count.errors.value += 1
        if not outcome.tries:
            return
        count.wait.observe(outcome.queued)
        if outcome.first_byte:
            count.first_byte.observe(outcome.first_byte)
        if usage.cached:
            count.hits.value += 1
        if outcome.tries > 1:
            count.retries.value += outcome.tries - 1
        count.prompt.value += usage.prompt
        count.cached.value += usage.cached
        count.completion.value += usage.completion

    def death(self, model: str, tenant: str) -> None:
        """Counts a replica's death under requests. `tenant` is to blame, "" if unknown."""
        self._deaths.labels(model, tenant).value += 1

    def text(self) -> bytes:
        """Returns all metrics in Prometheus's text format."""
        return generate_latest(self._registry)

    def _children(self, model: str, tenant: str, status: int, code: str) -> "_Children":
        return _Children(self, model, tenant, status, code)

    def _counter(self, name: str, text: str, *labels: str) -> Counts:
        counts = Counts(f"{PREFIX}_{name}", text, labels)
        self._registry.register(counts)
        return counts

    def _histogram(self, name: str, text: str) -> Distributions:
        found = Distributions(f"{PREFIX}_{name}", text, _WAITS)
        self._registry.register(found)
        return found


class _Children:
    """The series that one kind of request counts in."""

    __slots__ = (
        "cached",
        "completion",
        "duration",
        "errors",
        "first_byte",
        "hits",
        "prompt",
        "requests",
        "retries",
        "wait",
    )

    def __init__(self, of: Metrics, model: str, tenant: str, status: int, code: str) -> None:
        self.requests = of._requests.labels(model, tenant, str(status))
        self.errors = of._errors.labels(model, code) if code else None
        self.duration = of._durations.labels(model)
        self.wait = of._waits.labels(model)
        self.first_byte = of._first_bytes.labels(model)
        self.hits = of._hits.labels(model)
        self.retries = of._retries.labels(model)
        self.prompt = of._tokens.labels(model, tenant, "prompt")
        self.cached = of._tokens.labels(model, tenant, "cached")
        self.completion = of._tokens.labels(model, tenant, "completion")
