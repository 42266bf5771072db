"""How is a fault told? One row of a table: what was asked for, and what the user then reads."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.e2e.stack.follow import Condition
from tests.e2e.stack.stack import Stack


@dataclass(frozen=True)
class Sentence:
    """`spec` replaces fields of the sample's spec; `words` are parts of the message."""

    fault: str
    spec: dict[str, Any]
    condition: str
    reason: str
    words: tuple[str, ...]
    status: str = "False"
    ready: str = "False"
    objects: tuple[dict[str, Any], ...] = field(default=())

    def __str__(self) -> str:
        return self.fault.replace(" ", "-")


def check(stack: Stack, sentence: Sentence, seconds: float = 120.0) -> Condition:
    """Applies it and waits for the condition; its message, Ready and the Event must agree."""
    for item in sentence.objects:
        stack.apply(item)
    stack.apply(stack.sample("faulty", **sentence.spec))
    found = stack.wait(
        "faulty", sentence.condition, sentence.status, sentence.reason, seconds=seconds
    )
    for word in sentence.words:
        assert word in found["message"], found["message"]
    ready = stack.wait_for(
        "faulty",
        lambda now: now.get("Ready", {}).get("reason") == sentence.reason,
        f"Ready with reason {sentence.reason}",
        seconds=30,
    )["Ready"]
    assert ready["status"] == sentence.ready, ready
    assert_event(stack, sentence.reason)
    return found


def assert_event(stack: Stack, reason: str, name: str = "faulty") -> None:
    """The same reason is an Event on the LLMDeployment."""
    seen = [(event["type"], event["reason"]) for event in stack.events(name)]
    assert ("Warning", reason) in seen, seen
