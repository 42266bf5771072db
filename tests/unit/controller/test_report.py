"""How does an Event look, and how many may there be?"""

from llmstack.controller.report import Bucket, Subject, build_event
from llmstack.status import Event

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


def test_a_burst_passes_and_then_one_at_a_time() -> None:
    bucket = Bucket(burst=2, refill=30)
    assert [bucket.take(0), bucket.take(0), bucket.take(0)] == [True, True, False]
    assert [bucket.take(29), bucket.take(31), bucket.take(32)] == [False, True, False]
    assert [bucket.take(1000), bucket.take(1000), bucket.take(1000)] == [True, True, False]
