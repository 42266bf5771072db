"""How much may a client, or a replica, ask of this process?"""

from dataclasses import dataclass

from llmstack.engines.llamacpp.measured import MOST, Most

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True)
class Limits:
    """Sizes in bytes, times in seconds.

    head              request line and headers; 431 beyond
    body              one request's body; 413 beyond
    bodies            held at once of what clients have sent, and a tenant's share of it
                      (holdings.py); 503 beyond
    heads             held at once of heads that have not wholly come; the oldest get 503 beyond
    pipelined         what a client may send ahead of its turn; what is more is not answered
    connections       clients connected at once; 503 beyond
    head_seconds      for a head, from its first byte; 408
    body_seconds      that a body may lag behind `body_rate`; 408 beyond
    body_rate         bytes a second that a body must bring, on average
    idle_seconds      before a request and between two
    stall_seconds     without taking a byte of the response that waits for it: the client has left
    read_rate         bytes a second that a client must take, on average, of one that waits for it
    linger_seconds    for a client to read an answer that came before it had sent all
    leave_seconds     for a replica to close a connection whose client has left; then it is cut
    lost_seconds      that a replica shows no trace of a request, nor sends a byte; 504
    connect_seconds   to reach a replica
    answer_idle_seconds    between two bytes of an answer, after its first
    upstream_idle_seconds  an unused connection to a replica; llama-server closes after 5
    early_seconds     a stream without an answer: then its head, and comments as often
    verdict_seconds   for a cluster to announce the end of a replica that broke its connections
    strike_pause_seconds   a tenant whose request ended a replica: before its next one to the model
    strike_slow_seconds    and for so long they go one at a time; both double each time. 0: never
    media             pixels and seconds that a replica may have to decode of one request
    drop_unknown      unknown fields of a body are dropped, not refused
    tick              how often times are looked at: what is above is exact to this
    """

    head: int = 32 * KIB
    body: int = 32 * MIB
    bodies: int = 256 * MIB
    heads: int = 16 * MIB
    pipelined: int = 64 * KIB
    connections: int = 10_000
    head_seconds: float = 30.0
    body_seconds: float = 120.0
    body_rate: int = 4 * KIB
    idle_seconds: float = 75.0
    stall_seconds: float = 60.0
    read_rate: int = KIB
    linger_seconds: float = 2.0
    leave_seconds: float = 10.0
    lost_seconds: float = 30.0
    connect_seconds: float = 5.0
    answer_idle_seconds: float = 300.0
    upstream_idle_seconds: float = 4.0
    early_seconds: float = 10.0
    verdict_seconds: float = 1.0
    strike_pause_seconds: float = 1.0
    strike_slow_seconds: float = 30.0
    media: Most = MOST
    drop_unknown: bool = True
    tick: float = 1.0
