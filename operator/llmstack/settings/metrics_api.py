"""How does the operator serve the API by which an autoscaler reads the load?"""

from collections.abc import Mapping
from dataclasses import dataclass

from llmstack.errors import ConfigurationError
from llmstack.settings.reader import count, seconds, text
from llmstack.settings.setting import read, setting


@dataclass(frozen=True)
class MetricsSettings:
    """How custom.metrics.k8s.io is served; with `service` "" it is not. Times in seconds."""

    service: str = setting(
        "LLMSTACK_METRICS_SERVICE",
        text,
        "Service in the operator's namespace through which the API server reaches "
        "custom.metrics.k8s.io; its certificate is in the Secret `<name>-tls`; empty disables the "
        "metrics API.",
        "",
    )
    owner: str = setting(
        "LLMSTACK_METRICS_OWNER",
        text,
        "ClusterRole that owns the APIServices, so that they are deleted with it.",
        "",
    )
    port: int = setting("LLMSTACK_METRICS_PORT", count, "Port of custom.metrics.k8s.io.", 8443)
    check_seconds: float = setting(
        "LLMSTACK_METRICS_CHECK_SECONDS",
        seconds,
        "Interval of checks of certificates and APIServices.",
        30.0,
    )
    certificate_seconds: float = setting(
        "LLMSTACK_METRICS_CERTIFICATE_SECONDS",
        seconds,
        "Lifetime of a certificate, which is renewed after two thirds of it.",
        90.0 * 24 * 3600,
    )

    @property
    def secret(self) -> str:
        """The Secret that holds the serving certificate."""
        return f"{self.service}-tls"

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "MetricsSettings":
        """The settings that this environment asks for. Raises ConfigurationError."""
        metrics = cls(**read(cls, env))
        if metrics.service and not metrics.owner:
            raise ConfigurationError(
                "LLMSTACK_METRICS_SERVICE requires LLMSTACK_METRICS_OWNER: without an owner, the "
                "APIServices would remain after an uninstall, and no namespace can be deleted then"
            )
        if metrics.service and env.get("LLMSTACK_NAMESPACES", "").strip(" ,"):
            raise ConfigurationError(
                "LLMSTACK_METRICS_SERVICE and LLMSTACK_NAMESPACES are mutually exclusive: the "
                "metrics API is cluster-wide"
            )
        return metrics
