"""How much may a client, or a replica, ask of the gateway? All defaults stand here."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from llmstack.settings.reader import chosen, count, seconds
from llmstack.settings.setting import read, setting

KIB = 1024
MIB = 1024 * KIB
_MEMORY = 640 * MIB


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes, times in seconds. Those without a variable cannot be configured.

    heads                  all incomplete heads that are held; above that the oldest get 503
    pipelined              data that a client may send before its turn; more is not answered
    linger_seconds         for a client to read a response that came before its request was complete
    leave_seconds          for a replica to close a connection whose client has left; then it is cut
    upstream_idle_seconds  for an idle connection to a replica; llama-server closes it after 5
    verdict_seconds        for a cluster to announce the end of a replica that broke connections
    strike_pause_seconds   between a request that killed a replica and its tenant's next one
    tick                   between checks of the times, which are accurate to this
    """

    head: int = setting(
        "LLMSTACK_HEADER_BYTES", count, "Maximum size of a request's headers.", 32 * KIB
    )
    head_seconds: float = setting(
        "LLMSTACK_HEADER_SECONDS",
        seconds,
        "Timeout for receiving the headers.",
        10.0,
    )
    body: int = setting(
        "LLMSTACK_BODY_BYTES",
        count,
        "Maximum size of a request's body; at most three quarters of `LLMSTACK_HELD_BYTES`.",
        64 * MIB,
    )
    body_rate: int = setting(
        "LLMSTACK_BODY_RATE",
        count,
        "Minimum average speed of a body, in bytes per second.",
        4 * KIB,
    )
    body_seconds: float = setting(
        "LLMSTACK_BODY_SECONDS",
        seconds,
        "Seconds that a body may lag behind that speed; then 408.",
        30.0,
    )
    memory: int = setting(
        "LLMSTACK_MEMORY_BYTES",
        count,
        "Memory limit of the process. The chart sets it to the container's limit "
        "(`gateway.resources.limits.memory`).",
        _MEMORY,
    )
    bodies: int = setting(
        "LLMSTACK_HELD_BYTES",
        count,
        "Maximum bytes of request data held at once; then 503. By default two fifths of the "
        "memory. A single tenant may use three quarters of it, and at most three times what is "
        "free.",
        _MEMORY * 2 // 5,
        shown="two fifths of `LLMSTACK_MEMORY_BYTES`",
    )
    idle_seconds: float = setting(
        "LLMSTACK_IDLE_SECONDS",
        seconds,
        "Timeout of idle client connections.",
        75.0,
    )
    answer_idle_seconds: float = setting(
        "LLMSTACK_STREAM_IDLE_SECONDS",
        seconds,
        "Maximum seconds without data from a server within a response, after its first byte.",
        120.0,
    )
    early_seconds: float = setting(
        "LLMSTACK_EARLY_SECONDS",
        seconds,
        "Seconds that a stream waits for a replica, a slot or its first token before the gateway "
        "sends headers and a comment; also the interval of further comments. Later errors are "
        "error events. Accurate to one second.",
        10.0,
    )
    strike_slow_seconds: float = setting(
        "LLMSTACK_SLOW_SECONDS",
        seconds,
        "Seconds that a tenant is limited to one request at a time for a model after its requests "
        "crashed a replica; doubles each time, up to an hour.",
        30.0,
    )
    stall_seconds: float = setting(
        "LLMSTACK_WRITE_SECONDS",
        seconds,
        "Maximum seconds in which a client reads nothing of its response.",
        60.0,
    )
    read_rate: int = setting(
        "LLMSTACK_READ_BYTES",
        count,
        "Minimum average speed of a client that reads a response, in bytes per second, after "
        "`LLMSTACK_WRITE_SECONDS`.",
        KIB,
    )
    lost_seconds: float = setting(
        "LLMSTACK_LOST_SECONDS",
        seconds,
        "Seconds before a request that its server neither processes nor answers fails with 504.",
        30.0,
    )
    connect_seconds: float = setting(
        "LLMSTACK_CONNECT_SECONDS", seconds, "Timeout for connecting to a server.", 3.0
    )
    connections: int = setting(
        "LLMSTACK_MAX_CONNECTIONS", count, "Maximum number of client connections.", 10_000
    )
    image_pixels: int = setting(
        "LLMSTACK_IMAGE_PIXELS",
        count,
        "Maximum pixels of an image; all images of a request together may have four times as "
        "many. A replica decodes all of them before it starts.",
        50_000_000,
    )
    audio_seconds: int = setting(
        "LLMSTACK_AUDIO_SECONDS",
        count,
        "Maximum length of all audio in a request, in seconds.",
        3600,
    )
    drop_unknown: bool = setting(
        "LLMSTACK_UNKNOWN_FIELDS",
        chosen("drop", "refuse"),
        "Handling of unknown [fields](fields.md) in a body: `drop` removes them and lists them in "
        "the header `X-Llmstack-Dropped-Fields`; `refuse` responds with 400.",
        default=True,
        shown="drop",
    )
    drain_seconds: float = setting(
        "LLMSTACK_DRAIN_SECONDS",
        seconds,
        "Seconds that running requests get after SIGTERM.",
        120.0,
    )
    heads: int = 16 * MIB
    pipelined: int = 64 * KIB
    linger_seconds: float = 2.0
    leave_seconds: float = 10.0
    upstream_idle_seconds: float = 4.0
    verdict_seconds: float = 1.0
    strike_pause_seconds: float = 1.0
    tick: float = 1.0

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "Limits":
        """Reads the limits from the environment. Raises ConfigurationError.

        By default `bodies` follows from the memory. A body may not exceed what one tenant may hold.
        """
        asked = cls(**read(cls, env))
        if not env.get("LLMSTACK_HELD_BYTES", "").strip():
            asked = replace(asked, bodies=max(1, asked.memory * 2 // 5))
        body = min(asked.body, most_alone(asked.bodies))
        return replace(asked, heads=asked.bodies // 16, body=body)


def most_alone(total: int) -> int:
    """Returns how much of `total` one tenant can hold while nobody else holds anything."""
    return total * 3 // 4
