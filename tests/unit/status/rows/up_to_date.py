"""Does every replica run the newest spec?"""

from llmstack.observed import ApplyFailure, Held, Observed
from tests.unit.status.rows.row import Row
from tests.unit.status.samples import failed_fetch, loading, observed, serving, workload

SLEEPS = {"autoscaling": {"minReplicas": 0, "maxReplicas": 2}}

ROWS: list[Row] = [
    ("nothing exists yet", Observed(), {}, ("UpToDate", "Unknown", "Pending", "")),
    ("the only one answers", observed(serving()), {}, ("UpToDate", "True", "Available", "")),
    (
        "the load asked for a second one",
        observed(serving(), workload=workload(2, 1)),
        {},
        ("UpToDate", "True", "Available", ""),
    ),
    ("it loads", observed(loading()), {}, ("UpToDate", "False", "Loading", "")),
    (
        "the old one still answers",
        observed(
            serving("old", template_hash="old"), loading(), workload=workload(1, 1, replicas=2)
        ),
        {},
        ("UpToDate", "False", "Loading", ""),
    ),
    (
        "the update fails",
        observed(
            serving("old", template_hash="old"),
            failed_fetch("SourceNotFound", "404"),
            workload=workload(1, 1, replicas=2),
        ),
        {},
        ("UpToDate", "False", "SourceNotFound", "404"),
    ),
    (
        "an edit waits for its proof",
        observed(serving(), held=Held("proof")),
        {},
        ("UpToDate", "False", "RollingOut", "a Job is testing the newest spec"),
    ),
    (
        "the Deployment's controller has not seen the newest one yet",
        observed(serving(), workload=workload(1, 1, generation=3)),
        {},
        ("UpToDate", "False", "RollingOut", ""),
    ),
    (
        "the API server refuses a part of the spec",
        observed(serving(), failures=(ApplyFailure("Deployment", "qwen", 422, "no"),)),
        {},
        ("UpToDate", "False", "RejectedByCluster", "no"),
    ),
    (
        "asleep: the next request wakes the newest spec",
        Observed(workload=workload(0)),
        SLEEPS,
        ("UpToDate", "True", "ScaledToZero", ""),
    ),
    (
        "asleep, and an edit waits for its proof",
        Observed(workload=workload(0), held=Held("proof")),
        SLEEPS,
        ("UpToDate", "False", "RollingOut", ""),
    ),
]
