"""Which settings does `llmstack operator` start with?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from llmstack.settings.lease import LeaseSettings, lease_settings
from llmstack.settings.metrics import MetricsSettings, metrics_settings
from llmstack.settings.reader import Reader

PASSED_TO_FETCH = (
    "HF_ENDPOINT",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
)
"""Variables of the operator's own environment that the init container gets, where they are set.

So does each that begins with FETCH_PREFIX: the settings of `llmstack fetch` itself.
"""
FETCH_PREFIX = "LLMSTACK_FETCH_"


@dataclass(frozen=True)
class OperatorSettings:
    """Settings of `llmstack operator`.

    Required:
        POD_NAMESPACE                 namespace of the operator, its Lease and its root Secret
        LLMSTACK_IMAGE_FETCH          image of the init container (the operator's own image)
        LLMSTACK_IMAGE_SERVER_CPU     image of llama-server for vendor cpu

    Optional, with the default and the meaning:
        POD_NAME                      "llmstack-operator": holder name in the Lease
        LLMSTACK_IMAGE_SERVER_NVIDIA  "": image of llama-server for vendor nvidia
        LLMSTACK_IMAGE_SERVER_AMD     "": the same for amd
        LLMSTACK_IMAGE_SERVER_INTEL   "": the same for intel; for a vendor without an image, an
                                      LLMDeployment must set `engine.image`
        LLMSTACK_NAMESPACES           "": comma-separated namespaces to serve; empty means all
        LLMSTACK_ROOT_SECRET          "llmstack-root": Secret that server keys are derived from,
                                      created by the operator in its own namespace if missing
        HF_ENDPOINT, HTTP_PROXY, HTTPS_PROXY, NO_PROXY, LLMSTACK_FETCH_…
                                      passed to the init container; in a pod, the operator itself
                                      uses no proxy
        LLMSTACK_GATEWAY_HOST         "": DNS name of the gateway's Service, to which the Service
                                      `<name>` of each LLMDeployment points; empty creates none
        LLMSTACK_GATEWAY_PODS         "": labels of the gateway's pods in the operator's namespace,
                                      as comma-separated `name=value`; a NetworkPolicy allows only
                                      them to connect to replicas; empty creates none
        LLMSTACK_REPLICA_EGRESS       "restricted": that NetworkPolicy allows replicas to connect
                                      only to their model's source; "open" allows everything
        LLMSTACK_REPLICA_EGRESS_ALLOW "": additional `egress` rules, as a JSON list
        LLMSTACK_REPLICA_IDS          "fixed": replicas run as user and group 65532; "cluster" lets
                                      the cluster choose the IDs, as on OpenShift
        LLMSTACK_POD_IPS              "": comma-separated addresses of the operator's pod; if one is
                                      an IPv6 address, replicas listen on IPv6 as well
        LLMSTACK_GATEWAY_LOAD_URL     "": URL of the gateway's /load; empty disables it
        LLMSTACK_CA_BUNDLE_FILE       "": PEM file of the certificate authorities that downloads
                                      trust, passed on as a ConfigMap; empty uses the image's own
        LLMSTACK_METRICS_SERVICE      "": Service in the operator's namespace through which the API
                                      server reaches custom.metrics.k8s.io; its certificate is in
                                      the Secret `<name>-tls`; empty disables the metrics API
        LLMSTACK_METRICS_OWNER        "": ClusterRole that owns the APIServices, so that they are
                                      deleted with it
        LLMSTACK_METRICS_PORT         8443: port of custom.metrics.k8s.io
        LLMSTACK_METRICS_CHECK_SECONDS  30: interval of checks of certificates and APIServices
        LLMSTACK_METRICS_CERTIFICATE_SECONDS  7776000: lifetime of a certificate, which is renewed
                                      after two thirds of it
        LLMSTACK_LEASE_NAME           "llmstack-operator": Lease in the operator's namespace
        LLMSTACK_LEASE_DURATION_SECONDS        15: validity of the Lease, in whole seconds
        LLMSTACK_LEASE_RENEW_DEADLINE_SECONDS  10: seconds without renewal before the process exits
        LLMSTACK_LEASE_RETRY_SECONDS            2: interval between attempts to acquire or renew it
        LLMSTACK_RESYNC_SECONDS       300: maximum interval between two passes over a deployment
        LLMSTACK_PROGRESS_SECONDS     10: minimum interval between two reads of a download's log
        LLMSTACK_WORKERS              16: number of deployments reconciled in parallel
        LLMSTACK_API_TIMEOUT_SECONDS  20: timeout of Kubernetes API calls, except watches
        LLMSTACK_API_CALLS_PER_SECOND  200: average rate of Kubernetes API calls, except for the
                                      Lease and watches
        LLMSTACK_API_CALLS_BURST      500: maximum burst of such calls
        LLMSTACK_STOP_SECONDS         20: seconds that running passes get after SIGTERM; the pod's
                                      terminationGracePeriodSeconds must be 10 more
        LLMSTACK_HTTP_PORT            8080: port for /healthz, /readyz and /metrics
        LLMSTACK_LOG_LEVEL            "info": debug, info, warning or error
        KUBECONFIG                    "": colon-separated kubeconfig files for running outside a
                                      cluster, merged as kubectl does
    """

    namespace: str
    identity: str
    fetch_image: str
    server_images: Mapping[str, str]
    namespaces: tuple[str, ...]
    root_secret: str
    fetch_env: Mapping[str, str] = field(repr=False)
    gateway_host: str
    gateway_pods: Mapping[str, str]
    egress_restricted: bool
    egress_allow: tuple[Mapping[str, Any], ...]
    fixed_ids: bool
    ipv6: bool
    gateway_load_url: str
    ca_bundle: str
    metrics: MetricsSettings
    lease: LeaseSettings
    resync_seconds: float
    progress_seconds: float
    workers: int
    api_timeout: float
    api_rate: float
    api_burst: int
    stop_seconds: float
    http_port: int
    log_level: str
    kubeconfig: str

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "OperatorSettings":
        """Read the settings from the environment. Raises ConfigurationError."""
        read = Reader(env)
        return cls(
            namespace=read.required("POD_NAMESPACE"),
            identity=read.text("POD_NAME", "llmstack-operator"),
            fetch_image=read.required("LLMSTACK_IMAGE_FETCH"),
            server_images=_server_images(read),
            namespaces=read.names("LLMSTACK_NAMESPACES"),
            root_secret=read.text("LLMSTACK_ROOT_SECRET", "llmstack-root"),
            fetch_env={name: value for name, value in env.items() if value and _is_passed(name)},
            gateway_host=read.text("LLMSTACK_GATEWAY_HOST", ""),
            gateway_pods=read.labels("LLMSTACK_GATEWAY_PODS"),
            egress_restricted=read.choice("LLMSTACK_REPLICA_EGRESS", ("restricted", "open"))
            == "restricted",
            egress_allow=read.objects("LLMSTACK_REPLICA_EGRESS_ALLOW"),
            fixed_ids=read.choice("LLMSTACK_REPLICA_IDS", ("fixed", "cluster")) == "fixed",
            ipv6=any(":" in address for address in read.names("LLMSTACK_POD_IPS")),
            gateway_load_url=read.text("LLMSTACK_GATEWAY_LOAD_URL", ""),
            ca_bundle=read.file("LLMSTACK_CA_BUNDLE_FILE"),
            metrics=metrics_settings(read),
            lease=lease_settings(read),
            resync_seconds=read.seconds("LLMSTACK_RESYNC_SECONDS", 300),
            progress_seconds=read.seconds("LLMSTACK_PROGRESS_SECONDS", 10),
            workers=read.count("LLMSTACK_WORKERS", 16),
            api_timeout=read.seconds("LLMSTACK_API_TIMEOUT_SECONDS", 20),
            api_rate=read.count("LLMSTACK_API_CALLS_PER_SECOND", 200),
            api_burst=read.count("LLMSTACK_API_CALLS_BURST", 500),
            stop_seconds=read.seconds("LLMSTACK_STOP_SECONDS", 20),
            http_port=read.count("LLMSTACK_HTTP_PORT", 8080),
            log_level=read.choice("LLMSTACK_LOG_LEVEL", ("info", "debug", "warning", "error")),
            kubeconfig=read.text("KUBECONFIG", ""),
        )


def _is_passed(name: str) -> bool:
    return name in PASSED_TO_FETCH or name.startswith(FETCH_PREFIX)


def _server_images(read: Reader) -> dict[str, str]:
    """Image by vendor, as `spec.accelerator.vendor` writes it; vendors without one are left out."""
    images = {"cpu": read.required("LLMSTACK_IMAGE_SERVER_CPU")}
    for vendor in ("nvidia", "amd", "intel"):
        image = read.text(f"LLMSTACK_IMAGE_SERVER_{vendor.upper()}", "")
        if image:
            images[vendor] = image
    return images
