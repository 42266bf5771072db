"""Does it answer, and if not, which reason is the deciding one?"""

from llmstack.observed import ApplyFailure, Observed
from tests.unit.status.rows.row import GPU, PROGRESS, Row
from tests.unit.status.samples import (
    crashed,
    failed_fetch,
    fetching,
    homeless,
    loading,
    observed,
    serving,
    workload,
)

ROWS: list[Row] = [
    (
        "nothing exists yet",
        Observed(),
        {},
        ("Ready", "False", "Pending", "no replica is ready yet"),
    ),
    (
        "one of two answers",
        observed(serving("a"), loading(name="b")),
        {},
        ("Ready", "True", "Ready", "1 of 2 replicas ready, with 4 slots"),
    ),
    (
        "a device is unused: only a warning",
        observed(serving(accelerator_unused="no usable GPU found")),
        GPU,
        ("Ready", "True", "AcceleratorUnused", "computes on the CPU"),
    ),
    (
        "it downloads",
        observed(fetching(PROGRESS)),
        {},
        ("Ready", "False", "Downloading", "1 replica"),
    ),
    ("it loads", observed(loading()), {}, ("Ready", "False", "Loading", "")),
    (
        "it crashes",
        observed(loading(crashed("error: bad flag"))),
        {},
        ("Ready", "False", "ServerCrashing", "error: bad flag"),
    ),
    (
        "the update fails and the old replica answers: only a warning",
        observed(
            serving("old", template_hash="old", slots=1),
            failed_fetch("SourceNotFound", "404"),
            workload=workload(1, 1, replicas=2),
        ),
        {},
        (
            "Ready",
            "True",
            "SourceNotFound",
            "1 of 1 replica ready, with 1 slot; all run the previous spec, because the "
            "rollout of the newest is stuck: "
            "404",
        ),
    ),
    (
        "the old replica is started again meanwhile, and may come back",
        observed(
            loading(name="old", template_hash="old"),
            failed_fetch("SourceNotFound", "404"),
            workload=workload(1, 0, replicas=2),
        ),
        {},
        ("Ready", "False", "Loading", "1 replica with the previous spec restarting; the rollout"),
    ),
    (
        "one answers and another cannot start: only a warning",
        observed(serving("a"), homeless("0/1 nodes are available: 1 Insufficient cpu.", name="b")),
        {},
        (
            "Ready",
            "True",
            "Unschedulable",
            "1 of 2 replicas ready, with 4 slots; another replica cannot start: 0/1 nodes",
        ),
    ),
    (
        "and Progressing says what fails",
        observed(
            serving("old", template_hash="old"),
            failed_fetch("SourceNotFound", "404"),
            workload=workload(1, 1, replicas=2),
        ),
        {},
        ("Progressing", "False", "SourceNotFound", "404"),
    ),
    (
        "the new spec is refused although an old replica answers",
        observed(serving(), failures=(ApplyFailure("Deployment", "qwen", 422, "no"),)),
        {},
        (
            "Ready",
            "True",
            "RejectedByCluster",
            "1 of 1 replica ready, with 4 slots; part of the spec could not be applied: the "
            "API server rejected Deployment qwen: no",
        ),
    ),
    (
        "the new spec is refused and nothing answers",
        observed(loading(), failures=(ApplyFailure("Deployment", "qwen", 422, "no"),)),
        {},
        ("Ready", "False", "RejectedByCluster", "Deployment qwen: no"),
    ),
    (
        "no objects can be built and a replica of the spec before answers",
        observed(serving(), invalid="spec.accelerator.vendor: no image for nvidia"),
        {},
        ("Ready", "True", "InvalidSpec", "1 of 1 replica ready, with 4 slots; part of the spec"),
    ),
    (
        "and what is wrong with the spec is a condition of its own",
        observed(serving(), invalid="spec.accelerator.vendor: no image for nvidia"),
        {},
        ("SpecValid", "False", "InvalidSpec", "no image for nvidia"),
    ),
    (
        "a claim that cannot grow stops nobody",
        observed(
            serving(),
            failures=(ApplyFailure("PersistentVolumeClaim", "c", 403, "only dynamically …"),),
        ),
        {},
        ("Ready", "True", "RejectedByCluster", "1 of 1 replica ready"),
    ),
    (
        "stopped, as asked for",
        Observed(workload=workload(0)),
        {"replicas": 0},
        ("Ready", "True", "Stopped", ""),
    ),
    (
        "asleep, as autoscaling allows",
        Observed(workload=workload(0)),
        {"autoscaling": {"minReplicas": 0, "maxReplicas": 2}},
        ("Ready", "True", "ScaledToZero", ""),
    ),
    (
        "at zero although a replica is asked for",
        Observed(workload=workload(0)),
        {"replicas": 1},
        ("Ready", "False", "RollingOut", "the newest spec is being applied"),
    ),
]
