"""Which settings does `llmstack gateway` start with?"""

from collections.abc import Mapping
from dataclasses import dataclass

from llmstack.settings.reader import Reader


@dataclass(frozen=True)
class GatewayLimits:
    """Limits of the gateway. Bytes, seconds, connections; both ways to run have them.

    All optional, with the default:
        LLMSTACK_HEADER_BYTES         32768: largest head of a request
        LLMSTACK_HEADER_SECONDS       10: longest time for a head to arrive
        LLMSTACK_BODY_BYTES           67108864: largest body of a request
        LLMSTACK_BODY_RATE            4096: bytes a second that a body must bring on average
        LLMSTACK_BODY_SECONDS         30: seconds that a body may lag behind that pace
        LLMSTACK_MEMORY_BYTES         671088640: memory that the process may take; the chart sets
                                      the container's limit
        LLMSTACK_HELD_BYTES           two fifths of that: bytes held at once of what clients have
                                      sent; one tenant alone may hold three quarters of them
        LLMSTACK_IDLE_SECONDS         75: a connection without a request is kept so long
        LLMSTACK_STREAM_IDLE_SECONDS  120: longest silence of a replica within an answer, after its
                                      first byte
        LLMSTACK_EARLY_SECONDS        10: a stream that waits so long, for a replica, a slot or its
                                      first token, gets its head and a comment, then a comment as
                                      often until the answer
        LLMSTACK_SLOW_SECONDS         30: requests of a tenant that ended a replica go one at a time
                                      to that model for so long, doubled each time
        LLMSTACK_WRITE_SECONDS        60: longest time in which a client takes nothing of its answer
        LLMSTACK_READ_BYTES           1024: bytes a second that a client must take on average while
                                      an answer waits for it; the seconds above are its credit
        LLMSTACK_LOST_SECONDS         30: a request that its replica neither works on nor answers
                                      for so long is answered with 504
        LLMSTACK_CONNECT_SECONDS      3: longest time to connect to a replica
        LLMSTACK_MAX_CONNECTIONS      10000: connections of clients at once
        LLMSTACK_IMAGE_PIXELS         50000000: most pixels of a picture; all of a request may have
                                      four times that
        LLMSTACK_AUDIO_SECONDS        3600: longest sound of a request, all of its sounds together
        LLMSTACK_UNKNOWN_FIELDS       "drop": what becomes of fields that no endpoint knows: drop
                                      takes them out of the body and names them in a header of the
                                      answer; refuse answers with 400
        LLMSTACK_DRAIN_SECONDS        120: longest wait for running requests on SIGTERM; the pod's
                                      terminationGracePeriodSeconds must exceed it by 10
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
        LLMSTACK_PEERS_SERVICE        "": headless Service of all gateways, where there are several;
                                      they own the models together. Empty: this one owns all
        LLMSTACK_PEERS_PORT           9191: for other gateways
        POD_IP                        "": this process's address, required with a Service of peers
        LLMSTACK_API_TIMEOUT_SECONDS  20: longest call of the Kubernetes API, watches aside
        LLMSTACK_LOG_LEVEL            "info": debug, info, warning or error
        KUBECONFIG                    "": kubeconfig files with colons between, for a run outside
                                      the cluster; merged as kubectl does
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
