"""Why is a condition as it is? One sentence each: the cluster, then the answer."""

from typing import Any

import pytest

from llmstack.models.report import Progress
from llmstack.observed import Answer, ApplyFailure, Autoscaler, Claim, Container, Observed
from tests.unit.desired.samples import built
from tests.unit.status.samples import (
    GIB,
    NOW,
    R,
    T,
    W,
    crashed,
    failed_fetch,
    fetching,
    homeless,
    judged,
    loading,
    observed,
    pod,
    serving,
    workload,
)

GPU = {"accelerator": {"vendor": "nvidia", "count": 2}}
SHARED = {"cache": {"accessMode": "ReadWriteMany", "storageClassName": "fast"}}
TOKEN = {"model": {"secretRef": {"name": "hf-token"}}}
PENDING_CLAIM = Claim("llmstack-cache-fast-rwx", "Pending", "fast", ("ReadWriteMany",))
NO_GPU = (
    "0/1 nodes are available: 1 Insufficient nvidia.com/gpu. preemption: 0/1 nodes are available: "
    "1 No preemption victims found for incoming pod."
)
PROGRESS = Progress("model.gguf", 2 * GIB, 4 * GIB, 100 * 2**20, 20)
PULL = 'Back-off pulling image "x": ErrImagePull: not found'
WITH_OLDER_SPEC = {("Deployment", "qwen"): built("Deployment")}

Row = tuple[str, Observed, dict[str, Any], tuple[str, str, str, str]]

SPEC_VALID: list[Row] = [
    ("nothing speaks against it", observed(), {}, ("SpecValid", "True", "Valid", "")),
    (
        "no objects can be built from the spec",
        observed(invalid="spec.model: two claims"),
        {},
        ("SpecValid", "False", "InvalidSpec", "spec.model: two claims"),
    ),
    (
        "the API server refuses a child",
        observed(failures=(ApplyFailure("Deployment", "qwen", 422, "spec.x: Invalid value"),)),
        {},
        ("SpecValid", "False", "RejectedByCluster", "Deployment qwen: spec.x: Invalid value"),
    ),
    (
        "the name of a child is taken",
        observed(failures=(ApplyFailure("Service", "qwen-replicas", 409, "exists already"),)),
        {},
        ("SpecValid", "False", "RejectedByCluster", "exists already"),
    ),
    (
        "a quota refuses a child",
        observed(failures=(ApplyFailure("Service", "s", 403, "exceeded quota: services=3"),)),
        {},
        ("SpecValid", "False", "RejectedByCluster", "exceeded quota"),
    ),
    (
        "the operator lacks rights: not the spec's fault",
        observed(failures=(ApplyFailure("Secret", "s", 403, 'User "x" cannot patch'),)),
        {},
        ("SpecValid", "True", "Valid", ""),
    ),
]

CONFLICT = {"gpt-4o-mini": ("team-b/llama", "team-c/phi")}
SPEC_VALID += [
    (
        "others claim its alias",
        observed(serving(), name_conflicts=CONFLICT),
        {"model": {"aliases": ["gpt-4o-mini"]}},
        (
            "SpecValid",
            "True",
            "NameConflict",
            "team-a/qwen and team-b/llama and team-c/phi both answer to the name gpt-4o-mini",
        ),
    ),
    (
        "and what to do about it is said",
        observed(serving(), name_conflicts=CONFLICT),
        {"model": {"aliases": ["gpt-4o-mini"]}},
        (
            "SpecValid",
            "True",
            "NameConflict",
            "clients must send team-a/qwen as model, or one of them gives up the alias gpt-4o-mini",
        ),
    ),
    (
        "its own name is taken in another namespace",
        observed(serving(), name_conflicts={"qwen": ("team-b/qwen",)}),
        {},
        ("SpecValid", "True", "NameConflict", "clients must send team-a/qwen as model"),
    ),
    (
        "a spec that cannot be carried out matters more",
        observed(invalid="two claims", name_conflicts=CONFLICT),
        {},
        ("SpecValid", "False", "InvalidSpec", "two claims"),
    ),
    (
        "its pods go on",
        observed(serving(), name_conflicts=CONFLICT),
        {},
        ("Ready", "True", "Ready", "1 of 1"),
    ),
]

