"""What keeps replicas from coming up?"""

from llmstack.observed import ApplyFailure, Container, Observed
from tests.unit.status.rows.row import GPU, NO_GPU, PULL, Row
from tests.unit.status.samples import (
    R,
    T,
    W,
    crashed,
    failed_fetch,
    homeless,
    loading,
    observed,
    pod,
    serving,
    workload,
)

ROWS: list[Row] = [
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
        ("Progressing", "False", "RejectedByCluster", "rejected the pods: exceeded quota"),
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
            "image x of container llama-server cannot be pulled: not found; fix the image name",
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
            "exited with exit code 1: error loading model: unknown architecture",
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
        ("Progressing", "False", "ServerCrashing", "its log is empty"),
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
        ("Progressing", "False", "OutOfMemory", "raise spec.engine.resources.limits.memory"),
    ),
    (
        "the device has too little memory",
        observed(loading(crashed("cudaMalloc failed: out of memory"))),
        GPU,
        (
            "Progressing",
            "False",
            "OutOfMemory",
            "(cudaMalloc failed: out of memory): lower spec.slots or spec.contextLength, choose a "
            "smaller quantization, or raise spec.accelerator.count",
        ),
    ),
    (
        "the host has too little memory",
        observed(loading(crashed("ggml_aligned_malloc: unable to allocate 8192.00 MB"))),
        {},
        ("Progressing", "False", "OutOfMemory", "or run it on a node with more memory"),
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
        ("Progressing", "False", "StartTimeout", "no new replica became ready within 100 s"),
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
        ("Progressing", "False", "PodFailed", "llama-server could not be started: no key"),
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
]
