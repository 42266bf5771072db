"""How far are replicas that come up?"""

from llmstack.observed import Container, Observed
from tests.unit.desired.samples import built
from tests.unit.status.rows.row import PROGRESS, Row
from tests.unit.status.samples import R, W, fetching, loading, observed, serving, workload

WITH_OLDER_SPEC = {("Deployment", "qwen"): built("Deployment")}

ROWS: list[Row] = [
    (
        "a replica downloads",
        observed(fetching(PROGRESS)),
        {},
        ("Progressing", "True", "Downloading", "1 replica downloading the model"),
    ),
    (
        "a replica waits for its image",
        observed(loading(Container("llama-server", W, reason="PodInitializing"))),
        {},
        ("Progressing", "True", "Loading", "may be pulling its image"),
    ),
    (
        "a replica loads",
        observed(loading()),
        {},
        ("Progressing", "True", "Loading", "1 replica loading the model"),
    ),
    (
        "a replica has loaded, and does not answer: that is not loading",
        observed(loading(Container("llama-server", R, started=True))),
        {},
        ("Progressing", "True", "RollingOut", "1 of 1 replica up to date, 0 available"),
    ),
    (
        "pods are not made yet",
        observed(workload=workload(2, updated=0, replicas=0)),
        {},
        ("Progressing", "True", "RollingOut", "0 of 2 replicas up to date, 0 available"),
    ),
    (
        "the Deployment has not seen its newest spec",
        observed(serving(), workload=workload(1, 1, observed_generation=1)),
        {},
        ("Progressing", "True", "RollingOut", ""),
    ),
    (
        "the cluster was read before the newest spec was applied",
        observed(serving(), children=WITH_OLDER_SPEC),
        {"slots": 8},
        ("Progressing", "True", "RollingOut", "the newest spec is being applied"),
    ),
    (
        "the spec asks for more replicas than the Deployment does as yet",
        observed(serving()),
        {"replicas": 3},
        ("Progressing", "True", "RollingOut", "the newest spec is being applied"),
    ),
    (
        "replicas are stopping",
        Observed(workload=workload(0, replicas=2)),
        {"replicas": 0},
        ("Progressing", "True", "RollingOut", ""),
    ),
    (
        "all is done",
        observed(serving()),
        {},
        ("Progressing", "True", "Available", "all of 1 replica up to date"),
    ),
    (
        "stopped",
        Observed(workload=workload(0)),
        {"replicas": 0},
        ("Progressing", "True", "Stopped", ""),
    ),
    (
        "asleep",
        Observed(workload=workload(0)),
        {"autoscaling": {"minReplicas": 0, "maxReplicas": 2}},
        ("Progressing", "True", "ScaledToZero", ""),
    ),
]
