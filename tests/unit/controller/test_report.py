"""How does an Event look, and how many may there be?"""

import time
from typing import Any, cast

from llmstack.controller.report import Bucket, Reporter, Subject, build_event
from llmstack.kube.client import KubeClient
from llmstack.kube.errors import ApiError
from llmstack.routing.deaths import Death
from llmstack.status import Event, death_event

SUBJECT = Subject("team", "qwen", "u")


def test_an_event_names_its_subject_so_that_describe_finds_it() -> None:
    event = build_event(SUBJECT, Event("Warning", "CacheFull", "m" * 2000), "op_1", 10**18)
    assert event["involvedObject"] == {
        "apiVersion": "llmstack.dev/v1alpha1",
        "kind": "LLMDeployment",
        "name": "qwen",
        "namespace": "team",
        "uid": "u",
    }
    assert event["metadata"] == {"name": "qwen.de0b6b3a7640000", "namespace": "team"}
    assert event["lastTimestamp"] == "2001-09-09T01:46:40Z"
    assert len(event["message"]) == 1024


def test_a_death_is_told_by_a_name_that_another_operator_would_choose_too() -> None:
    death = Death("e1-7", "qwen-0", 5.0, 1, "team-b", "req-1")
    event = build_event(SUBJECT, death_event(death), "op_1", 10**18)
    assert event["metadata"] == {"name": "qwen.e1-7", "namespace": "team"}
    assert (event["type"], event["reason"]) == ("Warning", "ServerKilledByRequest")
    assert "qwen-0 exited while processing request req-1 of tenant team-b" in event["message"]


def test_a_death_that_nobody_is_blamed_for_says_how_many_may_be() -> None:
    message = death_event(Death("e1-7", "qwen-0", 5.0, 3)).message
    assert "processing 3 requests" in message
    assert "it is not known" in message
    assert "tenant" not in message


class Cluster:
    """Creates what has no such name yet."""

    def __init__(self) -> None:
        self.events: dict[str, dict[str, Any]] = {}

    async def create(self, body: dict[str, Any]) -> None:
        name = body["metadata"]["name"]
        if name in self.events:
            raise ApiError(409, "AlreadyExists", "it is there")
        self.events[name] = body


def reporter(cluster: Cluster) -> Reporter:
    return Reporter(cast(KubeClient, cluster), "op", time.monotonic)


async def test_each_death_is_told_once_also_by_the_operator_that_follows() -> None:
    cluster, now = Cluster(), time.time()
    one, two = (Death(f"e1-{n}", "qwen-0", now, 1, "t", "r") for n in (1, 2))
    first = reporter(cluster)
    await first.report_deaths(SUBJECT, [one])
    await first.report_deaths(SUBJECT, [one, two])
    await reporter(cluster).report_deaths(SUBJECT, [one, two])
    assert sorted(cluster.events) == ["qwen.e1-1", "qwen.e1-2"]


async def test_an_old_death_is_told_no_more() -> None:
    cluster = Cluster()
    await reporter(cluster).report_deaths(SUBJECT, [Death("e1-1", "q", time.time() - 3600, 1)])
    assert not cluster.events


def test_a_burst_passes_and_then_one_at_a_time() -> None:
    bucket = Bucket(burst=2, refill=30)
    assert [bucket.take(0), bucket.take(0), bucket.take(0)] == [True, True, False]
    assert [bucket.take(29), bucket.take(31), bucket.take(32)] == [False, True, False]
    assert [bucket.take(1000), bucket.take(1000), bucket.take(1000)] == [True, True, False]
