"""How does the operator serve the API by which an autoscaler reads the load?"""

from dataclasses import dataclass

from llmstack.errors import ConfigurationError
from llmstack.settings.reader import Reader


@dataclass(frozen=True)
class MetricsSettings:
    """Settings of the metrics API for autoscalers. If `service` is "", it is not served. `owner` is
    the ClusterRole that owns the APIServices. Times in seconds.
    """

    service: str
    owner: str
    port: int
    check_seconds: float
    certificate_seconds: float

    @property
    def secret(self) -> str:
        """The Secret that holds the serving certificate."""
        return f"{self.service}-tls"


def metrics_settings(read: Reader) -> MetricsSettings:
    """Read the settings from the environment. Raises ConfigurationError."""
    metrics = MetricsSettings(
        service=read.text("LLMSTACK_METRICS_SERVICE", ""),
        owner=read.text("LLMSTACK_METRICS_OWNER", ""),
        port=read.count("LLMSTACK_METRICS_PORT", 8443),
        check_seconds=read.seconds("LLMSTACK_METRICS_CHECK_SECONDS", 30),
        certificate_seconds=read.seconds("LLMSTACK_METRICS_CERTIFICATE_SECONDS", 90 * 24 * 3600),
    )
    if metrics.service and not metrics.owner:
        raise ConfigurationError(
            "LLMSTACK_METRICS_SERVICE requires LLMSTACK_METRICS_OWNER: without an owner, the "
            "APIServices would remain after an uninstall, and no namespace can be deleted then"
        )
    if metrics.service and read.names("LLMSTACK_NAMESPACES"):
        raise ConfigurationError(
            "LLMSTACK_METRICS_SERVICE and LLMSTACK_NAMESPACES are mutually exclusive: the metrics "
            "API is cluster-wide"
        )
    return metrics
