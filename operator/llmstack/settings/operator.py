"""Which settings does `llmstack operator` start with?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from llmstack.settings import common
from llmstack.settings.lease import LeaseSettings
from llmstack.settings.metrics_api import MetricsSettings
from llmstack.settings.reader import (
    Reader,
    chosen,
    count,
    file,
    labels,
    names,
    objects,
    required,
    seconds,
    text,
)
from llmstack.settings.setting import read, setting

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


def _any_of_ipv6(reader: Reader, name: str, _default: object) -> bool:
    return any(":" in address for address in names(reader, name))


@dataclass(frozen=True)
class ServerImages:
    """Images of llama-server by vendor."""

    cpu: str = setting(
        "LLMSTACK_IMAGE_SERVER_CPU", required, "Image of llama-server for vendor cpu."
    )
    nvidia: str = setting(
        "LLMSTACK_IMAGE_SERVER_NVIDIA",
        text,
        "Image of llama-server for vendor nvidia. For a vendor without an image, an LLMDeployment "
        "must set `spec.engine.image`.",
        "",
    )
    amd: str = setting("LLMSTACK_IMAGE_SERVER_AMD", text, "The same for vendor amd.", "")
    intel: str = setting("LLMSTACK_IMAGE_SERVER_INTEL", text, "The same for vendor intel.", "")


@dataclass(frozen=True, kw_only=True)
class OperatorSettings:
    """Settings of `llmstack operator`."""

    namespace: str = setting(
        "POD_NAMESPACE", required, "Namespace of the operator, its Lease and its root Secret."
    )
    fetch_image: str = setting(
        "LLMSTACK_IMAGE_FETCH", required, "Image of the init container (the operator's own image)."
    )
    server_images: Mapping[str, str]
    identity: str = common.identity("llmstack-operator", "Holder name in the Lease.")
    namespaces: tuple[str, ...] = common.namespaces()
    root_secret: str = common.root_secret()
    fetch_env: Mapping[str, str] = field(repr=False)
    gateway_host: str = setting(
        "LLMSTACK_GATEWAY_HOST",
        text,
        "DNS name of the gateway's Service, to which the Service `<name>` of each LLMDeployment "
        "points; empty creates none.",
        "",
    )
    gateway_pods: Mapping[str, str] = setting(
        "LLMSTACK_GATEWAY_PODS",
        labels,
        "Labels of the gateway's pods in the operator's namespace, as comma-separated "
        "`name=value`; a NetworkPolicy allows only them to connect to replicas; empty creates "
        "none.",
        "",
    )
    egress_restricted: bool = setting(
        "LLMSTACK_REPLICA_EGRESS",
        chosen("restricted", "open"),
        "`restricted`: that NetworkPolicy allows replicas to connect only to their model's "
        "source; `open` allows everything.",
        default=True,
        shown="restricted",
    )
    egress_allow: tuple[Mapping[str, Any], ...] = setting(
        "LLMSTACK_REPLICA_EGRESS_ALLOW",
        objects,
        "Further `egress` rules of that NetworkPolicy, as a JSON list.",
        (),
    )
    fixed_ids: bool = setting(
        "LLMSTACK_REPLICA_IDS",
        chosen("fixed", "cluster"),
        "`fixed`: replicas run as user and group 65532; `cluster` lets the cluster choose the "
        "IDs, as on OpenShift.",
        default=True,
        shown="fixed",
    )
    ipv6: bool = setting(
        "LLMSTACK_POD_IPS",
        _any_of_ipv6,
        "Comma-separated addresses of the operator's pod; if one is an IPv6 address, replicas "
        "listen on IPv6 as well.",
        default=False,
        shown="none",
    )
    gateway_load_url: str = setting(
        "LLMSTACK_GATEWAY_LOAD_URL",
        text,
        "URL of the gateway's `/load`; empty disables it.",
        "",
    )
    ca_bundle: str = setting(
        "LLMSTACK_CA_BUNDLE_FILE",
        file,
        "PEM file of the certificate authorities that downloads trust, passed on as a ConfigMap; "
        "empty uses the image's own.",
        "",
    )
    resync_seconds: float = setting(
        "LLMSTACK_RESYNC_SECONDS",
        seconds,
        "Maximum interval between two passes over a deployment.",
        300.0,
    )
    progress_seconds: float = setting(
        "LLMSTACK_PROGRESS_SECONDS",
        seconds,
        "Minimum interval between two reads of a download's log.",
        10.0,
    )
    workers: int = setting(
        "LLMSTACK_WORKERS", count, "Number of deployments reconciled in parallel.", 16
    )
    api_timeout: float = common.api_timeout()
    api_rate: float = setting(
        "LLMSTACK_API_CALLS_PER_SECOND",
        count,
        "Average rate of Kubernetes API calls, except for the Lease and watches.",
        200,
    )
    api_burst: int = setting("LLMSTACK_API_CALLS_BURST", count, "Maximum burst of such calls.", 500)
    stop_seconds: float = setting(
        "LLMSTACK_STOP_SECONDS",
        seconds,
        "Seconds that running passes get after SIGTERM; the pod's terminationGracePeriodSeconds "
        "must be 10 more.",
        20.0,
    )
    http_port: int = common.http_port("Port for `/healthz`, `/readyz` and `/metrics`.")
    log_level: str = common.log_level()
    kubeconfig: str = common.kubeconfig()
    metrics: MetricsSettings
    lease: LeaseSettings

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "OperatorSettings":
        """The settings that this environment asks for. Raises ConfigurationError."""
        return cls(
            **read(cls, env),
            server_images={
                vendor: image for vendor, image in read(ServerImages, env).items() if image
            },
            fetch_env={name: value for name, value in env.items() if value and _is_passed(name)},
            metrics=MetricsSettings.from_env(env),
            lease=LeaseSettings.from_env(env),
        )


def _is_passed(name: str) -> bool:
    return name in PASSED_TO_FETCH or name.startswith(FETCH_PREFIX)
