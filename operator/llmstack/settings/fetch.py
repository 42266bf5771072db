"""Which settings does `llmstack fetch` start with?"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from llmstack.errors import ConfigurationError
from llmstack.proxies import ProxySettings, read_proxies
from llmstack.secret import without_credentials
from llmstack.settings.reader import Reader

ADDRESSES = (
    "HF_ENDPOINT",
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
)
"""Variables that may hold an address with credentials."""


@dataclass(frozen=True)
class FetchSettings:
    """Settings of `llmstack fetch` besides its arguments.

    All are optional. Each line has the default and the meaning:
        HF_ENDPOINT                   "https://huggingface.co": hub for hf:// sources
        HF_TOKEN_FILE                 "": file with a bearer token for the source's own host (the
                                      key `token` of the Secret in spec.model.secretRef)
        HTTPS_PROXY, HTTP_PROXY, NO_PROXY   "": same format as in Go programs, also in lowercase;
                                      see llmstack.proxies
        SSL_CERT_FILE                 "": CA bundle to use instead of the system's
        LLMSTACK_FETCH_CONNECTIONS    8: parallel connections per file
        LLMSTACK_FETCH_ATTEMPTS       6: consecutive failures without progress before giving up
        LLMSTACK_FETCH_BACKOFF_SECONDS     0.5: delay after the first failure; doubles up to 15
        LLMSTACK_FETCH_IDLE_SECONDS   30: idle timeout of a connection
        LLMSTACK_FETCH_SLOW_BYTES_PER_SECOND  1000: minimum speed of a connection
        LLMSTACK_FETCH_SLOW_SECONDS   60: period over which the speed is measured
        LLMSTACK_FETCH_CONNECT_SECONDS     10: connect timeout
        LLMSTACK_FETCH_PROGRESS_SECONDS    2: minimum interval between two progress lines
        LLMSTACK_FETCH_LOCK_SECONDS   15: age after which a lock counts as abandoned
    """

    endpoint: str = field(repr=False)
    token_file: str
    proxies: ProxySettings
    ca_file: str
    connections: int
    attempts: int
    backoff: float
    idle: float
    slow_bytes: int
    slow_seconds: float
    connect: float
    progress: float
    lock: float

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "FetchSettings":
        """Read the settings from the environment. Raises ConfigurationError."""
        read = Reader(env)
        endpoint = read.text("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
        if not endpoint.startswith(("https://", "http://")):
            raise ConfigurationError(
                f"HF_ENDPOINT must start with https://, not {without_credentials(endpoint)!r}"
            )
        return cls(
            endpoint=endpoint,
            token_file=read.text("HF_TOKEN_FILE", ""),
            proxies=read_proxies(env),
            ca_file=read.text("SSL_CERT_FILE", ""),
            connections=read.count("LLMSTACK_FETCH_CONNECTIONS", 8),
            attempts=read.count("LLMSTACK_FETCH_ATTEMPTS", 6),
            backoff=read.seconds("LLMSTACK_FETCH_BACKOFF_SECONDS", 0.5),
            idle=read.seconds("LLMSTACK_FETCH_IDLE_SECONDS", 30),
            slow_bytes=read.count("LLMSTACK_FETCH_SLOW_BYTES_PER_SECOND", 1000),
            slow_seconds=read.seconds("LLMSTACK_FETCH_SLOW_SECONDS", 60),
            connect=read.seconds("LLMSTACK_FETCH_CONNECT_SECONDS", 10),
            progress=read.seconds("LLMSTACK_FETCH_PROGRESS_SECONDS", 2),
            lock=read.seconds("LLMSTACK_FETCH_LOCK_SECONDS", 15),
        )
