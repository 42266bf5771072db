"""What do gateways say to each other?

    a gateway ── Beat, State, Asked, Cancelled, Released, FirstByte, Cached, Heard ──> the owner
              <── Granted, Refused, Lost ──

Values are plain: durations rather than a process's clock, lease ids that name their process, and
only keyed hashes of prompts' blocks. A frame is `["<kind>", {field: value}]` in JSON. Unknown kinds
and fields are skipped and a missing field gets its default, so that adjacent versions work together
during a rollout. Fields are only ever added, and always with a default.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import orjson

_BLOCK_BYTES = 12
"""Bytes of a block: its number, and the hash of everything up to its end (chain.py)."""


@dataclass(frozen=True, slots=True)
class Beat:
    """The heartbeat, sent several times a second.

    `number` counts the sender's beats; `saw` is the number of the last beat that it received from
    the receiver. `view` is the id of the sender's view, `term` the highest term it knows
    (peering.py). `owning` is False once the sender is about to stop.
    """

    number: int
    saw: int
    view: str
    term: int
    owning: bool = True


@dataclass(frozen=True, slots=True)
class HeldLease:
    """A lease that a request of the sender has held for `age` seconds.

    `slots` is as the request asked for them. `answered` is True after the first byte of its
    response. `ended` is True if the lease has ended lately and its replica may still compute for
    it.
    """

    id: int
    model: str
    replica: str
    tenant: str
    slots: int
    age: float
    answered: bool = False
    blocks: str = ""
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Routed:
    """A prompt that was sent to a replica lately, so that its cache may hold it."""

    model: str
    replica: str
    blocks: str


@dataclass(frozen=True, slots=True)
class State:
    """The sender's view from now on, and all that it holds or waits for at the receiver.

    `leases` and `asks` are of models that the receiver owns, `routed` says where their prompts
    went. From here on the sender accepts only grants of this view.
    """

    view: str
    leases: tuple[HeldLease, ...] = ()
    asks: tuple[int, ...] = ()
    routed: tuple[Routed, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """A request asks for slots, as messages.Ask.

    `ago` is the number of seconds since it came to its gateway, `spent` the number of seconds that
    it has waited at other owners.
    """

    view: str
    ask: int
    model: str
    tenant: str
    slots: int
    ago: float
    blocks: str = ""
    avoid: tuple[str, ...] = ()
    divisible: bool = False
    spent: float = 0.0


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The client of a request left while it waited."""

    ask: int


@dataclass(frozen=True, slots=True)
class Released:
    """A lease ends, as messages.Ending."""

    lease: int
    ending: str


@dataclass(frozen=True, slots=True)
class FirstByte:
    """The first byte of a response came."""

    lease: int


@dataclass(frozen=True, slots=True)
class Cached:
    """The number of prompt tokens that were in the replica's cache."""

    lease: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Heard:
    """Replicas whose streams sent something lately: model, replica, seconds ago."""

    replicas: tuple[tuple[str, str, float], ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """The state of the models that the sender owns, as (model, counts).

    The counts are: ready replicas, all replicas, slots, busy slots, slots waited for, slots of the
    smallest ready replica, tokens per slot.
    """

    models: tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(frozen=True, slots=True)
class Granted:
    """Slots for a request, as messages.Grant, under the view in which it asked.

    `apart` is True if the replica keeps the caches of tenants apart. `started` is the start of the
    replica's process, as it reports it.
    """

    view: str
    ask: int
    lease: int
    replica: str
    hit: float
    waited: float
    echoes: bool = False
    apart: bool = False
    started: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """A refusal of slots for a request, as messages.Refusal."""

    view: str
    ask: int
    reason: str
    retry_after: int = 0
    limit: float = 0.0


@dataclass(frozen=True, slots=True)
class Lost:
    """The replica shows no trace of this lease."""

    lease: int


Message = (
    Beat
    | State
    | Asked
    | Cancelled
    | Released
    | FirstByte
    | Cached
    | Heard
    | Standing
    | Granted
    | Refused
    | Lost
)

_KINDS: dict[str, type[Any]] = {
    "beat": Beat,
    "state": State,
    "asked": Asked,
    "cancelled": Cancelled,
    "released": Released,
    "first_byte": FirstByte,
    "cached": Cached,
    "heard": Heard,
    "standing": Standing,
    "granted": Granted,
    "refused": Refused,
    "lost": Lost,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def encode(message: Message) -> bytes:
    """Encodes a message as a frame."""
    return orjson.dumps([_NAMES[type(message)], message])


def decode(frame: bytes | memoryview) -> Message | None:
    """Decodes a frame. Returns None for an unknown kind; raises ValueError if it is malformed."""
    try:
        name, body = orjson.loads(frame)
        kind = _KINDS.get(name)
        return None if kind is None else _made(kind, body)
    except (TypeError, AttributeError, KeyError) as error:
        raise ValueError(f"no message: {error}") from error


def pack(blocks: Sequence[int]) -> str:
    """Encodes a chain of blocks as text."""
    return b"".join([block.to_bytes(_BLOCK_BYTES, "big") for block in blocks]).hex()


def unpack(text: str) -> tuple[int, ...]:
    """Decodes a chain of blocks. Raises ValueError."""
    raw = bytes.fromhex(text)
    if len(raw) % _BLOCK_BYTES:
        raise ValueError("no chain of blocks")
    steps = range(0, len(raw), _BLOCK_BYTES)
    return tuple([int.from_bytes(raw[at : at + _BLOCK_BYTES], "big") for at in steps])


def _made(kind: type[Any], body: Mapping[str, Any]) -> Any:
    known = _TYPES[kind]
    if not known.keys() >= body.keys():
        body = {name: value for name, value in body.items() if name in known}
    if kind is State:
        return State(
            str(body["view"]),
            tuple(_made(HeldLease, each) for each in body.get("leases", ())),
            tuple(body.get("asks", ())),
            tuple(_made(Routed, each) for each in body.get("routed", ())),
        )
    if kind is Heard:
        return Heard(tuple((str(m), str(r), float(ago)) for m, r, ago in body["replicas"]))
    if kind is Standing:
        return Standing(tuple((str(m), tuple(map(int, counts))) for m, counts in body["models"]))
    for name, value in body.items():
        wanted = known[name]
        if type(value) is not wanted and not (wanted is float and type(value) is int):
            if wanted is not tuple or type(value) is not list:
                raise TypeError(f"{name} of {kind.__name__} is a {type(value).__name__}")
            body = {**body, name: tuple(value)}
    return kind(**body)


_TYPES = {
    kind: {each.name: getattr(each.type, "__origin__", each.type) for each in fields(kind)}
    for kind in (*_KINDS.values(), HeldLease, Routed)
}
"""The plain type of each field, by kind."""
