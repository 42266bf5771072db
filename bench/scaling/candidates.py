"""What is tried of everyone? Each rival's settings, and the same freedom for ours."""

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench.scaling.ours import Slots
from bench.scaling.scalers import ActiveRequests, GpuPercentage, RequestsProcessing
from bench.scaling.view import Scaler

SWEPT = "slots (swept)"
"""Ours, tuned for the trace as the rivals are."""

Make = Callable[[bool], Scaler]
"""A fresh one; may it go to 0?"""


@dataclass(frozen=True)
class Candidate:
    """One contender with one choice of parameters."""

    contender: str
    parameters: str
    make: Make
    shipped: bool = False


def candidates() -> Iterator[Candidate]:
    """All that is tried, the defaults of each among them."""
    for target in (0.5, 1, 1.5, 2, 2.5, 3, 3.5):
        name = f"target {target:g}"
        yield Candidate("LLMKube", name, _processing(target), shipped=target == 2)
    yield _kubeai(100, 600, 30)
    for target, window, delay in itertools.product(
        (1, 1.5, 2, 2.5, 3, 4), (600, 120, 30), (30, 300)
    ):
        yield _kubeai(target, window, delay)
    for target, down in itertools.product((20, 50, 80, 95), (300, 60)):
        name = f"{target}%, down after {down} s"
        yield Candidate(
            "GPU percentage", name, _gpu(target, down), shipped=(target, down) == (80, 300)
        )


def _processing(target: float) -> Make:
    return lambda _sleeps: RequestsProcessing(target)


def _gpu(target: float, down: float) -> Make:
    return lambda _sleeps: GpuPercentage(target, down)


def _kubeai(target: float, window: float, delay: float) -> Candidate:
    return Candidate(
        "KubeAI",
        f"{target:g} requests, {window:g} s, delay {delay:g} s",
        lambda sleeps: ActiveRequests(target, window, delay, sleeps),
        shipped=(target, window, delay) == (100, 600, 30),
    )


def swept(sleeps: bool) -> Iterator[Candidate]:
    """Ours with other targets and other ways down; how soon it sleeps, where it may."""
    asleep = (900, 60) if sleeps else (900,)
    for target, (way, down), after in itertools.product((50, 65, 80, 95), WAYS_DOWN, asleep):
        tuned = {"targetSlotUtilization": target, "scaleToZeroAfterSeconds": after, **down}
        name = f"{target}%, {way}" + (f", asleep after {after} s" if sleeps else "")
        yield Candidate(SWEPT, name, slots(tuned))


def slots(tuned: Mapping[str, Any]) -> Make:
    """Ours with these fields of spec.autoscaling."""
    return lambda sleeps: Slots(sleeps, tuned)


def _all_at_once(window: int) -> Mapping[str, Any]:
    policy = {"type": "Percent", "value": 100, "periodSeconds": 15}
    rules = {"stabilizationWindowSeconds": window, "policies": [policy]}
    return {"behavior": {"scaleDown": rules}}


WAYS_DOWN: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("one a minute", {}),
    ("all after 300 s", _all_at_once(300)),  # Kubernetes' default
    ("all after 60 s", _all_at_once(60)),
)
"""How replicas go: by the project's default, and otherwise."""
