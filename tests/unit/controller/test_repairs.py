"""How often is an object written that the cluster changes back?"""

from __future__ import annotations

from typing import Any

import pytest

from llmstack.controller.repairs import AGAIN_SECONDS, BURST, CALM_SECONDS, RepairLimit
from llmstack.controller.schedule import Key
from llmstack.desired.drift import with_applied_hash

KEY = Key("team", "qwen")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def service(port: int) -> dict[str, Any]:
    metadata = {"name": "qwen", "namespace": "team"}
    return with_applied_hash({"kind": "Service", "metadata": metadata, "spec": {"port": port}})


def contested(clock: Clock) -> RepairLimit:
    """The limit of a Service that was written as often as it may be at once."""
    limit = RepairLimit(clock)
    for _ in range(BURST):
        assert limit.allows(KEY, service(80))
        limit.written(KEY, service(80))
    return limit


LATER = [
    ("at once", 0.0, service(80), KEY, False),
    ("just too early", AGAIN_SECONDS - 1, service(80), KEY, False),
    ("after a while", AGAIN_SECONDS, service(80), KEY, True),
    ("another form of it, which somebody asked for", 0.0, service(81), KEY, True),
    ("the one of another deployment", 0.0, service(80), Key("team", "other"), True),
]


@pytest.mark.parametrize(
    ("sentence", "seconds", "desired", "key", "allowed"), LATER, ids=[row[0] for row in LATER]
)
def test_a_contested_object_waits(
    sentence: str, seconds: float, desired: dict[str, Any], key: Key, allowed: bool
) -> None:
    clock = Clock()
    limit = contested(clock)
    clock.now += seconds
    assert limit.allows(key, desired) is allowed


def test_it_is_written_once_in_a_while_until_it_has_been_calm() -> None:
    clock = Clock()
    limit = contested(clock)
    for _ in range(3):
        clock.now += AGAIN_SECONDS
        limit.written(KEY, service(80))
        assert not limit.allows(KEY, service(80))
    clock.now += CALM_SECONDS
    limit.written(KEY, service(80))
    assert limit.allows(KEY, service(80))


def test_a_deployment_that_is_gone_is_forgotten() -> None:
    limit = contested(Clock())
    limit.forget(KEY)
    assert limit.allows(KEY, service(80))
