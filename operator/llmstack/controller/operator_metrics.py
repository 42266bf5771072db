"""Which metrics does the operator have? All names are here.

llmstack_operator_reconcile_seconds{result}          histogram; result: ok, failed
llmstack_operator_queue_depth                        deployments that wait for a pass
llmstack_operator_retries                            passes that failed and are tried again
llmstack_operator_api_requests_total{method,resource,status}
llmstack_operator_api_request_seconds{method}        histogram
llmstack_operator_api_throttled_seconds              total time that calls waited for their turn
llmstack_operator_leader                             1 while this process may write
llmstack_operator_lease_seconds                      seconds for which it may still write
llmstack_operator_watch_age_seconds{resource}        since the watch was last started
llmstack_operator_load_age_seconds                   since the gateway's last line; +Inf before it
llmstack_operator_metrics_api_answers_total{status}  answers of custom.metrics.k8s.io
"""

from collections.abc import Callable, Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.process_collector import ProcessCollector

_PREFIX = "llmstack_operator"
_PASS_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_CALL_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 20)


class Metrics:
    """The metrics of one process. Gauges ask their source when they are read."""

    def __init__(self) -> None:
        # Otherwise half of all series would be creation times, which nobody needs.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._passes = self._histogram(
            "reconcile", "Duration of passes over one LLMDeployment.", "result", _PASS_BUCKETS
        )
        self._calls = self._counter(
            "api_requests",
            "Calls of the Kubernetes API; status 0 means no answer.",
            *("method", "resource", "status"),
        )
        self._call_seconds = self._histogram(
            "api_request", "Duration of calls of the Kubernetes API.", "method", _CALL_BUCKETS
        )
        self._watch_age = Gauge(
            f"{_PREFIX}_watch_age_seconds",
            "Seconds since the watch of a resource last started.",
            ["resource"],
            registry=self._registry,
        )
        self._watch_ages: Callable[[], Mapping[str, float]] = dict
        self._answers = self._counter(
            "metrics_api_answers", "Answers of custom.metrics.k8s.io.", "status"
        )

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"{_PREFIX}_{name}", text, labels, registry=self._registry)

    def _histogram(self, what: str, text: str, label: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(
            f"{_PREFIX}_{what}_seconds", text, [label], buckets=buckets, registry=self._registry
        )

    def call(self, method: str, resource: str, status: int, seconds: float) -> None:
        """Counts a call of the Kubernetes API that has ended."""
        self._calls.labels(method, resource, str(status)).inc()
        self._call_seconds.labels(method).observe(seconds)

    def reconciled(self, result: str, seconds: float) -> None:
        """Counts a pass that has ended."""
        self._passes.labels(result).observe(seconds)

    def answered(self, status: int) -> None:
        """Counts an answer to an autoscaler or the API server."""
        self._answers.labels(str(status)).inc()

    def gauge(self, name: str, text: str, source: Callable[[], float]) -> None:
        """Adds a gauge that asks its source when the metrics are read."""
        Gauge(f"{_PREFIX}_{name}", text, registry=self._registry).set_function(source)

    def watch_ages(self, source: Callable[[], Mapping[str, float]]) -> None:
        """Sets where to get the ages of the watches."""
        self._watch_ages = source

    def text(self) -> bytes:
        """Returns all metrics in Prometheus's text format."""
        for resource, age in self._watch_ages().items():
            self._watch_age.labels(resource).set(age)
        return generate_latest(self._registry)
