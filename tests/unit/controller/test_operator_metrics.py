"""Which numbers does the operator give?"""

from __future__ import annotations

from llmstack.controller.operator_metrics import Metrics


def lines(metrics: Metrics) -> list[str]:
    return [line for line in metrics.text().decode().splitlines() if "llmstack" in line]


def test_passes_and_calls_are_counted_by_how_they_ended() -> None:
    metrics = Metrics()
    metrics.reconciled("ok", 0.2)
    metrics.reconciled("failed", 0.3)
    metrics.call("PATCH", "deployments", 409, 0.01)
    metrics.call("GET", "pods", 0, 20.0)

    found = lines(metrics)

    assert 'llmstack_operator_reconcile_seconds_count{result="ok"} 1.0' in found
    assert 'llmstack_operator_reconcile_seconds_count{result="failed"} 1.0' in found
    calls = "llmstack_operator_api_requests_total"
    assert f'{calls}{{method="PATCH",resource="deployments",status="409"}} 1.0' in found
    assert f'{calls}{{method="GET",resource="pods",status="0"}} 1.0' in found
    assert 'llmstack_operator_api_request_seconds_count{method="GET"} 1.0' in found


def test_what_changes_by_itself_is_asked_for_when_it_is_read() -> None:
    metrics, depth = Metrics(), [3.0]
    metrics.gauge("queue_depth", "Deployments that wait.", lambda: depth[0])
    metrics.watch_ages(lambda: {"pods": depth[0]})

    depth[0] = 4.0
    found = lines(metrics)

    assert "llmstack_operator_queue_depth 4.0" in found
    assert 'llmstack_operator_watch_age_seconds{resource="pods"} 4.0' in found


def test_no_series_tells_when_a_number_was_created() -> None:
    metrics = Metrics()
    metrics.reconciled("ok", 0.2)

    assert not [line for line in lines(metrics) if "_created" in line]
