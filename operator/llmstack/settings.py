"""Which settings does a process start with?

Each role reads its own from the environment, once, at its start: nothing reads the environment
later. A setting that cannot work is a ConfigurationError that names the variable.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from llmstack.errors import ConfigurationError

PASSED_TO_FETCH = (
    "HF_ENDPOINT",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
)
"""Variables of the operator's own environment that the init container gets, where they are set."""


@dataclass(frozen=True)
class LeaseSettings:
    """How long does a won Lease last? In seconds: retry < renew_deadline ≤ duration - 1.

    The second between is what a process has to end in, before another one may write.
    """

    name: str
    duration: int
    renew_deadline: float
    retry: float


@dataclass(frozen=True)
class MetricsSettings:
    """How is the API served by which an autoscaler reads the load? `service` "": it is not.

    `owner` is the ClusterRole with which the APIServices go. Times in seconds.
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


@dataclass(frozen=True)
class OperatorSettings:
    """What does `llmstack operator` need to know?

    Required:
        POD_NAMESPACE                 namespace of the operator: its Lease and root Secret are there
        LLMSTACK_IMAGE_FETCH          image of the init container (this very image)
        LLMSTACK_IMAGE_SERVER_CPU     image of llama-server for vendor cpu

    Optional, with the default:
        POD_NAME                      "llmstack-operator": name under which the Lease is held
        LLMSTACK_IMAGE_SERVER_NVIDIA  "": image of llama-server for vendor nvidia
        LLMSTACK_IMAGE_SERVER_AMD     "": the same for amd
        LLMSTACK_IMAGE_SERVER_INTEL   "": the same for intel; an LLMDeployment of a vendor without
                                      an image must bring its own `engine.image`
        LLMSTACK_NAMESPACES           "": namespaces to serve, with commas between; empty: all
        LLMSTACK_ROOT_SECRET          "llmstack-root": Secret that server keys are derived from,
                                      created by the operator in its own namespace if missing
        HF_ENDPOINT, HTTP_PROXY, HTTPS_PROXY, NO_PROXY
                                      passed on to the init container
        LLMSTACK_GATEWAY_HOST         "": DNS name of the gateway's Service, to which the Service
                                      `<name>` of each LLMDeployment leads; empty: no such Service
        LLMSTACK_GATEWAY_PODS         "": labels of the gateway's pods in the operator's namespace,
                                      `name=value` with commas between: a NetworkPolicy lets only
                                      these reach the replicas; empty: no such NetworkPolicy
        LLMSTACK_GATEWAY_LOAD_URL     "": where the gateway tells its load; empty: it is not asked
        LLMSTACK_CA_BUNDLE_FILE       "": PEM file of the authorities that downloads trust, which
                                      the operator hands on as a ConfigMap; empty: the image's own
        LLMSTACK_METRICS_SERVICE      "": Service in the operator's namespace by which the API
                                      server reaches custom.metrics.k8s.io here; its certificate is
                                      in the Secret of that name and `-tls`; empty: no such API
        LLMSTACK_METRICS_OWNER        "": ClusterRole that owns the APIServices: they go with it
        LLMSTACK_METRICS_PORT         8443: where custom.metrics.k8s.io is served
        LLMSTACK_METRICS_CHECK_SECONDS  30: certificates and APIServices are looked at so often
        LLMSTACK_METRICS_CERTIFICATE_SECONDS  7776000: life of a certificate; it is renewed at two
                                      thirds of it
        LLMSTACK_LEASE_NAME           "llmstack-operator": Lease in the operator's namespace
        LLMSTACK_LEASE_DURATION_SECONDS        15: how long a won Lease lasts (whole seconds)
        LLMSTACK_LEASE_RENEW_DEADLINE_SECONDS  10: the process ends when it could not renew so long
        LLMSTACK_LEASE_RETRY_SECONDS            2: time between two tries to win or renew
        LLMSTACK_RESYNC_SECONDS       300: every deployment is looked at anew at least so often
        LLMSTACK_PROGRESS_SECONDS     10: shortest time between two looks at a download's log
        LLMSTACK_WORKERS              4: deployments reconciled at once
        LLMSTACK_API_TIMEOUT_SECONDS  20: longest call of the Kubernetes API, watches aside
        LLMSTACK_STOP_SECONDS         20: longest wait for running passes on SIGTERM; the pod's
                                      terminationGracePeriodSeconds must exceed it by 10
        LLMSTACK_HTTP_PORT            8080: /healthz, /readyz and /metrics
        LLMSTACK_LOG_LEVEL            "info": debug, info, warning or error
        KUBECONFIG                    "": path of a kubeconfig, for a run outside the cluster
    """

    namespace: str
    identity: str
    fetch_image: str
    server_images: Mapping[str, str]
    namespaces: tuple[str, ...]
    root_secret: str
    fetch_env: Mapping[str, str]
    gateway_host: str
    gateway_pods: Mapping[str, str]
    gateway_load_url: str
    ca_bundle: str
    metrics: MetricsSettings
    lease: LeaseSettings
    resync_seconds: float
    progress_seconds: float
    workers: int
    api_timeout: float
    stop_seconds: float
    http_port: int
    log_level: str
    kubeconfig: str

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "OperatorSettings":
        """Which settings does this environment ask for? Raises ConfigurationError."""
        read = _Reader(env)
        return cls(
            namespace=read.required("POD_NAMESPACE"),
            identity=read.text("POD_NAME", "llmstack-operator"),
            fetch_image=read.required("LLMSTACK_IMAGE_FETCH"),
            server_images=_server_images(read),
            namespaces=read.names("LLMSTACK_NAMESPACES"),
            root_secret=read.text("LLMSTACK_ROOT_SECRET", "llmstack-root"),
            fetch_env={name: env[name] for name in PASSED_TO_FETCH if env.get(name)},
            gateway_host=read.text("LLMSTACK_GATEWAY_HOST", ""),
            gateway_pods=read.labels("LLMSTACK_GATEWAY_PODS"),
            gateway_load_url=read.text("LLMSTACK_GATEWAY_LOAD_URL", ""),
            ca_bundle=read.file("LLMSTACK_CA_BUNDLE_FILE"),
            metrics=_metrics(read),
            lease=_lease(read),
            resync_seconds=read.seconds("LLMSTACK_RESYNC_SECONDS", 300),
            progress_seconds=read.seconds("LLMSTACK_PROGRESS_SECONDS", 10),
            workers=read.count("LLMSTACK_WORKERS", 4),
            api_timeout=read.seconds("LLMSTACK_API_TIMEOUT_SECONDS", 20),
            stop_seconds=read.seconds("LLMSTACK_STOP_SECONDS", 20),
            http_port=read.count("LLMSTACK_HTTP_PORT", 8080),
            log_level=read.choice("LLMSTACK_LOG_LEVEL", ("info", "debug", "warning", "error")),
            kubeconfig=read.text("KUBECONFIG", ""),
        )


@dataclass(frozen=True)
class ProxySettings:
    """Through which proxies do requests go? Empty: directly. `bypass` is NO_PROXY."""

    http: str = ""
    https: str = ""
    bypass: str = ""


@dataclass(frozen=True)
class FetchSettings:
    """What does `llmstack fetch` need to know besides its arguments?

    All optional, with the default:
        HF_ENDPOINT                   "https://huggingface.co": hub that hf:// names
        HF_TOKEN_FILE                 "": file with a bearer token for the source's own host (the
                                      key `token` of the Secret in spec.model.secretRef)
        HTTPS_PROXY, HTTP_PROXY, NO_PROXY   "": as curl reads them, in lower case too
        SSL_CERT_FILE                 "": CA bundle in place of the system's
        LLMSTACK_FETCH_CONNECTIONS    8: ranges of a file downloaded at once
        LLMSTACK_FETCH_ATTEMPTS       6: failures in a row, without progress, that end a download
        LLMSTACK_FETCH_BACKOFF_SECONDS     0.5: wait after the first failure; doubles up to 15
        LLMSTACK_FETCH_IDLE_SECONDS   30: a connection that sends nothing for so long has failed
        LLMSTACK_FETCH_CONNECT_SECONDS     10: longest time to connect
        LLMSTACK_FETCH_PROGRESS_SECONDS    2: shortest time between two progress lines
        LLMSTACK_FETCH_LOCK_SECONDS   15: a lock that was not renewed for so long is taken over
    """

    endpoint: str
    token_file: str
    proxies: ProxySettings
    ca_file: str
    connections: int
    attempts: int
    backoff: float
    idle: float
    connect: float
    progress: float
    lock: float

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "FetchSettings":
        """Which settings does this environment ask for? Raises ConfigurationError."""
        read = _Reader(env)
        endpoint = read.text("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
        if not endpoint.startswith(("https://", "http://")):
            raise ConfigurationError(f"HF_ENDPOINT must begin with https://, not {endpoint!r}")
        return cls(
            endpoint=endpoint,
            token_file=read.text("HF_TOKEN_FILE", ""),
            proxies=ProxySettings(
                http=read.text("http_proxy", "") or read.text("HTTP_PROXY", ""),
                https=read.text("https_proxy", "") or read.text("HTTPS_PROXY", ""),
                bypass=read.text("no_proxy", "") or read.text("NO_PROXY", ""),
            ),
            ca_file=read.text("SSL_CERT_FILE", ""),
            connections=read.count("LLMSTACK_FETCH_CONNECTIONS", 8),
            attempts=read.count("LLMSTACK_FETCH_ATTEMPTS", 6),
            backoff=read.seconds("LLMSTACK_FETCH_BACKOFF_SECONDS", 0.5),
            idle=read.seconds("LLMSTACK_FETCH_IDLE_SECONDS", 30),
            connect=read.seconds("LLMSTACK_FETCH_CONNECT_SECONDS", 10),
            progress=read.seconds("LLMSTACK_FETCH_PROGRESS_SECONDS", 2),
            lock=read.seconds("LLMSTACK_FETCH_LOCK_SECONDS", 15),
        )


@dataclass(frozen=True)
class GatewayLimits:
    """What does the gateway put up with? Bytes, seconds, connections; both ways to run have them.

    All optional, with the default:
        LLMSTACK_HEADER_BYTES         32768: largest head of a request
        LLMSTACK_HEADER_SECONDS       10: longest time for a head to arrive
        LLMSTACK_BODY_BYTES           67108864: largest body of a request
        LLMSTACK_BODY_SECONDS         30: longest time for a body to arrive
        LLMSTACK_IDLE_SECONDS         75: a connection without a request is kept so long
        LLMSTACK_STREAM_IDLE_SECONDS  120: longest silence of a replica within an answer, after its
                                      first byte
        LLMSTACK_EARLY_SECONDS        10: a stream that waits so long for a replica to start gets
                                      its head and a comment, then a comment as often until the
                                      answer
        LLMSTACK_WRITE_SECONDS        60: longest time in which a client takes nothing of its answer
        LLMSTACK_CONNECT_SECONDS      3: longest time to connect to a replica
        LLMSTACK_MAX_CONNECTIONS      10000: connections of clients at once
        LLMSTACK_DRAIN_SECONDS        120: longest wait for running requests on SIGTERM; the pod's
                                      terminationGracePeriodSeconds must exceed it by 10
    """

    header_bytes: int
    header_seconds: float
    body_bytes: int
    body_seconds: float
    idle_seconds: float
    stream_idle_seconds: float
    early_seconds: float
    write_seconds: float
    connect_seconds: float
    max_connections: int
    drain_seconds: float

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "GatewayLimits":
        """Which limits does this environment ask for? Raises ConfigurationError."""
        read = _Reader(env)
        return cls(
            header_bytes=read.count("LLMSTACK_HEADER_BYTES", 32 * 1024),
            header_seconds=read.seconds("LLMSTACK_HEADER_SECONDS", 10),
            body_bytes=read.count("LLMSTACK_BODY_BYTES", 64 * 1024 * 1024),
            body_seconds=read.seconds("LLMSTACK_BODY_SECONDS", 30),
            idle_seconds=read.seconds("LLMSTACK_IDLE_SECONDS", 75),
            stream_idle_seconds=read.seconds("LLMSTACK_STREAM_IDLE_SECONDS", 120),
            early_seconds=read.seconds("LLMSTACK_EARLY_SECONDS", 10),
            write_seconds=read.seconds("LLMSTACK_WRITE_SECONDS", 60),
            connect_seconds=read.seconds("LLMSTACK_CONNECT_SECONDS", 3),
            max_connections=read.count("LLMSTACK_MAX_CONNECTIONS", 10_000),
            drain_seconds=read.seconds("LLMSTACK_DRAIN_SECONDS", 120),
        )


@dataclass(frozen=True)
class GatewaySettings:
    """What does `llmstack gateway` need to know besides its models?

    With `--config FILE` the file says where to listen, who may come in and which models there are:
    then only the limits, POD_NAME and the log level are read. In a cluster, required:
        POD_NAMESPACE                 namespace of the gateway: its Secrets are there

    Optional, with the default:
        POD_NAME                      "llmstack-gateway": name of this process
        LLMSTACK_NAMESPACES           "": namespaces to serve, with commas between; empty: all
        LLMSTACK_ROOT_SECRET          "llmstack-root": Secret that server keys are derived from; the
                                      operator creates it
        LLMSTACK_KEYS_SECRET          "": Secret with the clients' keys, one `sha256:<hex> <tenant>`
                                      a line; empty: everyone may come in
        LLMSTACK_CORS_ORIGINS         "": origins whose pages may call, with commas between; *: all
        LLMSTACK_HTTP_PORT            8080: for clients
        LLMSTACK_ADMIN_PORT           9090: /metrics, /healthz, /readyz, /load
        LLMSTACK_API_TIMEOUT_SECONDS  20: longest call of the Kubernetes API, watches aside
        LLMSTACK_LOG_LEVEL            "info": debug, info, warning or error
        KUBECONFIG                    "": path of a kubeconfig, for a run outside the cluster
        and those of GatewayLimits
    """

    namespace: str
    identity: str
    namespaces: tuple[str, ...]
    root_secret: str
    keys_secret: str
    cors_origins: tuple[str, ...]
    http_port: int
    admin_port: int
    api_timeout: float
    limits: GatewayLimits
    log_level: str
    kubeconfig: str

    @classmethod
    def from_env(cls, env: Mapping[str, str], *, cluster: bool = True) -> "GatewaySettings":
        """Which settings does this environment ask for? Raises ConfigurationError."""
        read = _Reader(env)
        return cls(
            namespace=read.required("POD_NAMESPACE") if cluster else "",
            identity=read.text("POD_NAME", "llmstack-gateway"),
            namespaces=read.names("LLMSTACK_NAMESPACES"),
            root_secret=read.text("LLMSTACK_ROOT_SECRET", "llmstack-root"),
            keys_secret=read.text("LLMSTACK_KEYS_SECRET", ""),
            cors_origins=read.names("LLMSTACK_CORS_ORIGINS"),
            http_port=read.count("LLMSTACK_HTTP_PORT", 8080),
            admin_port=read.count("LLMSTACK_ADMIN_PORT", 9090),
            api_timeout=read.seconds("LLMSTACK_API_TIMEOUT_SECONDS", 20),
            limits=GatewayLimits.from_env(env),
            log_level=read.choice("LLMSTACK_LOG_LEVEL", ("info", "debug", "warning", "error")),
            kubeconfig=read.text("KUBECONFIG", ""),
        )


def _server_images(read: "_Reader") -> dict[str, str]:
    """Image by vendor, as `spec.accelerator.vendor` writes it; vendors without one are left out."""
    images = {"cpu": read.required("LLMSTACK_IMAGE_SERVER_CPU")}
    for vendor in ("nvidia", "amd", "intel"):
        image = read.text(f"LLMSTACK_IMAGE_SERVER_{vendor.upper()}", "")
        if image:
            images[vendor] = image
    return images


def _metrics(read: "_Reader") -> MetricsSettings:
    metrics = MetricsSettings(
        service=read.text("LLMSTACK_METRICS_SERVICE", ""),
        owner=read.text("LLMSTACK_METRICS_OWNER", ""),
        port=read.count("LLMSTACK_METRICS_PORT", 8443),
        check_seconds=read.seconds("LLMSTACK_METRICS_CHECK_SECONDS", 30),
        certificate_seconds=read.seconds("LLMSTACK_METRICS_CERTIFICATE_SECONDS", 90 * 24 * 3600),
    )
    if metrics.service and not metrics.owner:
        raise ConfigurationError(
            "LLMSTACK_METRICS_SERVICE needs LLMSTACK_METRICS_OWNER: the APIServices must go with "
            "the release, or no namespace can be deleted after it"
        )
    if metrics.service and read.names("LLMSTACK_NAMESPACES"):
        raise ConfigurationError(
            "LLMSTACK_METRICS_SERVICE and LLMSTACK_NAMESPACES exclude each other: the metrics API "
            "is one for the whole cluster"
        )
    return metrics


def _lease(read: "_Reader") -> LeaseSettings:
    lease = LeaseSettings(
        name=read.text("LLMSTACK_LEASE_NAME", "llmstack-operator"),
        duration=read.count("LLMSTACK_LEASE_DURATION_SECONDS", 15),
        renew_deadline=read.seconds("LLMSTACK_LEASE_RENEW_DEADLINE_SECONDS", 10),
        retry=read.seconds("LLMSTACK_LEASE_RETRY_SECONDS", 2),
    )
    if not lease.retry < lease.renew_deadline <= lease.duration - 1:
        raise ConfigurationError(
            "LLMSTACK_LEASE_RETRY_SECONDS < LLMSTACK_LEASE_RENEW_DEADLINE_SECONDS <= "
            f"LLMSTACK_LEASE_DURATION_SECONDS - 1 must hold, not {lease.retry:g} < "
            f"{lease.renew_deadline:g} <= {lease.duration} - 1"
        )
    return lease


class _Reader:
    """What does one variable say? Errors name it."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env

    def text(self, name: str, default: str) -> str:
        return self._env.get(name, "").strip() or default

    def required(self, name: str) -> str:
        value = self.text(name, "")
        if not value:
            raise ConfigurationError(f"{name} is not set: the chart sets it; see settings.py")
        return value

    def file(self, name: str) -> str:
        path = self.text(name, "")
        try:
            return Path(path).read_text() if path else ""
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{name} names a file that cannot be read: {error}") from error

    def names(self, name: str) -> tuple[str, ...]:
        return tuple(part.strip() for part in self.text(name, "").split(",") if part.strip())

    def labels(self, name: str) -> dict[str, str]:
        pairs = [part.partition("=") for part in self.names(name)]
        if not all(key and equals and value for key, equals, value in pairs):
            raise ConfigurationError(
                f"{name} must be labels, name=value with commas between, not {self.text(name, '')}"
            )
        return {key: value for key, _, value in pairs}

    def seconds(self, name: str, default: float) -> float:
        value = self._number(name, default)
        if not 0 < value < float("inf"):
            raise ConfigurationError(f"{name} must be a positive number of seconds, not {value:g}")
        return value

    def count(self, name: str, default: int) -> int:
        value = self._number(name, default)
        if value < 1 or value != int(value):
            raise ConfigurationError(f"{name} must be a positive whole number, not {value:g}")
        return int(value)

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        value = self.text(name, choices[0]).lower()
        if value not in choices:
            raise ConfigurationError(f"{name} must be one of {', '.join(choices)}, not {value}")
        return value

    def _number(self, name: str, default: float) -> float:
        text = self.text(name, str(default))
        try:
            return float(text)
        except ValueError as error:
            raise ConfigurationError(f"{name} must be a number, not {text!r}") from error
