"""Which Events are told?"""

from hypothesis import given

from llmstack.api.conditions import LLMDeploymentStatus
from llmstack.observed import Observed
from llmstack.status import Event, compute, events
from tests.unit.desired.samples import deployment
from tests.unit.status.rows.row import PROGRESS
from tests.unit.status.samples import (
    NOW,
    after,
    crashed,
    failed_fetch,
    fetching,
    loading,
    observed,
    serving,
)
from tests.unit.status.test_compute import PASSES, run

STORY = [
    ("nothing exists: no event", Observed(), []),
    ("the download begins", observed(fetching()), ["Normal Downloading"]),
    ("it gets on: no event for a message", observed(fetching(PROGRESS)), []),
    ("it loads", observed(loading()), ["Normal Downloaded", "Normal Loading"]),
    ("it crashes, told once", observed(loading(crashed("x"))), ["Warning ServerCrashing"]),
    ("it crashes again: no event", observed(loading(crashed("y"))), []),
    ("it answers", observed(serving()), ["Normal Ready"]),
    ("nothing changes: no event", observed(serving()), []),
    (
        "an update fails",
        observed(serving("old", template_hash="old"), failed_fetch("CacheFull", "no room")),
        ["Warning CacheFull"],
    ),
]


def test_a_story() -> None:
    last = LLMDeploymentStatus()
    for sentence, snapshot, told in STORY:
        status = compute(after(deployment(), last), snapshot, NOW)
        found = [f"{event.type} {event.reason}" for event in events(last, status)]
        assert found == told, sentence
        last = status


def test_the_event_has_the_conditions_words() -> None:
    status = compute(deployment(), observed(failed_fetch("NotGGUF", "it is HTML")), NOW)
    assert events(LLMDeploymentStatus(), status) == (Event("Warning", "NotGGUF", "it is HTML"),)


def test_a_warning_that_leaves_ready_true_is_a_warning() -> None:
    unused = observed(serving(accelerator_unused="no usable GPU found"))
    status = compute(deployment(accelerator={"vendor": "nvidia"}), unused, NOW)
    told = {event.reason: event.type for event in events(LLMDeploymentStatus(), status)}
    assert told["AcceleratorUnused"] == "Warning"


@given(PASSES)
def test_an_event_is_a_reason_that_was_not_there_before(passes: list[object]) -> None:
    last = LLMDeploymentStatus()
    for status in run(passes):  # type: ignore[arg-type]
        told = [event.reason for event in events(last, status)]
        assert len(told) == len(set(told))
        assert set(told).isdisjoint(item.reason for item in last.conditions)
        assert events(status, status) == ()
        last = status
