"""Which settings does `llmstack gateway` start with?"""

from collections.abc import Mapping
from dataclasses import dataclass

from llmstack.settings import common
from llmstack.settings.limits import Limits
from llmstack.settings.reader import Reader, count, names, required, text
from llmstack.settings.setting import read, setting


@dataclass(frozen=True, kw_only=True)
class GatewaySettings:
    """What the gateway needs to know besides its models.

    With `--config FILE` the file says where to listen, who may come in and which models there are:
    then only the limits, POD_NAME and the log level are read.
    """

    namespace: str = setting(
        "POD_NAMESPACE",
        text,
        "Namespace of the gateway and its two Secrets.",
        "",
        shown="required",
    )
    identity: str = common.identity(
        "llmstack-gateway", "Name of this process in the API server's log."
    )
    namespaces: tuple[str, ...] = common.namespaces()
    root_secret: str = common.root_secret()
    keys_secret: str = setting(
        "LLMSTACK_KEYS_SECRET",
        text,
        "Secret with the API keys of clients. Without it, anyone who can connect to the gateway "
        "can use it; the gateway logs a warning.",
        "",
    )
    cors_origins: tuple[str, ...] = setting(
        "LLMSTACK_CORS_ORIGINS",
        names,
        "Comma-separated origins of web pages that may call the gateway; `*` allows all.",
        (),
    )
    http_port: int = common.http_port("Port for clients.")
    admin_port: int = setting(
        "LLMSTACK_ADMIN_PORT",
        count,
        "Port for `/metrics`, `/healthz`, `/readyz`, `/load`.",
        9090,
    )
    peers_service: str = setting(
        "LLMSTACK_PEERS_SERVICE",
        text,
        "Headless Service of all gateways, if there are several; they own the models together "
        "([gateway.md](gateway.md#several-gateways)). Without it, this gateway owns all models.",
        "",
    )
    peers_port: int = setting("LLMSTACK_PEERS_PORT", count, "Port for other gateways.", 9191)
    pod_ip: str = setting(
        "POD_IP", text, "IP address of this pod, required with `LLMSTACK_PEERS_SERVICE`.", ""
    )
    api_timeout: float = common.api_timeout()
    log_level: str = common.log_level()
    kubeconfig: str = common.kubeconfig()
    limits: Limits

    @classmethod
    def from_env(cls, env: Mapping[str, str], *, cluster: bool = True) -> "GatewaySettings":
        """The settings that this environment asks for. Raises ConfigurationError."""
        settings = cls(**read(cls, env), limits=Limits.from_env(env))
        if cluster:
            required(Reader(env), "POD_NAMESPACE")
        if settings.peers_service:
            required(Reader(env), "POD_IP")
        return settings
