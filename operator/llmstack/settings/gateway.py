"""Which settings does `llmstack gateway` start with?"""

from collections.abc import Mapping
from dataclasses import dataclass

from llmstack.settings.reader import Reader


@dataclass(frozen=True)
class GatewayLimits:
    """Limits of the gateway, with and without Kubernetes.

    All are optional. Each line has the default and the meaning:
        LLMSTACK_HEADER_BYTES         32768: maximum size of a request's headers
        LLMSTACK_HEADER_SECONDS       10: timeout for receiving the headers
        LLMSTACK_BODY_BYTES           67108864: maximum size of a request's body
        LLMSTACK_BODY_RATE            4096: minimum average speed of a body, in bytes per second
        LLMSTACK_BODY_SECONDS         30: seconds that a body may lag behind that speed
        LLMSTACK_MEMORY_BYTES         671088640: memory limit of the process; the chart sets it to
                                      the container's limit
        LLMSTACK_HELD_BYTES           2/5 of the memory limit: maximum bytes of request data held
                                      at once; a single tenant may use three quarters of it
        LLMSTACK_IDLE_SECONDS         75: timeout of idle client connections
        LLMSTACK_STREAM_IDLE_SECONDS  120: maximum seconds without data from a replica within a
                                      response, after its first byte
        LLMSTACK_EARLY_SECONDS        10: seconds that a stream waits for a replica, a slot or its
                                      first token before the gateway sends headers and a comment,
                                      and the interval of further comments
        LLMSTACK_SLOW_SECONDS         30: seconds that a tenant is limited to one request at a time
                                      for a model after its requests crashed a replica; doubles
                                      each time
        LLMSTACK_WRITE_SECONDS        60: maximum seconds in which a client reads nothing of its
                                      response
        LLMSTACK_READ_BYTES           1024: minimum average speed of a client that reads a response,
                                      in bytes per second, after the seconds above
        LLMSTACK_LOST_SECONDS         30: seconds before a request that its replica neither
                                      processes nor answers fails with 504
        LLMSTACK_CONNECT_SECONDS      3: timeout for connecting to a replica
        LLMSTACK_MAX_CONNECTIONS      10000: maximum number of client connections
        LLMSTACK_IMAGE_PIXELS         50000000: maximum pixels of an image; all images of a request
                                      together may have four times as many
        LLMSTACK_AUDIO_SECONDS        3600: maximum length of all audio in a request
        LLMSTACK_UNKNOWN_FIELDS       "drop": handling of unknown request fields: drop removes them
                                      and lists them in a response header; refuse responds with 400
        LLMSTACK_DRAIN_SECONDS        120: seconds that running requests get after SIGTERM; the
                                      pod's terminationGracePeriodSeconds must be 10 more
    """

    header_bytes: int
    header_seconds: float
    body_bytes: int
    body_rate: int
    body_seconds: float
    memory_bytes: int
    held_bytes: int
    idle_seconds: float
    stream_idle_seconds: float
    early_seconds: float
    slow_seconds: float
    write_seconds: float
    read_bytes: int
    lost_seconds: float
    connect_seconds: float
    max_connections: int
    image_pixels: int
    audio_seconds: int
    unknown_fields: str
    drain_seconds: float

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "GatewayLimits":
        """Read the limits from the environment. Raises ConfigurationError."""
        read = Reader(env)
        memory = read.count("LLMSTACK_MEMORY_BYTES", 640 * 1024 * 1024)
        return cls(
            header_bytes=read.count("LLMSTACK_HEADER_BYTES", 32 * 1024),
            header_seconds=read.seconds("LLMSTACK_HEADER_SECONDS", 10),
            body_bytes=read.count("LLMSTACK_BODY_BYTES", 64 * 1024 * 1024),
            body_rate=read.count("LLMSTACK_BODY_RATE", 4096),
            body_seconds=read.seconds("LLMSTACK_BODY_SECONDS", 30),
            memory_bytes=memory,
            held_bytes=read.count("LLMSTACK_HELD_BYTES", max(1, memory * 2 // 5)),
            idle_seconds=read.seconds("LLMSTACK_IDLE_SECONDS", 75),
            stream_idle_seconds=read.seconds("LLMSTACK_STREAM_IDLE_SECONDS", 120),
            early_seconds=read.seconds("LLMSTACK_EARLY_SECONDS", 10),
            slow_seconds=read.seconds("LLMSTACK_SLOW_SECONDS", 30),
            write_seconds=read.seconds("LLMSTACK_WRITE_SECONDS", 60),
            read_bytes=read.count("LLMSTACK_READ_BYTES", 1024),
            lost_seconds=read.seconds("LLMSTACK_LOST_SECONDS", 30),
            connect_seconds=read.seconds("LLMSTACK_CONNECT_SECONDS", 3),
            max_connections=read.count("LLMSTACK_MAX_CONNECTIONS", 10_000),
            image_pixels=read.count("LLMSTACK_IMAGE_PIXELS", 50_000_000),
            audio_seconds=read.count("LLMSTACK_AUDIO_SECONDS", 3600),
            unknown_fields=read.choice("LLMSTACK_UNKNOWN_FIELDS", ("drop", "refuse")),
            drain_seconds=read.seconds("LLMSTACK_DRAIN_SECONDS", 120),
        )


@dataclass(frozen=True)
class GatewaySettings:
    """Settings of `llmstack gateway` besides its models.

    With `--config FILE`, the file sets addresses, keys and models, and only the limits, POD_NAME
    and the log level are read from the environment. In a cluster, required:
        POD_NAMESPACE                 namespace of the gateway and its Secrets

    Optional, with the default and the meaning:
        POD_NAME                      "llmstack-gateway": name of this process
        LLMSTACK_NAMESPACES           "": comma-separated namespaces to serve; empty means all
        LLMSTACK_ROOT_SECRET          "llmstack-root": Secret that server keys are derived from; the
                                      operator creates it
        LLMSTACK_KEYS_SECRET          "": Secret with the API keys, one `sha256:<hex> <tenant>` per
                                      line; empty allows requests without a key
        LLMSTACK_CORS_ORIGINS         "": comma-separated origins of web pages that may call the
                                      gateway; * allows all
        LLMSTACK_HTTP_PORT            8080: port for clients
        LLMSTACK_ADMIN_PORT           9090: port for /metrics, /healthz, /readyz and /load
        LLMSTACK_PEERS_SERVICE        "": headless Service of all gateways, if there are several;
                                      empty means that this gateway owns all models
        LLMSTACK_PEERS_PORT           9191: port for other gateways
        POD_IP                        "": IP address of this pod; required with peers
        LLMSTACK_API_TIMEOUT_SECONDS  20: timeout of Kubernetes API calls, except watches
        LLMSTACK_LOG_LEVEL            "info": debug, info, warning or error
        KUBECONFIG                    "": colon-separated kubeconfig files for running outside a
                                      cluster, merged as kubectl does
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
    peers_service: str
    peers_port: int
    pod_ip: str
    api_timeout: float
    limits: GatewayLimits
    log_level: str
    kubeconfig: str

    @classmethod
    def from_env(cls, env: Mapping[str, str], *, cluster: bool = True) -> "GatewaySettings":
        """Read the settings from the environment. Raises ConfigurationError."""
        read = Reader(env)
        peers = read.text("LLMSTACK_PEERS_SERVICE", "")
        return cls(
            namespace=read.required("POD_NAMESPACE") if cluster else "",
            identity=read.text("POD_NAME", "llmstack-gateway"),
            namespaces=read.names("LLMSTACK_NAMESPACES"),
            root_secret=read.text("LLMSTACK_ROOT_SECRET", "llmstack-root"),
            keys_secret=read.text("LLMSTACK_KEYS_SECRET", ""),
            cors_origins=read.names("LLMSTACK_CORS_ORIGINS"),
            http_port=read.count("LLMSTACK_HTTP_PORT", 8080),
            admin_port=read.count("LLMSTACK_ADMIN_PORT", 9090),
            peers_service=peers,
            peers_port=read.count("LLMSTACK_PEERS_PORT", 9191),
            pod_ip=read.required("POD_IP") if peers else "",
            api_timeout=read.seconds("LLMSTACK_API_TIMEOUT_SECONDS", 20),
            limits=GatewayLimits.from_env(env),
            log_level=read.choice("LLMSTACK_LOG_LEVEL", ("info", "debug", "warning", "error")),
            kubeconfig=read.text("KUBECONFIG", ""),
        )
