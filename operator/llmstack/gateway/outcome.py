"""How did one request end? Recorded once per request, whatever happened to it."""

from dataclasses import dataclass


@dataclass
class Outcome:
    """A request that has ended (note.py fills it in). Durations are in seconds from its head.

    code        "" for a complete response of a replica; else the reason: the `code` of the
                gateway's own answer; `client_gone`, `client_stalled` (it stopped reading),
                `stopping`; `replica_failed` after the first byte
    path        as logs may show it (paths.Route)
    model       the model's id; "" if none was found
    tenant      "" if the key is unknown
    status      as the client saw it, 0 if it saw none. If an error event follows a head that was
                sent before any replica responded (early.py), the status that the event stands for
    queued      time waited for slots
    first_byte  time to the first byte of the response's body
    tries       number of replicas that the request was sent to
    hit         share of its prompt that the replica was believed to have cached, 0 to 1
    text        end of the response's body, preceded by its beginning if it is not a stream; holds
                the token counts
    """

    id: bytes
    method: str
    path: str
    status: int
    code: str = ""
    tenant: str = ""
    model: str = ""
    replica: str = ""
    stream: bool = False
    queued: float = 0.0
    first_byte: float = 0.0
    duration: float = 0.0
    bytes_in: int = 0
    bytes_out: int = 0
    tries: int = 0
    hit: float = 0.0
    text: bytes = b""
