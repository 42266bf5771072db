"""Which settings does `llmstack fetch` start with?"""

from collections.abc import Mapping
from dataclasses import dataclass

from llmstack.errors import ConfigurationError
from llmstack.proxies import ProxySettings, read_proxies
from llmstack.secret import without_credentials
from llmstack.settings.reader import Reader, count, seconds, text
from llmstack.settings.setting import read, setting

ADDRESSES = (
    "HF_ENDPOINT",
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
)
"""Variables that may hold an address with credentials."""


def _endpoint(reader: Reader, name: str, default: str) -> str:
    endpoint = text(reader, name, default).rstrip("/")
    if not endpoint.startswith(("https://", "http://")):
        raise ConfigurationError(
            f"{name} must begin with https://, not {without_credentials(endpoint)!r}"
        )
    return endpoint


@dataclass(frozen=True, kw_only=True)
class FetchSettings:
    """What `llmstack fetch` needs to know besides its arguments.

    HTTPS_PROXY, HTTP_PROXY and NO_PROXY are read as Go programs read them (llmstack.proxies).
    """

    endpoint: str = setting(
        "HF_ENDPOINT", _endpoint, "Hub for `hf://` sources.", "https://huggingface.co", hidden=True
    )
    token_file: str = setting(
        "HF_TOKEN_FILE",
        text,
        "File with a bearer token for the source's own host (the key `token` of the Secret in "
        "`spec.model.secretRef`).",
        "",
    )
    ca_file: str = setting(
        "SSL_CERT_FILE",
        text,
        "CA bundle to use instead of the system's; the chart value `caBundle` sets it.",
        "",
    )
    connections: int = setting(
        "LLMSTACK_FETCH_CONNECTIONS", count, "Parallel connections per file.", 8
    )
    attempts: int = setting(
        "LLMSTACK_FETCH_ATTEMPTS",
        count,
        "Consecutive failures without progress before giving up.",
        6,
    )
    backoff: float = setting(
        "LLMSTACK_FETCH_BACKOFF_SECONDS",
        seconds,
        "Delay in seconds after the first failure; it doubles up to 15.",
        0.5,
    )
    idle: float = setting(
        "LLMSTACK_FETCH_IDLE_SECONDS",
        seconds,
        "Idle timeout of a connection.",
        30.0,
    )
    slow_bytes: int = setting(
        "LLMSTACK_FETCH_SLOW_BYTES_PER_SECOND",
        count,
        "Minimum speed of a connection, in bytes per second.",
        1000,
    )
    slow_seconds: float = setting(
        "LLMSTACK_FETCH_SLOW_SECONDS",
        seconds,
        "Period over which the speed is measured.",
        60.0,
    )
    connect: float = setting("LLMSTACK_FETCH_CONNECT_SECONDS", seconds, "Connect timeout.", 10.0)
    progress: float = setting(
        "LLMSTACK_FETCH_PROGRESS_SECONDS",
        seconds,
        "Minimum interval between two progress lines.",
        2.0,
    )
    lock: float = setting(
        "LLMSTACK_FETCH_LOCK_SECONDS",
        seconds,
        "Age after which a lock counts as abandoned, in seconds.",
        15.0,
    )
    proxies: ProxySettings

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "FetchSettings":
        """The settings that this environment asks for. Raises ConfigurationError."""
        return cls(**read(cls, env), proxies=read_proxies(env))
