"""Under which path does the API server keep a kind?"""

from dataclasses import dataclass

from llmstack.api import resource


@dataclass(frozen=True)
class Kind:
    """One kind of object, in the version that this project speaks."""

    api_version: str
    kind: str
    plural: str
    namespaced: bool = True

    @property
    def group_version(self) -> tuple[str, str]:
        """API group ("" for the core) and version."""
        group, _, version = self.api_version.rpartition("/")
        return group, version

    def path(self, namespace: str | None = None, name: str = "", subresource: str = "") -> str:
        """Path of the collection, or of one object, or of one object's subresource."""
        root = "/api/v1" if self.api_version == "v1" else f"/apis/{self.api_version}"
        scope = f"/namespaces/{namespace}" if self.namespaced and namespace else ""
        tail = "".join(f"/{part}" for part in (name, subresource) if part)
        return f"{root}{scope}/{self.plural}{tail}"


POD = Kind("v1", "Pod", "pods")
SERVICE = Kind("v1", "Service", "services")
SECRET = Kind("v1", "Secret", "secrets")
CONFIG_MAP = Kind("v1", "ConfigMap", "configmaps")
SERVICE_ACCOUNT = Kind("v1", "ServiceAccount", "serviceaccounts")
CLAIM = Kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims")
EVENT = Kind("v1", "Event", "events")
NODE = Kind("v1", "Node", "nodes", namespaced=False)
DEPLOYMENT = Kind("apps/v1", "Deployment", "deployments")
JOB = Kind("batch/v1", "Job", "jobs")
DISRUPTION_BUDGET = Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets")
NETWORK_POLICY = Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies")
STORAGE_CLASS = Kind("storage.k8s.io/v1", "StorageClass", "storageclasses", namespaced=False)
LEASE = Kind("coordination.k8s.io/v1", "Lease", "leases")
ENDPOINT_SLICE = Kind("discovery.k8s.io/v1", "EndpointSlice", "endpointslices")
AUTOSCALER = Kind("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers")
API_SERVICE = Kind("apiregistration.k8s.io/v1", "APIService", "apiservices", namespaced=False)
CLUSTER_ROLE = Kind("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles", namespaced=False)
DEFINITION = Kind(
    "apiextensions.k8s.io/v1",
    "CustomResourceDefinition",
    "customresourcedefinitions",
    namespaced=False,
)
ACCESS_REVIEW = Kind(
    "authorization.k8s.io/v1", "SubjectAccessReview", "subjectaccessreviews", namespaced=False
)
LLM_DEPLOYMENT = Kind(resource.API_VERSION, resource.KIND, resource.PLURAL)

MADE = (
    DEPLOYMENT,
    SERVICE,
    SERVICE_ACCOUNT,
    DISRUPTION_BUDGET,
    NETWORK_POLICY,
    AUTOSCALER,
    JOB,
)
"""What the operator makes of a deployment, owned by it; pods and claims come with these."""

_KINDS = {
    (kind.api_version, kind.kind): kind
    for kind in (
        POD,
        SERVICE,
        SECRET,
        CONFIG_MAP,
        SERVICE_ACCOUNT,
        CLAIM,
        EVENT,
        NODE,
        DEPLOYMENT,
        JOB,
        DISRUPTION_BUDGET,
        NETWORK_POLICY,
        STORAGE_CLASS,
        LEASE,
        ENDPOINT_SLICE,
        AUTOSCALER,
        API_SERVICE,
        CLUSTER_ROLE,
        ACCESS_REVIEW,
        DEFINITION,
        LLM_DEPLOYMENT,
    )
}


def kind_of(api_version: str, kind: str) -> Kind:
    """Return the kind. Raises KeyError for one that the project does not handle."""
    return _KINDS[(api_version, kind)]
