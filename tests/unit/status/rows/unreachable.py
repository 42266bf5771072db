"""What if the kubelet finds replicas ready and the gateway cannot reach them?"""

from tests.unit.status.rows.row import Row
from tests.unit.status.samples import loading, observed, serving, workload

REFUSED = "it accepts no connections"

ROWS: list[Row] = [
    (
        "the only replica cannot be reached: no request is answered",
        observed(serving("qwen-1"), unreachable={"qwen-1": REFUSED}),
        {},
        (
            "Ready",
            "False",
            "ReplicaUnreachable",
            "cannot connect to qwen-1, which the kubelet reports",
        ),
    ),
    (
        "of two none can",
        observed(
            serving("qwen-1"),
            serving("qwen-2"),
            unreachable={"qwen-1": REFUSED, "qwen-2": "/health does not answer"},
        ),
        {},
        (
            "Ready",
            "False",
            "ReplicaUnreachable",
            "/health does not answer; it accepts no connections",
        ),
    ),
    (
        "of two one can: Ready with a warning",
        observed(serving("qwen-1"), serving("qwen-2"), unreachable={"qwen-2": REFUSED}),
        {},
        ("Ready", "True", "ReplicaUnreachable", "2 of 2 replicas ready, with 8 slots; the gateway"),
    ),
    (
        "one is wedged and the other one cannot be reached",
        observed(
            serving("qwen-1"),
            serving("qwen-2"),
            wedged=frozenset({"qwen-1"}),
            unreachable={"qwen-2": REFUSED},
        ),
        {},
        ("Ready", "False", "ReplicaUnreachable", "qwen-2"),
    ),
    (
        "what the gateway says of a pod that is gone is old",
        observed(serving("qwen-2"), unreachable={"qwen-1": REFUSED}),
        {},
        ("Ready", "True", "Ready", "1 of 1"),
    ),
    (
        "nor does it matter of one that loads",
        observed(loading(), workload=workload(1, 0), unreachable={"qwen-1": REFUSED}),
        {},
        ("Ready", "False", "Loading", ""),
    ),
]
