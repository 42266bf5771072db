"""What does each reason mean? The table behind the Events and docs/conditions.md.

What mends it stands in `docs/remedies/`, which the operator does not need to run.
"""

from dataclasses import dataclass
from enum import StrEnum

from llmstack.api import reasons
from llmstack.api.conditions import ConditionType


class Weight(StrEnum):
    """Is a reason told as an Event, and as which?"""

    SILENT = "none"
    NORMAL = "Normal"
    WARNING = "Warning"


@dataclass(frozen=True)
class Entry:
    """One reason: the condition that finds it, its weight, and its meaning in a sentence."""

    condition: ConditionType
    weight: Weight
    meaning: str


_SPEC = ConditionType.SPEC_VALID
_MODEL = ConditionType.MODEL_READY
_NODE = ConditionType.SCHEDULED
_PROGRESS = ConditionType.PROGRESSING
_SCALE = ConditionType.AUTOSCALING
_READY = ConditionType.READY

CATALOG: dict[str, Entry] = {
    reasons.READY: Entry(_READY, Weight.NORMAL, "At least one replica answers."),
    reasons.VALID: Entry(_SPEC, Weight.SILENT, "The spec can be carried out."),
    reasons.DOWNLOADED: Entry(
        _MODEL, Weight.NORMAL, "The model is in the cache, verified, and its header was read."
    ),
    reasons.SCHEDULED: Entry(_NODE, Weight.SILENT, "Every replica has a node."),
    reasons.AVAILABLE: Entry(_PROGRESS, Weight.SILENT, "All replicas are up to date and answer."),
    reasons.STOPPED: Entry(_PROGRESS, Weight.NORMAL, "spec.replicas is 0."),
    reasons.SCALED_TO_ZERO: Entry(
        _PROGRESS, Weight.NORMAL, "No replica is needed, and minReplicas is 0."
    ),
    reasons.FIXED: Entry(_SCALE, Weight.SILENT, "spec.autoscaling is not given."),
    reasons.FOLLOWING: Entry(_SCALE, Weight.SILENT, "The number of replicas follows the load."),
    reasons.AT_MAXIMUM: Entry(
        _SCALE, Weight.NORMAL, "The load asks for more replicas than maxReplicas allows."
    ),
    reasons.ASLEEP: Entry(
        _SCALE, Weight.SILENT, "Nobody asks for the model; the next request starts a replica."
    ),
    reasons.WAKE_DOWNLOADS: Entry(
        _SCALE,
        Weight.WARNING,
        "minReplicas is 0 and no cache outlives a replica: each wake downloads the model.",
    ),
    reasons.METRICS_API_UNAVAILABLE: Entry(
        _SCALE,
        Weight.WARNING,
        "This installation does not serve the metrics API; the message says why, and who does.",
    ),
    reasons.METRICS_UNAVAILABLE: Entry(
        _SCALE, Weight.WARNING, "The HorizontalPodAutoscaler cannot read the load; its own words."
    ),
    reasons.SCALING_FAILED: Entry(
        _SCALE, Weight.WARNING, "The HorizontalPodAutoscaler cannot scale; its own words."
    ),
    reasons.PENDING: Entry(_READY, Weight.SILENT, "Not known yet."),
    reasons.DOWNLOADING: Entry(
        _MODEL, Weight.NORMAL, "A replica downloads the model; the message shows how far it is."
    ),
    reasons.LOADING: Entry(_PROGRESS, Weight.NORMAL, "llama-server loads the model."),
    reasons.ROLLING_OUT: Entry(
        _PROGRESS, Weight.SILENT, "Replicas are started, replaced or stopped."
    ),
    reasons.VOLUME_UNBOUND: Entry(
        _NODE, Weight.WARNING, "A claim gets no volume; the message repeats the provisioner."
    ),
    reasons.INVALID_SPEC: Entry(
        _SPEC, Weight.WARNING, "The spec contradicts itself or names what the installation lacks."
    ),
    reasons.REJECTED: Entry(
        _SPEC,
        Weight.WARNING,
        "The API server refuses an object or the pods: its validation, admission, a quota, or a "
        "name that is taken.",
    ),
    reasons.REWRITTEN: Entry(
        _SPEC,
        Weight.WARNING,
        "An admission webhook or a policy of the cluster changes an object as the operator writes "
        "it. SpecValid stays True.",
    ),
    reasons.NAME_CONFLICT: Entry(
        _SPEC,
        Weight.WARNING,
        "Another LLMDeployment has the same name or alias, and had it first: requests for it go "
        "there; `namespace/name` always works. SpecValid stays True.",
    ),
    reasons.SECRET_MISSING: Entry(
        _MODEL, Weight.WARNING, "A Secret that the spec names, or its key `token`, does not exist."
    ),
    reasons.CLAIM_MISSING: Entry(
        _NODE, Weight.WARNING, "A PersistentVolumeClaim that the spec names does not exist."
    ),
    reasons.STORAGE_CLASS_MISSING: Entry(
        _NODE, Weight.WARNING, "The named StorageClass, or a default one, does not exist."
    ),
    reasons.CONTEXT_LENGTH_TOO_LARGE: Entry(
        _MODEL, Weight.WARNING, "spec.contextLength is more than the model was trained with."
    ),
    reasons.MODEL_TOO_LARGE: Entry(
        _MODEL,
        Weight.WARNING,
        "By estimate the model does not fit spec.accelerator.memory × count.",
    ),
    reasons.IMAGE_PULL_FAILED: Entry(
        _PROGRESS, Weight.WARNING, "An image cannot be pulled; the message repeats the registry."
    ),
    reasons.SOURCE_UNAUTHORIZED: Entry(
        _MODEL, Weight.WARNING, "The source wants a token (401, 403)."
    ),
    reasons.SOURCE_NOT_FOUND: Entry(_MODEL, Weight.WARNING, "The source has no such file (404)."),
    reasons.SOURCE_UNREACHABLE: Entry(
        _MODEL, Weight.WARNING, "The source or its proxy does not answer, refuses, or is too slow."
    ),
    reasons.SOURCE_TRUNCATED: Entry(
        _MODEL, Weight.WARNING, "The source sent less than it announced, again and again."
    ),
    reasons.CHECKSUM_MISMATCH: Entry(
        _MODEL, Weight.WARNING, "The file is not the one that spec.model.sha256 names."
    ),
    reasons.NOT_GGUF: Entry(
        _MODEL,
        Weight.WARNING,
        "The file is no GGUF model, a broken one, or one that belongs in another field or that the "
        "shipped llama-server cannot load.",
    ),
    reasons.CACHE_FULL: Entry(_MODEL, Weight.WARNING, "The cache volume has too little room."),
    reasons.CACHE_NOT_WRITABLE: Entry(
        _MODEL, Weight.WARNING, "The cache volume cannot be written by user and group 65532."
    ),
    reasons.FETCH_FAILED: Entry(_MODEL, Weight.WARNING, "The download failed in another way."),
    reasons.UNSCHEDULABLE: Entry(
        _NODE, Weight.WARNING, "No node takes the pod; the message repeats the scheduler."
    ),
    reasons.INSUFFICIENT_ACCELERATORS: Entry(
        _NODE, Weight.WARNING, "No node has as many devices, or none has as many free."
    ),
    reasons.ACCELERATOR_UNUSED: Entry(
        _NODE,
        Weight.WARNING,
        "A replica holds a device and computes on the CPU. Scheduled and Ready stay True.",
    ),
    reasons.OUT_OF_MEMORY: Entry(
        _PROGRESS, Weight.WARNING, "The host's or the device's memory does not suffice."
    ),
    reasons.SERVER_CRASHING: Entry(
        _PROGRESS, Weight.WARNING, "llama-server ends; the message has the line of its log."
    ),
    reasons.START_TIMEOUT: Entry(
        _PROGRESS,
        Weight.WARNING,
        "No replica was ready within spec.lifecycle.startupTimeoutSeconds.",
    ),
    reasons.POD_FAILED: Entry(
        _PROGRESS, Weight.WARNING, "A pod was evicted, or a container cannot be created."
    ),
    reasons.MOUNT_FAILED: Entry(
        _PROGRESS, Weight.WARNING, "A volume cannot be mounted; the message repeats the kubelet."
    ),
    reasons.REPLICA_UNREACHABLE: Entry(
        _READY,
        Weight.WARNING,
        "The kubelet finds a replica ready, and the gateway cannot reach it.",
    ),
    reasons.SERVER_WEDGED: Entry(
        _PROGRESS,
        Weight.WARNING,
        "llama-server holds its port open and answers no more: the gateway spares it, the kubelet "
        "restarts it. Ready stays True while another replica answers.",
    ),
    reasons.SERVER_KILLED_BY_REQUEST: Entry(
        _PROGRESS,
        Weight.WARNING,
        "llama-server ended while it computed requests. Told as an Event only, which names the "
        "tenant and the request, or how many may have done it.",
    ),
    reasons.APPLY_FAILED: Entry(
        _PROGRESS, Weight.WARNING, "The operator could not write an object, and tries again."
    ),
}
