"""What does the gateway say about itself, in numbers?"""

from prometheus_client.parser import text_string_to_metric_families

from llmstack.engines.llamacpp.usage import Usage
from llmstack.gateway import request_metrics as metrics
from llmstack.gateway.outcome import Outcome
from llmstack.gateway.request_metrics import Metrics

SERVED = Outcome(
    b"r1",
    "POST",
    "/v1/chat/completions",
    200,
    tenant="web",
    model="team-a/qwen",
    replica="qwen-0",
    queued=0.02,
    first_byte=0.3,
    duration=2.0,
    tries=1,
    hit=0.5,
)
FULL = Outcome(
    b"r2", "POST", "/v1/completions", 429, "queue_full", tenant="web", model="team-a/qwen"
)


def value(text: bytes, name: str, **labels: str) -> float | None:
    """The number of one series; None if it is not there."""
    samples = (
        sample
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    )
    return next(
        (found.value for found in samples if (found.name, found.labels) == (name, labels)), None
    )


def test_a_served_request_is_counted_with_its_tokens():
    numbers = Metrics()
    numbers.record(SERVED, Usage(prompt=15, cached=10, completion=7))
    numbers.record(SERVED, Usage(prompt=5))
    text, of = numbers.text(), {"model": "team-a/qwen", "tenant": "web"}
    assert value(text, "llmstack_gateway_requests_total", **of, status="200") == 2
    for kind, tokens in {"prompt": 20, "cached": 10, "completion": 7}.items():
        assert value(text, "llmstack_gateway_tokens_total", **of, kind=kind) == tokens
    assert value(text, "llmstack_gateway_prefix_hits_total", model="team-a/qwen") == 1
    waits = "llmstack_gateway_queue_wait_seconds_bucket"
    assert value(text, waits, model="team-a/qwen", le="0.01") == 0
    assert value(text, waits, model="team-a/qwen", le="0.05") == 2
    assert b"errors_total{" not in text


def test_a_refusal_is_an_error_with_its_reason_and_had_no_wait_for_slots():
    numbers = Metrics()
    numbers.record(FULL, Usage())
    text, of = numbers.text(), {"model": "team-a/qwen"}
    assert value(text, "llmstack_gateway_errors_total", **of, reason="queue_full") == 1
    assert value(text, "llmstack_gateway_queue_wait_seconds_count", **of) == 0


def test_the_page_names_every_series_of_its_docstring():
    numbers = Metrics()
    numbers.record(SERVED, Usage(1, 1, 1))
    text = numbers.text().decode()
    own, _, _ = metrics.__doc__.partition("and, read where")
    names = [line.partition("{")[0] for line in own.splitlines() if line.startswith(metrics.PREFIX)]
    assert len(names) >= 8
    for name in names:
        assert f"# TYPE {name} " in text or f"# TYPE {name.removesuffix('_total')} " in text
