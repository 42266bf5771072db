"""How did one request go? Recorded once for each, whatever happened to it."""

from dataclasses import dataclass


@dataclass
class Outcome:
    """One request, ended (note.py writes it). Durations are in seconds since its head was read.

    code        "" for an answer of the replica's that came whole; else why not: the `code` of our
                own answer; `client_gone`, `client_stalled` (it took no byte), `stopping`;
                `replica_failed` after the first byte
    path        as logs may show it (paths.Route)
    model       a model's id; "" if none was found
    tenant      "" if the key was not known
    status      as the client saw it; 0 if it saw none; of an error event after a head that was
                sent before any replica had answered (early.py), the status that it stands for
    queued      waited for slots; first_byte: until the first byte of the response's body
    tries       replicas that the request was sent to
    hit         share of its prompt that the replica was believed to have cached, 0 to 1
    text        the end of the response's body, and its beginning if it is no stream: token counts
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