MODEL_READY: list[Row] = [
    ("no replica exists", observed(), {}, ("ModelReady", "Unknown", "Pending", "no replica")),
    (
        "the download has begun",
        observed(fetching()),
        {},
        ("ModelReady", "False", "Downloading", "qwen-1 looks for the model"),
    ),
    (
        "the download is under way",
        observed(fetching(PROGRESS)),
        {},
        ("ModelReady", "False", "Downloading", "2.0 of 4.0 GiB (50%), 100 MiB/s, 20 s left"),
    ),
    (
        "the model is there",
        observed(loading()),
        {},
        ("ModelReady", "True", "Downloaded", "llama Q8_0, 144 MiB, sha256 cccccccccccc…"),
    ),
    (
        "its report cannot be read, but it is there",
        observed(pod(fetch=Container("fetch", T, exit_code=0))),
        {},
        ("ModelReady", "True", "Downloaded", "in place"),
    ),
    (
        "a further replica downloads: the model stays ready",
        observed(serving("a"), fetching(PROGRESS, created_at=NOW)),
        {},
        ("ModelReady", "True", "Downloaded", "llama"),
    ),
    (
        "the token's Secret does not exist",
        observed(pod(), missing_secrets=("hf-token",)),
        TOKEN,
        ("ModelReady", "False", "SecretMissing", "Secret hf-token does not exist in namespace"),
    ),
    (
        "the token's Secret has no token",
        observed(pod(volume_message="references non-existent secret key: token")),
        TOKEN,
        ("ModelReady", "False", "SecretMissing", "has no key `token`"),
    ),
    *(
        (
            f"the download ended: {reason}",
            observed(failed_fetch(reason, "in its own words")),
            {},
            ("ModelReady", "False", reason, "in its own words"),
        )
        for reason in (
            "SourceUnauthorized",
            "SourceNotFound",
            "SourceUnreachable",
            "SourceTruncated",
            "ChecksumMismatch",
            "NotGGUF",
            "CacheFull",
            "CacheNotWritable",
            "ContextLengthTooLarge",
            "FetchFailed",
        )
    ),
    (
        "the download left no words",
        observed(fetching(fetch=Container("fetch", T, exit_code=2, log_line="Traceback"))),
        {},
        ("ModelReady", "False", "FetchFailed", "exit code 2: Traceback"),
    ),
    (
        "the download used too much memory",
        observed(fetching(fetch=Container("fetch", T, exit_code=137, reason="OOMKilled"))),
        {},
        ("ModelReady", "False", "OutOfMemory", "more memory than its limit"),
    ),
    (
        "a new try has only begun: it still counts as failed",
        observed(fetching(fetch=Container("fetch", R, restarts=1, last_exit_code=1))),
        {},
        ("ModelReady", "False", "FetchFailed", "exit code 1"),
    ),
    (
        "a new try gets on: it downloads",
        observed(fetching(PROGRESS, fetch=Container("fetch", R, restarts=1, last_exit_code=1))),
        {},
        ("ModelReady", "False", "Downloading", "50%"),
    ),
    (
        "by estimate it does not fit its device",
        observed(loading()),
        {"accelerator": {"vendor": "nvidia", "memory": "500Mi"}, "slots": 4},
        (
            "ModelReady",
            "False",
            "ModelTooLarge",
            "MiB with 4 slots of 4096 tokens, and spec.accelerator offers 500 MiB (1 × 500Mi)",
        ),
    ),
    (
        "on two devices it does",
        observed(loading()),
        {"accelerator": {"vendor": "nvidia", "memory": "500Mi", "count": 2}},
        ("ModelReady", "True", "Downloaded", ""),
    ),
    (
        "an estimate does not contradict a server that answers",
        observed(serving()),
        {"accelerator": {"vendor": "nvidia", "memory": "500Mi"}},
        ("ModelReady", "True", "Downloaded", ""),
    ),
    (
        "nor does it count where layers stay on the CPU",
        observed(loading()),
        {"accelerator": {"vendor": "nvidia", "memory": "500Mi"}, "engine": {"gpuLayers": 3}},
        ("ModelReady", "True", "Downloaded", ""),
    ),
    (
        "one of two replicas cannot store it",
        observed(serving("a"), failed_fetch("CacheFull", "no room", created_at=NOW)),
        {},
        ("ModelReady", "False", "CacheFull", "no room (1 other replica has the model)"),
    ),
    (
        "a replica of an older template does not count",
        observed(failed_fetch("SourceNotFound", "404", template_hash="old"), fetching(PROGRESS)),
        {},
        ("ModelReady", "False", "Downloading", "50%"),
    ),
    (
        "nor does one that is going",
        observed(failed_fetch("SourceNotFound", "404", terminating=True), fetching(PROGRESS)),
        {},
        ("ModelReady", "False", "Downloading", "50%"),
    ),
    (
        "stopped before it ever had one",
        Observed(workload=workload(0)),
        {"replicas": 0},
        ("ModelReady", "Unknown", "Stopped", "no replica is asked for"),
    ),
]

