"""Which metrics are read from their source when /metrics is scraped? For names see metrics.py."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from llmstack.gateway.keys import Keys
from llmstack.gateway.request_metrics import PREFIX
from llmstack.routing.load import Load, ReplicaState

Loads = Mapping[str, Load]


@dataclass(frozen=True)
class Standing:
    """A gateway's place among the others. `alone` is True while they disagree on the members."""

    members: int
    missing: int
    alone: bool
    changes: int


@dataclass(frozen=True)
class LiveMetrics(Collector):
    """Reads the owner of the queues, the watched replicas and the log."""

    loads: Callable[[], Loads]
    deferred: Callable[[], Mapping[str, int]]
    dropped: Callable[[], int]
    keys: Callable[[], Keys | None] = lambda: None
    peers: Callable[[], Standing | None] = lambda: None

    def collect(self) -> Iterable[Metric]:
        """Yields all metrics with their current values."""
        loads = self.loads()
        yield _slots(loads)
        yield _replicas(loads)
        yield _gauge(
            "waiting_requests", "Requests in the queue.", {m: v.waiting for m, v in loads.items()}
        )
        yield _gauge(
            "waiting_slots",
            "Slots that the requests in the queue would take.",
            {m: v.waiting_slots for m, v in loads.items()},
        )
        yield _gauge("deferred_requests", "Requests waiting inside llama-server.", self.deferred())
        yield _corrections(loads)
        lost = CounterMetricFamily(f"{PREFIX}_access_log_dropped", "Lines not written.")
        lost.add_metric([], self.dropped())
        yield lost
        if (keys := self.keys()) is not None:
            yield from _keys(keys)
        if (standing := self.peers()) is not None:
            yield from _peers(standing)


def _peers(standing: Standing) -> Iterable[Metric]:
    family = GaugeMetricFamily(
        f"{PREFIX}_peers",
        "Gateways in this one's view, itself included, and listed ones outside of it.",
        labels=["state"],
    )
    family.add_metric(["member"], standing.members)
    family.add_metric(["missing"], standing.missing)
    yield family
    yield GaugeMetricFamily(
        f"{PREFIX}_peers_disagree",
        "1 while the gateways do not agree on who they are: each grants alone, as in a partition.",
        value=standing.alone,
    )
    yield CounterMetricFamily(
        f"{PREFIX}_peer_views", "Changes of the view.", value=standing.changes
    )


def _keys(keys: Keys) -> Iterable[Metric]:
    told = {
        "keys": ("Keys that let somebody in.", keys.count),
        "key_lines_refused": ("Lines of keys that let nobody in.", len(keys.faults)),
        "keys_missing": ("1 if the Secret or file of the keys is not there.", keys.missing),
    }
    for name, (text, value) in told.items():
        yield GaugeMetricFamily(f"{PREFIX}_{name}", text, value=value)


def _gauge(name: str, text: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"{PREFIX}_{name}", text, labels=["model"])
    for model, value in values.items():
        family.add_metric([model], value)
    return family


def _slots(loads: Loads) -> Metric:
    family = GaugeMetricFamily(f"{PREFIX}_slots", "Slots by use.", labels=["model", "state"])
    for model, load in loads.items():
        uses = {
            "total": load.total,
            "busy": load.busy,
            "draining": load.draining,
            "foreign": load.foreign,
            "overlap": load.overlap,
        }
        for state, value in uses.items():
            family.add_metric([model, state], value)
    return family


def _replicas(loads: Loads) -> Metric:
    family = GaugeMetricFamily(f"{PREFIX}_replicas", "Replicas.", labels=["model", "state"])
    for model, load in loads.items():
        for state in ReplicaState:
            count = sum(replica.state is state for replica in load.replicas)
            family.add_metric([model, state.value], count)
    return family


def _corrections(loads: Loads) -> Metric:
    family = CounterMetricFamily(
        f"{PREFIX}_lease_corrections",
        "Times that the ledger and /slots disagreed.",
        labels=["model", "kind"],
    )
    for model, load in loads.items():
        for kind, value in load.corrections.items():
            family.add_metric([model, str(kind)], value)
    return family
