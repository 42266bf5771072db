"""Do cheap counters show what prometheus_client's own would?"""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import generate_latest

from llmstack.gateway.counts import Counts, Distributions

BOUNDS = (0.001, 0.25, 1, 10)


def shown(collector) -> list[str]:
    """The samples of its page; a moment of creation is none."""
    registry = CollectorRegistry()
    registry.register(collector)
    lines = generate_latest(registry).decode().splitlines()
    return [line for line in lines if "_created" not in line]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from([0, *BOUNDS, 0.1, 11, 1e9]))))
def test_distributions_show_what_histograms_do(observed):
    ours = Distributions("waits", "Waits.", BOUNDS)
    theirs = Histogram("waits", "Waits.", ["model"], buckets=BOUNDS, registry=None)
    for model, value in observed:
        ours.labels(model).observe(value)
        theirs.labels(model).observe(value)
    assert shown(ours) == shown(theirs)


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 3))))
def test_counts_show_what_counters_do(counted):
    ours = Counts("tokens", "Tokens.", ["model"])
    theirs = Counter("tokens", "Tokens.", ["model"], registry=None)
    for model, value in counted:
        ours.labels(model).value += value
        theirs.labels(model).inc(value)
    assert shown(ours) == shown(theirs)
