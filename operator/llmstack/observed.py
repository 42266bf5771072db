"""What does the cluster look like at one moment?

A frozen snapshot, gathered before anything is decided (`controller.observe` fills it, `status` and
`desired` read it). Times are seconds since the epoch.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class ContainerState(StrEnum):
    """State of a container."""

    WAITING = "waiting"
    RUNNING = "running"
    TERMINATED = "terminated"


@dataclass(frozen=True)
class Container:
    """Observed state of one container of a pod.

    `reason`, `message` and `exit_code` belong to the present state; `last_reason` and
    `last_exit_code` to the end of the previous run (None if there was none). `last_seconds` and
    `termination_message` belong to its last end, be it the present state or the previous run: how
    long that run lasted, and what the container left. `log_line` is the line of its log that tells
    why it ended, when the operator has read it (the engine picks it).
    """

    name: str
    state: ContainerState
    ready: bool = False
    started: bool = False
    restarts: int = 0
    reason: str = ""
    message: str = ""
    exit_code: int | None = None
    last_reason: str = ""
    last_exit_code: int | None = None
    last_seconds: float | None = None
    termination_message: str = ""
    log_line: str = ""
    image: str = ""


@dataclass(frozen=True)
class Pod:
    """Observed state of one replica.

    `unschedulable` is the scheduler's message, empty once a node is found. `template_hash` is the
    pod's annotation `desired.metadata.TEMPLATE_HASH`. `volume_message` is the newest warning about
    a mount, empty once all volumes are mounted. `fetch_log` is the tail of the init container's log
    while it downloads; `accelerator_unused` the line of the server's log that says it fell back to
    the CPU (the engine picks it). `slots` is how many its server was told to
    have.
    """

    name: str
    uid: str
    phase: str
    created_at: float
    node: str = ""
    ready: bool = False
    terminating: bool = False
    unschedulable: str = ""
    template_hash: str = ""
    reason: str = ""
    message: str = ""
    fetch: Container | None = None
    server: Container | None = None
    fetch_log: str = ""
    accelerator_unused: str = ""
    volume_message: str = ""
    deletion_cost: int = 0
    slots: int = 0


@dataclass(frozen=True)
class Claim:
    """Observed state of a PersistentVolumeClaim. `message` is its newest warning."""

    name: str
    phase: str
    storage_class: str | None
    message: str = ""


@dataclass(frozen=True)
class Workload:
    """Observed state of the Deployment. Counts as in its status, `wanted` its `spec.replicas`.

    `deadline_exceeded`: condition Progressing is False with reason ProgressDeadlineExceeded.
    `replica_failure`: message of its condition ReplicaFailure. `template_hash`: annotation
    `desired.metadata.TEMPLATE_HASH` of its pod template.
    """

    generation: int
    observed_generation: int
    wanted: int
    replicas: int
    updated: int
    ready: int
    available: int
    deadline_exceeded: bool = False
    replica_failure: str = ""
    template_hash: str = ""


@dataclass(frozen=True)
class HpaCondition:
    """One condition of the HorizontalPodAutoscaler: True, False or Unknown, and why."""

    status: str = ""
    reason: str = ""
    message: str = ""


@dataclass(frozen=True)
class Autoscaler:
    """Observed state of the HorizontalPodAutoscaler.

    `able`: can it read and write the number (AbleToScale)? `active`: can it compute one
    (ScalingActive)? `limited`: do its bounds hold it (ScalingLimited)? Each empty before its first
    look. `wanted`: how many replicas it asks for.
    """

    wanted: int = 0
    able: HpaCondition = HpaCondition()
    active: HpaCondition = HpaCondition()
    limited: HpaCondition = HpaCondition()


@dataclass(frozen=True)
class Demand:
    """Demand for a deployment, as reported by the gateway.

    `wanted`: somebody asks and no replica is up. `idle_seconds`: for how long a replica was up and
    nobody asked, seen without a gap; 0 while somebody does, None where it is not known.
    """

    wanted: bool = False
    idle_seconds: float | None = None


@dataclass(frozen=True)
class ApplyFailure:
    """An object that the API server rejected, with its message. `status` is the HTTP status."""

    kind: str
    name: str
    status: int
    message: str


@dataclass(frozen=True)
class Proof:
    """How a Job stands that proves an edit (desired/hold.py).

    `hash` names what it proves. `refused` is why its pod cannot be created, in the cluster's words;
    "" if nothing is known.
    """

    hash: str
    succeeded: bool = False
    refused: str = ""


@dataclass(frozen=True)
class Held:
    """Why the newest pod template is not applied yet (desired/hold.py).

    Either a Job is to prove it, `proof` being its hash and `pod` the spec of its pod; or no node
    could run it: then `reason` and `message` say so, as a condition does. `beside`: there are
    replicas, on whose node the Job may have to run.
    """

    proof: str = ""
    pod: Mapping[str, Any] = field(default_factory=dict)
    beside: bool = False
    reason: str = ""
    message: str = ""


@dataclass(frozen=True)
class Observed:
    """The cluster as far as one deployment is concerned.

    `children` are the live objects by (kind, name), as the API server returned them.
    `storage_classes` maps name to provisioner; `default_storage_class` is None if there is none.
    `missing_secrets` are names that the spec refers to and that do not exist.
    `accelerators` is the most of the deployment's resource that any one node can allocate, None
    when no device is asked for; `offered` are the extended resources of all nodes. `claims` holds
    the cache claims, the generic ephemeral ones too.
    `failures` are what the API server answered in this pass; a name that is taken by a foreign
    object counts as 409. `rewritten` tells, by kind and name, what admission webhooks or policies
    made of the deployment's objects. `invalid` is why no objects could be built from the spec, ""
    if they were. `name_conflicts` maps each of the deployment's names that another deployment has
    to that one, as namespace/name. `wedged` are the pods whose server the gateway found to answer
    no more. `uncached` are those that may reuse nothing: their image cannot keep tenants' caches
    apart. `answering` are those that the gateway sends requests, `unreachable` tells of ready ones
    why it cannot reach them, by pod.
    `metrics_api` is why autoscalers can read no metrics, "" if they can.
    `nodes` is what each node can allocate, by resource; empty where that is not known. `proofs` are
    the Jobs that prove edits, and `proof_pods` their pods, whose `template_hash` is the proof's
    hash. `held` is why the newest pod template is not applied in this pass, None if it is.
    """

    children: Mapping[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    workload: Workload | None = None
    pods: tuple[Pod, ...] = ()
    claims: tuple[Claim, ...] = ()
    storage_classes: Mapping[str, str] = field(default_factory=dict)
    default_storage_class: str | None = None
    missing_secrets: tuple[str, ...] = ()
    missing_claims: tuple[str, ...] = ()
    accelerators: int | None = None
    offered: tuple[str, ...] = ()
    failures: tuple[ApplyFailure, ...] = ()
    rewritten: Mapping[str, str] = field(default_factory=dict)
    invalid: str = ""
    name_conflicts: Mapping[str, str] = field(default_factory=dict)
    wedged: frozenset[str] = frozenset()
    uncached: frozenset[str] = frozenset()
    answering: frozenset[str] = frozenset()
    unreachable: Mapping[str, str] = field(default_factory=dict)
    autoscaler: Autoscaler | None = None
    demand: Demand = Demand()
    metrics_api: str = ""
    nodes: tuple[Mapping[str, str], ...] = ()
    proofs: tuple[Proof, ...] = ()
    proof_pods: tuple[Pod, ...] = ()
    held: Held | None = None
