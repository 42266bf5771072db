"""Which replicas may get requests, as far as the cluster tells?"""

from __future__ import annotations

from typing import Any

import pytest

from llmstack.gateway.addresses import Address, Addresses, read_slice
from tests.unit.gateway.slices import READY, a_slice, endpoint

NOT_READY = {"ready": False, "serving": False, "terminating": False}
LEAVING = {"ready": False, "serving": True, "terminating": True}
SERVICE = ("team-a", "qwen-replicas")

CONDITIONS = [
    ("ready", READY, True, False),
    ("not ready", NOT_READY, False, False),
    ("terminating", LEAVING, False, True),
    ("terminating, yet published as ready", {"ready": True, "terminating": True}, False, True),
    ("nothing known", {}, True, False),
]


@pytest.mark.parametrize(
    ("sentence", "conditions", "ready", "leaving"), CONDITIONS, ids=[row[0] for row in CONDITIONS]
)
def test_what_the_cluster_says_of_a_replica(
    sentence: str, conditions: dict[str, bool], ready: bool, leaving: bool
) -> None:
    body = {**endpoint(), "conditions": conditions}
    assert read_slice(a_slice(body)) == [Address("qwen-0", "10.0.0.1", 8080, ready, leaving)]


NOTHING = [
    ("names in place of addresses", {"addressType": "FQDN"}),
    ("another port", {"ports": [{"name": "metrics", "port": 1}]}),
    ("no port", {"ports": None}),
    ("any port", {"ports": [{"name": "http"}]}),
    ("no endpoints", {"endpoints": None}),
]


@pytest.mark.parametrize(("sentence", "more"), NOTHING, ids=[row[0] for row in NOTHING])
def test_which_slices_name_no_replica(sentence: str, more: dict[str, Any]) -> None:
    assert read_slice({**a_slice(endpoint()), **more}) == []


def test_an_address_without_a_pod_is_named_after_itself() -> None:
    body = {"addresses": ["fd00::1"]}
    (found,) = read_slice(a_slice(body, addressType="IPv6"))
    assert found == Address("fd00::1:8080", "fd00::1", 8080, True)


LIVES = [
    ("one that loads may get requests as soon as it answers", [NOT_READY], [True]),
    ("and goes on when the kubelet finds it ready", [NOT_READY, READY], [True, True]),
    ("one that is ready no more gets none", [READY, NOT_READY], [True, False]),
    ("until it is ready again", [READY, NOT_READY, READY], [True, False, True]),
    ("however often it is told", [READY, NOT_READY, NOT_READY], [True, False, False]),
    ("one that ends gets none", [READY, LEAVING], [True, False]),
    ("nor one that ends while it loads", [NOT_READY, LEAVING], [True, False]),
]


@pytest.mark.parametrize(("sentence", "told", "accepting"), LIVES, ids=[row[0] for row in LIVES])
def test_a_replica_over_its_life(
    sentence: str, told: list[dict[str, bool]], accepting: list[bool]
) -> None:
    addresses = Addresses()
    seen = [addresses.read([a_slice(endpoint(**conditions))]) for conditions in told]
    assert [found[SERVICE]["qwen-0"].accepting for found in seen] == accepting


def test_a_pod_of_the_same_name_in_another_namespace_is_another_replica() -> None:
    addresses = Addresses()
    addresses.read([a_slice(endpoint())])
    elsewhere = a_slice(endpoint(**NOT_READY))
    elsewhere["metadata"]["namespace"] = "team-b"
    found = addresses.read([a_slice(endpoint(**NOT_READY)), elsewhere])
    assert not found[SERVICE]["qwen-0"].accepting
    assert found["team-b", "qwen-replicas"]["qwen-0"].accepting


def test_what_is_gone_is_forgotten() -> None:
    """A pod that comes under a name of before is a new one."""
    addresses = Addresses()
    for slices in ([a_slice(endpoint())], [a_slice()]):
        addresses.read(slices)
    assert addresses.read([a_slice(endpoint(**NOT_READY))])[SERVICE]["qwen-0"].accepting
