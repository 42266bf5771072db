"""Which settings does a process start with?

Each role reads its own from the environment, once, at its start: nothing reads the environment
later. A setting that cannot work is a ConfigurationError that names the variable. One file a role
lists its variables: `operator` (with `lease` and `metrics`), `gateway` and `fetch`.
"""

from llmstack.proxies import ProxySettings
from llmstack.settings.fetch import FetchSettings
from llmstack.settings.gateway import GatewayLimits, GatewaySettings
from llmstack.settings.lease import LeaseSettings
from llmstack.settings.metrics import MetricsSettings
from llmstack.settings.operator import PASSED_TO_FETCH, OperatorSettings

__all__ = [
    "PASSED_TO_FETCH",
    "FetchSettings",
    "GatewayLimits",
    "GatewaySettings",
    "LeaseSettings",
    "MetricsSettings",
    "OperatorSettings",
    "ProxySettings",
]
