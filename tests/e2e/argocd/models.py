"""The models that are in Git. Each is small, so that all run side by side."""

from __future__ import annotations

from typing import Any

from tests.e2e.scaling.models import CACHE, QUICK, small
from tests.e2e.stack.stack import Object, Stack

STEADY, SLEEPER, BUSY, SPARE = "steady", "sleeper", "busy", "spare"
_SLOW = {"requests": {"cpu": "100m"}, "limits": {"cpu": "250m"}}
_LIGHT = {"requests": {"cpu": "100m"}}


def steady(stack: Stack, **spec: Any) -> Object:
    """One replica."""
    fields = {"slots": 1, "contextLength": 512, "cache": CACHE, "engine": small(_LIGHT)}
    return stack.sample(STEADY, **{**fields, **spec})


def sleeper(stack: Stack) -> Object:
    """None or one, and asleep after ten seconds."""
    scaling = {"minReplicas": 0, "maxReplicas": 1, "scaleToZeroAfterSeconds": 10}
    return named(steady(stack, autoscaling=scaling), SLEEPER)


def busy(stack: Stack) -> Object:
    """One or two, each so slow that a stream lasts; two streams ask for the second."""
    scaling = {"minReplicas": 1, "maxReplicas": 2, "behavior": QUICK}
    engine = small(_SLOW)
    return named(steady(stack, autoscaling=scaling, engine=engine), BUSY)


def named(model: Object, name: str) -> Object:
    """The same by another name."""
    return {**model, "metadata": {"name": name}}
