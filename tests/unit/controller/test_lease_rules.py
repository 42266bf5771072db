"""When may a Lease be taken?"""

from typing import Any

import pytest

from llmstack.controller import lease_rules as rules


def record(holder: str = "other", duration: int | None = 15, version: str = "1") -> dict[str, Any]:
    spec = {"holderIdentity": holder, "leaseDurationSeconds": duration, "leaseTransitions": 3}
    return {"metadata": {"name": "l", "resourceVersion": version}, "spec": spec}


TABLE = [
    ("released: at once", record(holder=""), 0, True),
    ("mine, an answer got lost: at once", record(holder="me"), 0, True),
    ("held and just seen: no", record(), 0, False),
    ("held and unchanged for almost its duration: no", record(), 14.9, False),
    ("held and unchanged for its duration: yes", record(), 15, True),
    ("its holder promised longer than I would: wait as long", record(duration=60), 15, False),
    ("its holder promised less than I would: wait my time", record(duration=1), 14, False),
    ("it promises nothing: my time counts", record(duration=None), 14, False),
]


@pytest.mark.parametrize(("sentence", "live", "age", "free"), TABLE, ids=[row[0] for row in TABLE])
def test_free(sentence: str, live: dict[str, Any], age: float, free: bool) -> None:
    seen = rules.sight(live, None, now=100)
    assert rules.free(seen, "me", 15, now=100 + age) is free


def test_its_time_runs_on_while_nobody_writes_and_begins_anew_when_somebody_did() -> None:
    first = rules.sight(record(version="1"), None, now=100)
    assert rules.sight(record(version="1"), first, now=110).since == 100
    assert rules.sight(record(version="2"), first, now=110).since == 110


def test_the_holders_clock_plays_no_part() -> None:
    live = record()
    live["spec"]["renewTime"] = "1999-01-01T00:00:00.000000Z"
    assert not rules.free(rules.sight(live, None, now=100), "me", 15, now=101)


def test_taking_counts_a_transition_and_keeps_the_version_that_was_read() -> None:
    mine = rules.taken(record(version="7"), "me", 20, wall=0)
    assert mine["metadata"]["resourceVersion"] == "7"
    assert mine["spec"] == {
        "holderIdentity": "me",
        "leaseDurationSeconds": 20,
        "acquireTime": "1970-01-01T00:00:00.000000Z",
        "renewTime": "1970-01-01T00:00:00.000000Z",
        "leaseTransitions": 4,
    }


def test_renewing_changes_the_time_alone() -> None:
    before = record()
    after = rules.renewed(before, wall=1)
    assert after["spec"] == {**before["spec"], "renewTime": "1970-01-01T00:00:01.000000Z"}


def test_a_released_lease_is_free() -> None:
    left = rules.released(record(holder="me"), wall=0)
    assert rules.free(rules.sight(left, None, 0), "other", 15, now=0)
