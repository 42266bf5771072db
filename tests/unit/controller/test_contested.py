"""How long is an object left alone that the cluster rewrites?"""

from __future__ import annotations

from typing import Any

import pytest

from llmstack.api.key import Key
from llmstack.controller.contested import AGAIN_SECONDS, Contested
from llmstack.desired.drift import with_applied_hash

KEY = Key("team", "qwen")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def service(port: int, name: str = "qwen") -> dict[str, Any]:
    metadata = {"name": name, "namespace": "team"}
    return with_applied_hash({"kind": "Service", "metadata": metadata, "spec": {"port": port}})


def rewritten(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "spec": {"port": 1}}


LATER = [
    ("a moment later", 1.0, service(80), KEY, True),
    ("after a while it is tried again", AGAIN_SECONDS, service(80), KEY, False),
    ("another form of it, which somebody asked for", 1.0, service(81), KEY, False),
    ("another object", 1.0, service(80, "other"), KEY, False),
    ("the object of another deployment", 1.0, service(80), Key("team", "other"), False),
]


@pytest.mark.parametrize(
    ("sentence", "seconds", "desired", "key", "left"), LATER, ids=[row[0] for row in LATER]
)
def test_what_the_cluster_rewrites_is_left_for_a_while(
    sentence: str, seconds: float, desired: dict[str, Any], key: Key, left: bool
) -> None:
    clock = Clock()
    contested = Contested(clock)
    contested.judge(KEY, service(80), rewritten(service(80)))
    clock.now += seconds
    assert contested.is_contested(key, desired) is left


def test_what_comes_back_as_it_was_applied_is_never_left() -> None:
    contested = Contested(Clock())
    contested.judge(KEY, service(80), {**service(80), "status": {}})
    assert not contested.is_contested(KEY, service(80))


def test_one_that_is_taken_again_is_contested_no_more() -> None:
    contested = Contested(Clock())
    contested.judge(KEY, service(80), rewritten(service(80)))
    contested.judge(KEY, service(80, "other"), rewritten(service(80, "other")))
    contested.judge(KEY, service(80), service(80))
    assert not contested.is_contested(KEY, service(80))
    assert contested.is_contested(KEY, service(80, "other"))


def test_a_deployment_that_is_gone_is_forgotten() -> None:
    contested = Contested(Clock())
    contested.judge(KEY, service(80), rewritten(service(80)))
    contested.forget(KEY)
    assert not contested.is_contested(KEY, service(80))