SCHEDULED: list[Row] = [
    ("no replica exists", observed(), {}, ("Scheduled", "Unknown", "Pending", "no replica")),
    (
        "the scheduler has not spoken",
        observed(homeless()),
        {},
        ("Scheduled", "Unknown", "Pending", "1 replica without a node"),
    ),
    (
        "all have nodes",
        observed(serving("a"), serving("b", node="node-2")),
        {},
        ("Scheduled", "True", "Scheduled", "2 replicas on 2 nodes"),
    ),
    (
        "a cache of one node ties them to it",
        observed(serving()),
        {"cache": {"accessMode": "ReadWriteOnce"}},
        ("Scheduled", "True", "Scheduled", "ReadWriteOnce keeps all replicas on the node"),
    ),
    (
        "a pod waits for a GPU that no node has",
        observed(homeless(NO_GPU), accelerators=0),
        GPU,
        (
            "Scheduled",
            "False",
            "InsufficientAccelerators",
            "wants 2 nvidia.com/gpu and no node has any: install the device plugin",
        ),
    ),
    (
        "a pod wants more GPUs than any node has",
        observed(homeless(NO_GPU), accelerators=1),
        GPU,
        (
            "Scheduled",
            "False",
            "InsufficientAccelerators",
            "wants 2 nvidia.com/gpu and no node has more than 1: lower",
        ),
    ),
    (
        "a pod waits for GPUs that are in use",
        observed(homeless(NO_GPU), accelerators=8),
        GPU,
        ("Scheduled", "False", "InsufficientAccelerators", "no node has as many free"),
    ),
    (
        "a pod fits no node for another reason",
        observed(homeless("0/2 nodes are available: 2 Insufficient memory."), accelerators=8),
        GPU,
        ("Scheduled", "False", "Unschedulable", "0/2 nodes are available: 2 Insufficient memory"),
    ),
    (
        "the claim that the source names is missing",
        observed(homeless('persistentvolumeclaim "mine" not found'), missing_claims=("mine",)),
        {"model": {"source": "pvc://mine/m.gguf"}},
        ("Scheduled", "False", "ClaimMissing", "PersistentVolumeClaim mine does not exist"),
    ),
    (
        "the named class is missing",
        observed(homeless("unbound"), claims=(PENDING_CLAIM,), storage_classes={"slow": "p"}),
        SHARED,
        (
            "Scheduled",
            "False",
            "StorageClassMissing",
            "StorageClass fast does not exist: create it, or correct "
            "spec.cache.storageClassName; this cluster has slow",
        ),
    ),
    (
        "no class is named and none is the default",
        observed(homeless("unbound"), claims=(Claim("c", "Pending", None),)),
        {},
        ("Scheduled", "False", "StorageClassMissing", "no default StorageClass"),
    ),
    (
        "the provisioner fails",
        observed(
            homeless("unbound"),
            claims=(Claim("c", "Pending", "fast", message="quota of the disk array"),),
            storage_classes={"fast": "p"},
        ),
        SHARED,
        ("Scheduled", "False", "VolumeUnbound", "claim c gets no volume: quota of the disk array"),
    ),
    (
        "the volume of a claim is gone",
        observed(
            homeless(),
            claims=(Claim("c", "Lost", "fast"),),
            storage_classes={"fast": "p"},
        ),
        SHARED,
        ("Scheduled", "False", "VolumeUnbound", "the volume of claim c is gone"),
    ),
    (
        "the scheduler waits for a volume",
        observed(
            homeless("pod has unbound immediate PersistentVolumeClaims"),
            claims=(PENDING_CLAIM,),
            storage_classes={"fast": "p"},
        ),
        SHARED,
        ("Scheduled", "False", "VolumeUnbound", "unbound immediate PersistentVolumeClaims"),
    ),
    (
        "a claim that waits for its first pod is not what holds the pod back",
        observed(
            homeless(NO_GPU),
            claims=(PENDING_CLAIM,),
            storage_classes={"fast": "p"},
            accelerators=0,
        ),
        {**GPU, **SHARED},
        ("Scheduled", "False", "InsufficientAccelerators", "no node has any"),
    ),
    (
        "a device is held and not used: a warning",
        observed(serving(accelerator_unused="no usable GPU found")),
        GPU,
        (
            "Scheduled",
            "True",
            "AcceleratorUnused",
            "replica qwen-1 holds nvidia.com/gpu and computes on the CPU (no usable GPU found)",
        ),
    ),
    (
        "none is held: none is unused",
        observed(serving(accelerator_unused="no usable GPU found")),
        {},
        ("Scheduled", "True", "Scheduled", ""),
    ),
    (
        "nothing is to be scheduled",
        Observed(workload=workload(0)),
        {"replicas": 0},
        ("Scheduled", "True", "Stopped", ""),
    ),
]

