"""What if a replica answers the gateway before the kubelet finds it ready?"""

from tests.unit.status.rows.row import Row
from tests.unit.status.samples import (
    crashed,
    fetching,
    loading,
    observed,
    pod,
    serving,
    workload,
)

FIRST = frozenset({"qwen-1"})

ROWS: list[Row] = [
    (
        "the only replica answers: requests are served",
        observed(loading(), workload=workload(1, 0), answering=FIRST),
        {},
        ("Ready", "True", "Ready", "1 of 1 replica ready, with 4 slots"),
    ),
    (
        "and it loads no more",
        observed(loading(), workload=workload(1, 0), answering=FIRST),
        {},
        ("Progressing", "True", "RollingOut", "0 available"),
    ),
    (
        "also where the kubelet has yet to see that the init container has ended",
        observed(fetching(), workload=workload(1, 0), answering=FIRST),
        {},
        ("Ready", "True", "Ready", "1 of 1 replica ready, with 4 slots"),
    ),
    (
        "so it has the model",
        observed(fetching(), workload=workload(1, 0), answering=FIRST),
        {},
        ("ModelReady", "True", "Downloaded", "the model is in the cache"),
    ),
    (
        "and downloads nothing any more",
        observed(fetching(), workload=workload(1, 0), answering=FIRST),
        {},
        ("Progressing", "True", "RollingOut", "0 available"),
    ),
    (
        "of a server that has ended the kubelet knows more",
        observed(loading(crashed()), workload=workload(1, 0), answering=FIRST),
        {},
        ("Ready", "False", "ServerCrashing", ""),
    ),
    (
        "a second one answers: both count",
        observed(
            serving("qwen-0"), loading(), workload=workload(2, 1), answering=FIRST | {"qwen-0"}
        ),
        {},
        ("Ready", "True", "Ready", "2 of 2 replicas ready, with 8 slots"),
    ),
    (
        "what the Deployment counts already is not counted twice",
        observed(loading(), workload=workload(1, 1), answering=FIRST),
        {},
        ("Ready", "True", "Ready", "1 of 1 replica ready"),
    ),
    (
        "what the gateway says of a pod that is gone is old",
        observed(loading(name="qwen-2"), workload=workload(1, 0), answering=FIRST),
        {},
        ("Ready", "False", "Loading", ""),
    ),
    (
        "one that is told to end answers nobody new",
        observed(pod(terminating=True), workload=workload(1, 0), answering=FIRST),
        {},
        ("Ready", "False", "RollingOut", ""),
    ),
]
