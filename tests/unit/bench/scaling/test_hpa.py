"""Does the simulated HorizontalPodAutoscaler do what the Kubernetes documentation says?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.scaling.hpa import Behavior, Hpa, object_average, parse_behavior, pods_average

# The example of the documentation: at most 4 pods or 10% of them go within a minute.
DOWN_4_OR_10_PERCENT = {
    "scaleDown": {
        "stabilizationWindowSeconds": 0,
        "policies": [
            {"type": "Pods", "value": 4, "periodSeconds": 60},
            {"type": "Percent", "value": 10, "periodSeconds": 60},
        ],
    }
}


@pytest.mark.parametrize(
    ("value", "target", "replicas", "wanted", "why"),
    [
        (200, 100, 1, 2, "twice the target: twice the replicas"),
        (50, 100, 1, 1, "half of a replica's worth is one replica"),
        (100, 100, 2, 1, "half the target: half the replicas"),
        (750, 800, 1, 1, "750m/800m: within the tolerance"),
        (880, 800, 1, 1, "10% over the target is tolerated"),
        (890, 800, 1, 2, "more than 10% over is not"),
        (720, 800, 1, 1, "10% below the target is tolerated"),
        (4500, 800, 3, 6, "the replicas that there are do not matter"),
        (4500, 800, 1, 6, "… nor whether they are ready"),
        (0, 800, 5, 0, "nothing asks for anything"),
        (1000, 800, 1, 2, "one slot at 80%: always a spare one"),
    ],
)
def test_an_object_metric(value: int, target: int, replicas: int, wanted: int, why: str) -> None:
    assert object_average(value, target, replicas) == wanted, why


@pytest.mark.parametrize(
    ("values", "missing", "target", "replicas", "wanted", "why"),
    [
        ([4], 0, 2, 1, 2, "the mean is twice the target"),
        ([4, 4], 0, 2, 2, 4, "so it is with two"),
        ([2, 2.2], 0, 2, 2, 2, "within the tolerance"),
        ([1, 1, 1], 0, 2, 3, 2, "1.5 rounded up"),
        ([4, 4], 2, 2, 4, 4, "two load and count as 0: the mean is the target"),
        ([4, 4], 1, 2, 3, 4, "one loads: 8 ÷ 2"),
        ([4], 3, 2, 4, 4, "more than the target, but fewer wanted than there are: nothing changes"),
        ([1], 1, 2, 2, 2, "fewer wanted: the one that loads counts as the target, 1.5 rounded up"),
        ([0, 0, 0], 1, 2, 4, 1, "nothing runs: only the one that loads counts"),
        ([], 1, 2, 1, 1, "no pod has a value: an error, nothing changes"),
    ],
)
def test_a_pods_metric(
    values: list[float], missing: int, target: float, replicas: int, wanted: int, why: str
) -> None:
    assert pods_average(values, missing, target, replicas) == wanted, why


def syncs(hpa: Hpa, replicas: int, wanted: list[int]) -> list[int]:
    """What it asks for, every 15 s."""
    found = []
    for index, each in enumerate(wanted):
        replicas = hpa.sync(replicas, each, 15.0 * index)
        found.append(replicas)
    return found


def test_up_by_default_doubles_or_adds_four_every_15_seconds() -> None:
    assert syncs(Hpa(1, 100, Behavior()), 1, [100] * 5) == [5, 10, 20, 40, 80]


def test_never_above_the_most_nor_below_the_least() -> None:
    assert syncs(Hpa(1, 8, Behavior()), 1, [100, 100, 100]) == [5, 8, 8]
    assert syncs(Hpa(2, 8, Behavior()), 8, [0] * 22)[-1] == 2
    assert Hpa(2, 8, Behavior()).sync(1, 1, 0.0) == 2
    assert Hpa(2, 8, Behavior()).sync(9, 9, 0.0) == 8


def test_workload_at_zero_is_left_alone() -> None:
    assert Hpa(1, 8, Behavior()).sync(0, 5, 0.0) == 0


def test_down_only_after_five_minutes_that_all_wanted_fewer() -> None:
    found = syncs(Hpa(1, 8, Behavior()), 6, [6] + [2] * 20)
    assert found == [6] * 20 + [2]


def test_down_to_the_most_that_the_window_wanted() -> None:
    found = syncs(Hpa(1, 8, Behavior()), 6, [6, 2, 2, 4] + [2] * 20)
    assert found[19:21] == [6, 4]
    assert found[22:] == [4, 2]


def test_documented_example_of_two_policies_of_which_the_larger_change_holds() -> None:
    """80 replicas: 10% is 8, then 7.2; from 40 on it is four a minute."""
    hpa = Hpa(1, 100, parse_behavior(DOWN_4_OR_10_PERCENT))
    replicas, found = 80, []
    for minute in range(12):
        replicas = hpa.sync(replicas, 1, 60.0 * minute)
        found.append(replicas)
    assert found == [72, 64, 57, 51, 45, 40, 36, 32, 28, 24, 20, 16]


def test_policy_allows_no_more_within_its_period() -> None:
    assert syncs(Hpa(1, 100, parse_behavior(DOWN_4_OR_10_PERCENT)), 80, [10] * 5) == [
        72,
        72,
        72,
        72,
        64,
    ]


def test_smaller_change_holds_with_select_policy_min() -> None:
    body = {"scaleDown": {**DOWN_4_OR_10_PERCENT["scaleDown"], "selectPolicy": "Min"}}
    assert Hpa(1, 100, parse_behavior(body)).sync(80, 10, 0.0) == 76


def test_disabled_direction_never_changes() -> None:
    hpa = Hpa(1, 100, parse_behavior({"scaleDown": {"selectPolicy": "Disabled"}}))
    assert syncs(hpa, 8, [1] * 30) == [8] * 30


def test_window_up_waits_until_all_of_it_wanted_more() -> None:
    hpa = Hpa(1, 100, parse_behavior({"scaleUp": {"stabilizationWindowSeconds": 30}}))
    assert syncs(hpa, 1, [3, 1, 3, 2, 3]) == [1, 1, 1, 2, 2]


@given(
    wanted=st.lists(st.integers(0, 30), min_size=1, max_size=60),
    least=st.integers(1, 4),
    more=st.integers(0, 8),
)
def test_bounds_hold_whatever_is_wanted(wanted: list[int], least: int, more: int) -> None:
    found = syncs(Hpa(least, least + more, Behavior()), least, wanted)
    assert all(least <= each <= least + more for each in found)


@given(value=st.integers(0, 20_000), replicas=st.integers(1, 20))
def test_constant_load_is_answered_once(value: int, replicas: int) -> None:
    first = object_average(value, 800, replicas)
    assert first == 0 or object_average(value, 800, first) == first
