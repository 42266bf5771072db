"""Has every replica a node, with its volume and its devices?"""

from llmstack.observed import Claim, Observed
from tests.unit.status.rows.row import GPU, NO_GPU, Row
from tests.unit.status.samples import homeless, observed, serving, workload

SHARED = {"cache": {"accessMode": "ReadWriteMany", "storageClassName": "fast"}}
PENDING_CLAIM = Claim("llmstack-cache-fast-rwx", "Pending", "fast")
NO_CLAIM = (
    "0/1 nodes are available: waiting for ephemeral volume controller to create the "
    'persistentvolumeclaim "qwen-1-cache". not found'
)

ROWS: list[Row] = [
    ("no replica exists", observed(), {}, ("Scheduled", "Unknown", "Pending", "no replica")),
    (
        "the scheduler has not spoken",
        observed(homeless()),
        {},
        ("Scheduled", "Unknown", "Pending", "1 replica not yet assigned to a node"),
    ),
    (
        "the claim of its own volume is not made yet: no fault",
        observed(homeless(NO_CLAIM)),
        {},
        ("Scheduled", "Unknown", "Pending", "1 replica not yet assigned to a node"),
    ),
    (
        "that is no reason to overlook another one without a node",
        observed(homeless(NO_CLAIM, name="a"), homeless("0/1 nodes: 1 too many pods.", name="b")),
        {},
        ("Scheduled", "False", "Unschedulable", "too many pods"),
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
        ("Scheduled", "True", "Scheduled", "ReadWriteOnce ties all replicas to the node"),
    ),
    (
        "a pod waits for a GPU that no node has",
        observed(homeless(NO_GPU), accelerators=0),
        GPU,
        (
            "Scheduled",
            "False",
            "InsufficientAccelerators",
            "requests 2 nvidia.com/gpu but no node has any: install the device plugin",
        ),
    ),
    (
        "nodes offer devices by other names",
        observed(
            homeless(NO_GPU),
            accelerators=0,
            offered=("nvidia.com/gpu.shared", "nvidia.com/mig-1g.10gb"),
        ),
        GPU,
        (
            "Scheduled",
            "False",
            "InsufficientAccelerators",
            "set spec.accelerator.resourceName to a resource of a node (nvidia.com/gpu.shared, "
            "nvidia.com/mig-1g.10gb), or install",
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
            "requests 2 nvidia.com/gpu but no node has more than 1: lower",
        ),
    ),
    (
        "a pod waits for GPUs that are in use",
        observed(homeless(NO_GPU), accelerators=8),
        GPU,
        ("Scheduled", "False", "InsufficientAccelerators", "no node has that many free"),
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
            "StorageClass fast does not exist: create it, or change "
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
        (
            "Scheduled",
            "False",
            "VolumeUnbound",
            "PersistentVolumeClaim c is not bound: quota of the disk array",
        ),
    ),
    (
        "the volume of a claim is gone",
        observed(
            homeless(),
            claims=(Claim("c", "Lost", "fast"),),
            storage_classes={"fast": "p"},
        ),
        SHARED,
        ("Scheduled", "False", "VolumeUnbound", "the volume of PersistentVolumeClaim c is lost"),
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
            "replica qwen-1 holds nvidia.com/gpu but computes on the CPU (no usable GPU found)",
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