PROGRESSING: list[Row] = [
    ("nothing exists yet", Observed(), {}, ("Progressing", "Unknown", "Pending", "")),
    (
        "the API server does not answer",
        observed(failures=(ApplyFailure("Service", "s", 500, "etcd is away"),)),
        {},
        ("Progressing", "False", "ApplyFailed", "Service s: etcd is away"),
    ),
    (
        "the spec is invalid",
        observed(invalid="spec.x"),
        {},
        ("Progressing", "False", "InvalidSpec", "spec.x"),
    ),
    (
        "a quota refuses the pods",
        observed(workload=workload(replica_failure="exceeded quota: pods=0")),
        {},
        ("Progressing", "False", "RejectedByCluster", "refuses the pods: exceeded quota"),
    ),
    (
        "a pod gets no node",
        observed(homeless(NO_GPU), accelerators=0),
        GPU,
        ("Progressing", "False", "InsufficientAccelerators", "no node has any"),
    ),
    (
        "the model cannot be had",
        observed(failed_fetch("SourceNotFound", "404")),
        {},
        ("Progressing", "False", "SourceNotFound", "404"),
    ),
    (
        "the server's image does not exist",
        observed(
            loading(
                Container("llama-server", W, reason="ImagePullBackOff", message=PULL, image="x")
            )
        ),
        {},
        (
            "Progressing",
            "False",
            "ImagePullFailed",
            "image x of container llama-server cannot be pulled: not found; correct the image",
        ),
    ),
    (
        "nor does that of the download",
        observed(pod(fetch=Container("fetch", W, reason="ErrImagePull", message="401", image="y"))),
        {},
        ("Progressing", "False", "ImagePullFailed", "image y of container fetch"),
    ),
    (
        "an image cannot be pulled for want of a Secret",
        observed(
            loading(Container("llama-server", W, reason="ErrImagePull", message="401")),
            missing_secrets=("pull",),
        ),
        {"pod": {"imagePullSecrets": [{"name": "pull"}]}},
        ("Progressing", "False", "SecretMissing", "Secret pull does not exist"),
    ),
    (
        "the server exits at its start",
        observed(loading(crashed("error loading model: unknown architecture"))),
        {},
        (
            "Progressing",
            "False",
            "ServerCrashing",
            "ended with exit code 1: error loading model: unknown architecture",
        ),
    ),
    (
        "it has only just ended",
        observed(loading(Container("llama-server", T, exit_code=2, log_line="error: bad flag"))),
        {},
        ("Progressing", "False", "ServerCrashing", "exit code 2: error: bad flag"),
    ),
    (
        "it tries again, and has not started yet",
        observed(loading(Container("llama-server", R, restarts=1, last_exit_code=1))),
        {},
        ("Progressing", "False", "ServerCrashing", "it wrote nothing into its log"),
    ),
    (
        "the end of its log is all that is known",
        observed(loading(crashed(termination_message="I fine\nE llama: failed to open\n"))),
        {},
        ("Progressing", "False", "ServerCrashing", "llama: failed to open"),
    ),
    (
        "it was killed for its memory",
        observed(loading(crashed(exit_code=137, last_reason="OOMKilled"))),
        {},
        ("Progressing", "False", "OutOfMemory", "raise engine.resources.limits.memory"),
    ),
    (
        "the device has too little memory",
        observed(loading(crashed("cudaMalloc failed: out of memory"))),
        GPU,
        ("Progressing", "False", "OutOfMemory", "cudaMalloc failed: out of memory"),
    ),
    (
        "it did not start in time",
        observed(loading(crashed(exit_code=137, last_seconds=101.0))),
        {"lifecycle": {"startupTimeoutSeconds": 100}},
        ("Progressing", "False", "StartTimeout", "not ready within 100 s"),
    ),
    (
        "it was killed early: that is another fault",
        observed(loading(crashed(exit_code=137, last_seconds=20.0))),
        {"lifecycle": {"startupTimeoutSeconds": 100}},
        ("Progressing", "False", "ServerCrashing", "exit code 137"),
    ),
    (
        "the rollout takes too long, and nothing says why",
        observed(loading(), workload=workload(deadline_exceeded=True)),
        {"lifecycle": {"startupTimeoutSeconds": 100}},
        ("Progressing", "False", "StartTimeout", "no further replica became ready within 100 s"),
    ),
    (
        "a volume cannot be mounted",
        observed(pod(volume_message="MountVolume.SetUp failed: timed out")),
        {},
        ("Progressing", "False", "MountFailed", "qwen-1 cannot be mounted: MountVolume.SetUp"),
    ),
    (
        "an old warning about a mount, but its containers run",
        observed(loading(volume_message="timed out")),
        {},
        ("Progressing", "True", "Loading", ""),
    ),
    (
        "a container cannot be created",
        observed(
            loading(
                Container("llama-server", W, reason="CreateContainerConfigError", message="no key")
            )
        ),
        {},
        ("Progressing", "False", "PodFailed", "llama-server cannot be started: no key"),
    ),
    (
        "all pods were evicted",
        observed(pod(phase="Failed", reason="Evicted", message="low on disk")),
        {},
        ("Progressing", "False", "PodFailed", "qwen-1 failed (Evicted): low on disk"),
    ),
    (
        "an evicted pod that has been replaced",
        observed(
            pod("old", phase="Failed", server=Container("llama-server", T, exit_code=137)),
            serving("b"),
            workload=workload(1, 1),
        ),
        {},
        ("Progressing", "True", "Available", ""),
    ),
    (
        "a replica downloads",
        observed(fetching(PROGRESS)),
        {},
        ("Progressing", "True", "Downloading", "1 replica fetching the model"),
    ),
    (
        "a replica waits for its image",
        observed(loading(Container("llama-server", W, reason="PodInitializing"))),
        {},
        ("Progressing", "True", "Loading", "image is pulled first"),
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

FROM_ZERO = {"minReplicas": 0, "maxReplicas": 5}
OK = Answer("True", "ValidMetricFound", "")
WITHIN = Answer("False", "DesiredWithinRange", "")
TOO_MANY = Answer("True", "TooManyReplicas", "")
DISABLED = Answer("False", "ScalingDisabled", "the replica count of the target is zero")
NO_METRICS = Answer("False", "FailedGetObjectMetric", "unable to get metric slot_utilization")
NO_SCALE = Answer("False", "FailedGetScale", "cannot get scale")
AUTOSCALING: list[Row] = [
    (
        "a fixed number",
        observed(),
        {"replicas": 2},
        ("Autoscaling", "False", "FixedReplicas", "spec.replicas fixes 2 replicas"),
    ),
    (
        "no number at all",
        observed(serving()),
        {},
        ("Autoscaling", "False", "FixedReplicas", "replicas stay as they are, now 1"),
    ),
    (
        "asked for, and not there yet",
        observed(serving()),
        {"autoscaling": {"maxReplicas": 5}},
        ("Autoscaling", "Unknown", "Pending", "has not looked"),
    ),
    (
        "it works",
        observed(serving(), autoscaler=Autoscaler(2, OK, OK, WITHIN)),
        {"autoscaling": {"maxReplicas": 5}},
        ("Autoscaling", "True", "FollowsLoad", "between 1 and 5, now 2 (kubectl get hpa qwen"),
    ),
    (
        "the load asks for more",
        observed(serving(), autoscaler=Autoscaler(5, OK, OK, TOO_MANY)),
        {"autoscaling": {"maxReplicas": 5}},
        ("Autoscaling", "True", "AtMaximum", "more than 5 replicas"),
    ),
    (
        "no metrics: in the autoscaler's own words",
        observed(serving(), autoscaler=Autoscaler(1, OK, NO_METRICS, TOO_MANY)),
        {"autoscaling": {"maxReplicas": 5}},
        ("Autoscaling", "False", "MetricsUnavailable", "unable to get metric"),
    ),
    (
        "it cannot scale",
        observed(serving(), autoscaler=Autoscaler(1, NO_SCALE)),
        {"autoscaling": {"maxReplicas": 5}},
        ("Autoscaling", "False", "ScalingFailed", "cannot get scale"),
    ),
    (
        "another one has the metrics API",
        observed(serving(), autoscaler=Autoscaler(1, OK, OK), metrics_api="it is monitoring's"),
        {"autoscaling": {"minReplicas": 0, "maxReplicas": 5}},
        ("Autoscaling", "False", "MetricsApiUnavailable", "it is monitoring's"),
    ),
    (
        "asleep",
        Observed(workload=workload(0), autoscaler=Autoscaler(0, OK, DISABLED)),
        {"autoscaling": FROM_ZERO, "cache": {"accessMode": "ReadWriteMany"}},
        ("Autoscaling", "True", "Asleep", "the next request"),
    ),
    (
        "awake, and the autoscaler did not look since",
        observed(serving(), autoscaler=Autoscaler(0, OK, DISABLED)),
        {"autoscaling": FROM_ZERO, "cache": {"accessMode": "ReadWriteMany"}},
        ("Autoscaling", "Unknown", "Pending", ""),
    ),
    (
        "each wake downloads: a warning",
        observed(serving(), autoscaler=Autoscaler(1, OK, OK, WITHIN)),
        {"autoscaling": FROM_ZERO},
        ("Autoscaling", "True", "WakeDownloads", "spec.cache.existingClaim"),
    ),
    (
        "a model on a claim is not downloaded",
        observed(serving(), autoscaler=Autoscaler(1, OK, OK, WITHIN)),
        {"autoscaling": FROM_ZERO, "model": {"source": "pvc://models/m.gguf"}},
        ("Autoscaling", "True", "FollowsLoad", ""),
    ),
]

READY: list[Row] = [
    ("nothing exists yet", Observed(), {}, ("Ready", "False", "Pending", "no replica answers")),
    (
        "one of two answers",
        observed(serving("a"), loading(name="b")),
        {"slots": 3},
        ("Ready", "True", "Ready", "1 of 2 replicas ready, 3 slots each"),
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
        "the update fails and the old replica answers",
        observed(
            serving("old", template_hash="old"),
            failed_fetch("SourceNotFound", "404"),
            workload=workload(1, 1, replicas=2),
        ),
        {},
        ("Ready", "True", "Ready", "1 of 1 replica ready"),
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
        ("Ready", "False", "RejectedByCluster", "Deployment qwen: no"),
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

TWO = (serving("qwen-1"), serving("qwen-2"))
WEDGED: list[Row] = [
    (
        "one of two servers is wedged: Ready with a warning that names it",
        observed(*TWO, wedged=frozenset({"qwen-2"})),
        {},
        ("Ready", "True", "ServerWedged", "llama-server in qwen-2 answers no more"),
    ),
    (
        "the only server is wedged",
        observed(serving(), wedged=frozenset({"qwen-1"})),
        {},
        (
            "Ready",
            "False",
            "ServerWedged",
            "the kubelet restarts it after twice lifecycle.wedgeSeconds",
        ),
    ),
    (
        "all servers are wedged",
        observed(*TWO, wedged=frozenset({"qwen-1", "qwen-2"})),
        {},
        ("Progressing", "True", "ServerWedged", "qwen-1, qwen-2 answer no more"),
    ),
    (
        "it fails its probe, too",
        observed(loading(Container("llama-server", R, started=True)), wedged=frozenset({"qwen-1"})),
        {},
        ("Ready", "False", "ServerWedged", "qwen-1 answers no more"),
    ),
    (
        "it fails its probe, and the Deployment has not heard of it yet",
        observed(
            loading(Container("llama-server", R, started=True)),
            workload=workload(1, 1),
            wedged=frozenset({"qwen-1"}),
        ),
        {},
        ("Ready", "False", "ServerWedged", "qwen-1 answers no more"),
    ),
    (
        "one of two fails its probe, too, and the other one answers",
        observed(
            serving("qwen-2"),
            loading(Container("llama-server", R, started=True)),
            wedged=frozenset({"qwen-1"}),
        ),
        {},
        ("Ready", "True", "ServerWedged", "qwen-1 answers no more"),
    ),
    (
        "the kubelet has begun to restart it",
        observed(loading(), wedged=frozenset({"qwen-1"})),
        {},
        ("Progressing", "True", "Loading", ""),
    ),
    (
        "the wedged pod is already on its way out",
        observed(
            serving("qwen-1"),
            serving("qwen-2", terminating=True),
            workload=workload(1, 1),
            wedged=frozenset({"qwen-2"}),
        ),
        {},
        ("Ready", "True", "Ready", "1 of 1"),
    ),
    (
        "what the gateway says of a pod that is gone is old",
        observed(serving("qwen-2"), wedged=frozenset({"qwen-1"})),
        {},
        ("Ready", "True", "Ready", "1 of 1"),
    ),
    (
        "one is wedged while another loads",
        observed(serving(), loading(name="qwen-2"), wedged=frozenset({"qwen-1"})),
        {},
        ("Ready", "False", "Loading", ""),
    ),
]

ROWS = [*SPEC_VALID, *MODEL_READY, *SCHEDULED, *PROGRESSING, *AUTOSCALING, *READY, *WEDGED]


@pytest.mark.parametrize(
    ("sentence", "snapshot", "spec", "expected"), ROWS, ids=[r[0] for r in ROWS]
)
def test_a_condition(
    sentence: str, snapshot: Observed, spec: dict[str, Any], expected: tuple[str, str, str, str]
) -> None:
    kind, status, reason, message = expected
    found = judged(snapshot, **spec)[kind]
    assert (found.status.value, found.reason) == (status, reason), found.message
    assert message in found.message
