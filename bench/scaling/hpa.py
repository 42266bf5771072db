"""What does the HorizontalPodAutoscaler controller make of a metric?

    metric ─ replicas by formula ─> stabilised over its window ─> limited by policies ─> min, max

As the Kubernetes documentation describes it (Horizontal Pod Autoscaling: "Algorithm details",
"Configurable scaling behavior"). Pure but for what `Hpa` remembers: what it asked for, and did.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SYNC = 15.0
"""Seconds from one look at the metric to the next."""
TOLERANCE = 0.1
_SLACK = 1e-9


@dataclass(frozen=True)
class Policy:
    """At most `value` Pods, or Percent of the replicas, in `period` seconds."""

    type: str
    value: int
    period: float


@dataclass(frozen=True)
class Rules:
    """One direction: the window to look back on, and the policies of which `select` chooses."""

    window: float
    policies: tuple[Policy, ...]
    select: str = "Max"


@dataclass(frozen=True)
class Behavior:
    """Both directions; as Kubernetes has it where nothing is said."""

    up: Rules = Rules(0, (Policy("Percent", 100, 15), Policy("Pods", 4, 15)))
    down: Rules = Rules(300, (Policy("Percent", 100, 15),))


def parse_behavior(body: Mapping[str, Any]) -> Behavior:
    """`spec.behavior` of an autoscaling/v2 object, the defaults where it says nothing."""
    default = Behavior()
    return Behavior(
        _parse_rules(body.get("scaleUp", {}), default.up),
        _parse_rules(body.get("scaleDown", {}), default.down),
    )


def _parse_rules(body: Mapping[str, Any], default: Rules) -> Rules:
    policies = tuple(
        Policy(each["type"], each["value"], each["periodSeconds"])
        for each in body.get("policies", ())
    )
    return Rules(
        body.get("stabilizationWindowSeconds", default.window),
        policies or default.policies,
        body.get("selectPolicy", default.select),
    )


def object_average(value: float, target: float, replicas: int) -> int:
    """Replicas by an Object metric with a target AverageValue, whoever of them is ready."""
    if replicas and _tolerated(value / (target * replicas)):
        return replicas
    return _ceil(value / target)


def pods_average(values: Sequence[float], missing: int, target: float, replicas: int) -> int:
    """Replicas by a Pods metric with a target AverageValue.

    `missing` pods (they load) have no value: they count as 0 where more are wanted and as the
    target where fewer are. No value at all is an error: nothing changes.
    """
    if not values:
        return replicas
    ratio = sum(values) / len(values) / target
    if not missing:
        return replicas if _tolerated(ratio) else _ceil(ratio * len(values))
    assumed = missing * (target if ratio < 1 else 0)
    count = len(values) + missing
    whole = (sum(values) + assumed) / count / target
    if _tolerated(whole) or (ratio < 1 < whole) or (whole < 1 < ratio):
        return replicas
    wanted = _ceil(whole * count)
    contrary = wanted > replicas if whole < 1 else wanted < replicas
    return replicas if contrary else wanted


def _tolerated(ratio: float) -> bool:
    return abs(1 - ratio) <= TOLERANCE + _SLACK


def _ceil(value: float) -> int:
    return math.ceil(value - _SLACK)


class Hpa:
    """One HorizontalPodAutoscaler, from one sync to the next."""

    def __init__(self, least: int, most: int, behavior: Behavior) -> None:
        self._least = least
        self._most = most
        self._behavior = behavior
        self._wanted: list[tuple[float, int]] = []
        self._changes: list[tuple[float, int]] = []  # replicas added, removed if below zero

    def sync(self, replicas: int, wanted: int, now: float) -> int:
        """How many replicas from now on? A workload at 0 is left alone."""
        if replicas == 0 and self._least > 0:
            return 0
        if not self._least <= replicas <= self._most:
            result = min(self._most, max(self._least, replicas))
        else:
            if not self._wanted:
                self._wanted.append((now, replicas))
            result = self._limited(replicas, self._stabilised(replicas, wanted, now), now)
        if result != replicas:
            self._changes.append((now, result - replicas))
        return result

    def _stabilised(self, replicas: int, wanted: int, now: float) -> int:
        """Up no further than all of the window up wanted, down no further than any of that down."""
        up, down = self._behavior.up.window, self._behavior.down.window
        least = min([n for at, n in self._wanted if at > now - up] + [wanted])
        most = max([n for at, n in self._wanted if at > now - down] + [wanted])
        self._wanted = [(at, n) for at, n in self._wanted if at > now - max(up, down)]
        self._wanted.append((now, wanted))
        return min(max(replicas, least), most)

    def _limited(self, replicas: int, wanted: int, now: float) -> int:
        if wanted > replicas:
            return min(wanted, self._most, max(replicas, self._ceiling(replicas, now)))
        if wanted < replicas:
            return max(wanted, self._least, min(replicas, self._floor(replicas, now)))
        return replicas

    def _ceiling(self, replicas: int, now: float) -> int:
        rules = self._behavior.up
        limits = []
        for policy in rules.policies:
            began = replicas - self._changed(policy.period, now)
            if policy.type == "Pods":
                limits.append(began + policy.value)
            else:
                limits.append(_ceil(began * (1 + policy.value / 100)))
        return _selected(rules.select, limits, replicas, max)

    def _floor(self, replicas: int, now: float) -> int:
        rules = self._behavior.down
        limits = []
        for policy in rules.policies:
            began = replicas - self._changed(policy.period, now)
            if policy.type == "Pods":
                limits.append(began - policy.value)
            else:
                limits.append(int(began * (1 - policy.value / 100) + _SLACK))
        return _selected(rules.select, limits, replicas, min)

    def _changed(self, period: float, now: float) -> int:
        return sum(change for at, change in self._changes if at > now - period)


def _selected(select: str, limits: list[int], replicas: int, widest: Any) -> int:
    """Max is the policy that allows the largest change, Min the smallest, Disabled none."""
    if select == "Disabled":
        return replicas
    narrowest = min if widest is max else max
    return int(widest(limits) if select == "Max" else narrowest(limits))
