"""What does each reason mean? The table behind the Events and docs/conditions.md.

What mends it stands in `docs/remedies/`, which the operator does not need to run.
"""

from dataclasses import dataclass
from enum import StrEnum

from llmstack.api import reasons
from llmstack.api.conditions import ConditionType


class Weight(StrEnum):
    """Type of the Event that announces a reason, if any."""

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
    reasons.READY: Entry(_READY, Weight.NORMAL, "At least one replica is ready."),
    reasons.VALID: Entry(_SPEC, Weight.SILENT, "The spec is valid."),
    reasons.DOWNLOADED: Entry(
        _MODEL,
        Weight.NORMAL,
        "The model is in the cache and verified, and its GGUF header was read.",
    ),
    reasons.SCHEDULED: Entry(_NODE, Weight.SILENT, "Every replica is assigned to a node."),
    reasons.AVAILABLE: Entry(_PROGRESS, Weight.SILENT, "All replicas are up to date and ready."),
    reasons.STOPPED: Entry(_PROGRESS, Weight.NORMAL, "spec.replicas is 0."),
    reasons.SCALED_TO_ZERO: Entry(
        _PROGRESS, Weight.NORMAL, "The deployment is idle and scaled to zero (minReplicas is 0)."
    ),
    reasons.FIXED: Entry(_SCALE, Weight.SILENT, "spec.autoscaling is not set."),
    reasons.FOLLOWING: Entry(_SCALE, Weight.SILENT, "The number of replicas follows the load."),
    reasons.AT_MAXIMUM: Entry(
        _SCALE, Weight.NORMAL, "The load requires more replicas than maxReplicas allows."
    ),
    reasons.ASLEEP: Entry(
        _SCALE, Weight.SILENT, "The deployment is idle; the next request starts a replica."
    ),
    reasons.WAKE_DOWNLOADS: Entry(
        _SCALE,
        Weight.WARNING,
        "minReplicas is 0 and there is no persistent cache: the model is downloaded again each "
        "time that a request starts a replica.",
    ),
    reasons.METRICS_API_UNAVAILABLE: Entry(
        _SCALE,
        Weight.WARNING,
        "This installation does not serve the metrics API; the message says why.",
    ),
    reasons.METRICS_UNAVAILABLE: Entry(
        _SCALE,
        Weight.WARNING,
        "The HorizontalPodAutoscaler cannot read the load; the message is its own.",
    ),
    reasons.SCALING_FAILED: Entry(
        _SCALE, Weight.WARNING, "The HorizontalPodAutoscaler cannot scale; the message is its own."
    ),
    reasons.PENDING: Entry(_READY, Weight.SILENT, "Not known yet."),
    reasons.DOWNLOADING: Entry(
        _MODEL, Weight.NORMAL, "A replica is downloading the model; the message shows the progress."
    ),
    reasons.LOADING: Entry(_PROGRESS, Weight.NORMAL, "llama-server is loading the model."),
    reasons.ROLLING_OUT: Entry(
        _PROGRESS, Weight.SILENT, "Replicas are being started, replaced or stopped."
    ),
    reasons.VOLUME_UNBOUND: Entry(
        _NODE,
        Weight.WARNING,
        "A PersistentVolumeClaim is not bound; the message quotes the provisioner.",
    ),
    reasons.INVALID_SPEC: Entry(
        _SPEC,
        Weight.WARNING,
        "The spec contradicts itself, or requires something that is not installed.",
    ),
    reasons.REJECTED: Entry(
        _SPEC,
        Weight.WARNING,
        "The API server rejects an object or the pods because of validation, admission, a quota, "
        "or a name that is already in use.",
    ),
    reasons.REWRITTEN: Entry(
        _SPEC,
        Weight.WARNING,
        "An admission webhook or policy of the cluster modifies an object that the operator "
        "writes. SpecValid stays True.",
    ),
    reasons.NAME_CONFLICT: Entry(
        _SPEC,
        Weight.WARNING,
        "Another LLMDeployment claimed the same name or alias first and receives its requests. "
        "`namespace/name` always reaches this deployment. SpecValid stays True.",
    ),
    reasons.SECRET_MISSING: Entry(
        _MODEL,
        Weight.WARNING,
        "A Secret that the spec refers to, or its key `token`, does not exist.",
    ),
    reasons.CLAIM_MISSING: Entry(
        _NODE, Weight.WARNING, "A PersistentVolumeClaim that the spec refers to does not exist."
    ),
    reasons.STORAGE_CLASS_MISSING: Entry(
        _NODE,
        Weight.WARNING,
        "The StorageClass does not exist, or the cluster has no default StorageClass.",
    ),
    reasons.CONTEXT_LENGTH_TOO_LARGE: Entry(
        _MODEL,
        Weight.WARNING,
        "spec.contextLength exceeds the context length that the model was trained with.",
    ),
    reasons.MODEL_TOO_LARGE: Entry(
        _MODEL,
        Weight.WARNING,
        "The model is estimated to need more than spec.accelerator.memory × count.",
    ),
    reasons.IMAGE_PULL_FAILED: Entry(
        _PROGRESS, Weight.WARNING, "An image cannot be pulled; the message quotes the registry."
    ),
    reasons.SOURCE_UNAUTHORIZED: Entry(
        _MODEL, Weight.WARNING, "The source requires a token or rejects the one sent (401, 403)."
    ),
    reasons.SOURCE_NOT_FOUND: Entry(
        _MODEL, Weight.WARNING, "The source does not have this file (404)."
    ),
    reasons.SOURCE_UNREACHABLE: Entry(
        _MODEL,
        Weight.WARNING,
        "The source or its proxy does not respond, refuses the connection, or is too slow.",
    ),
    reasons.SOURCE_TRUNCATED: Entry(
        _MODEL, Weight.WARNING, "The source repeatedly sent less data than it announced."
    ),
    reasons.CHECKSUM_MISMATCH: Entry(
        _MODEL, Weight.WARNING, "The file does not match the expected SHA-256."
    ),
    reasons.NOT_GGUF: Entry(
        _MODEL,
        Weight.WARNING,
        "The file is not a GGUF model, is damaged, belongs in another field, or cannot be loaded "
        "by the shipped llama-server.",
    ),
    reasons.CACHE_FULL: Entry(
        _MODEL, Weight.WARNING, "The cache volume does not have enough free space."
    ),
    reasons.CACHE_NOT_WRITABLE: Entry(
        _MODEL, Weight.WARNING, "User and group 65532 cannot write to the cache volume."
    ),
    reasons.FETCH_FAILED: Entry(_MODEL, Weight.WARNING, "The download failed for another reason."),
    reasons.UNSCHEDULABLE: Entry(
        _NODE, Weight.WARNING, "The pod fits on no node; the message quotes the scheduler."
    ),
    reasons.INSUFFICIENT_ACCELERATORS: Entry(
        _NODE, Weight.WARNING, "No node has enough devices, or none has enough free devices."
    ),
    reasons.ACCELERATOR_UNUSED: Entry(
        _NODE,
        Weight.WARNING,
        "A replica holds a device but computes on the CPU. Scheduled and Ready stay True.",
    ),
    reasons.OUT_OF_MEMORY: Entry(
        _PROGRESS, Weight.WARNING, "The host or the device does not have enough memory."
    ),
    reasons.SERVER_CRASHING: Entry(
        _PROGRESS, Weight.WARNING, "llama-server exits; the message quotes its log."
    ),
    reasons.START_TIMEOUT: Entry(
        _PROGRESS,
        Weight.WARNING,
        "No replica became ready within spec.lifecycle.startupTimeoutSeconds.",
    ),
    reasons.POD_FAILED: Entry(
        _PROGRESS, Weight.WARNING, "A pod was evicted, or a container could not be created."
    ),
    reasons.MOUNT_FAILED: Entry(
        _PROGRESS, Weight.WARNING, "A volume cannot be mounted; the message quotes the kubelet."
    ),
    reasons.REPLICA_UNREACHABLE: Entry(
        _READY,
        Weight.WARNING,
        "A replica is ready, but the gateway cannot connect to it.",
    ),
    reasons.SERVER_WEDGED: Entry(
        _PROGRESS,
        Weight.WARNING,
        "llama-server accepts connections but does not respond. The gateway sends it no requests, "
        "and the kubelet restarts it. Ready stays True while another replica responds.",
    ),
    reasons.SERVER_KILLED_BY_REQUEST: Entry(
        _PROGRESS,
        Weight.WARNING,
        "llama-server exited while processing requests. Reported only as an Event, which names the "
        "tenant and the request, or the number of requests that may have caused it.",
    ),
    reasons.APPLY_FAILED: Entry(
        _PROGRESS, Weight.WARNING, "The operator could not write an object and is retrying."
    ),
}
