"""What do gateways say to each other?

    a gateway ── Beat, State, Asked, Cancelled, Released, FirstByte, Cached, Heard ──> the owner
              <── Granted, Refused, Lost ──

Plain values: durations and never a process's clock, leases whose ids carry their process, and of
prompts the keyed hashes of their blocks alone. A frame is `["<kind>", {field: value}]` in JSON. An
unknown kind or field is skipped and a missing field has its default, so that versions that follow
each other work together in a rollout; fields are only ever added, with a default.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import orjson

_BLOCK_BYTES = 12
"""Of a block: its number, and the hash of everything up to its end (chain.py)."""


@dataclass(frozen=True, slots=True)
class Beat:
    """Sent several times a second. `number` counts them; `saw` is the receiver's last that came.

    `view` is the sender's, `term` the highest it knows (peering.py).
    """

    number: int
    saw: int
    view: str
    term: int
    owning: bool = True


@dataclass(frozen=True, slots=True)
class HeldLease:
    """A lease that a request of the sender holds, for so many seconds (`age`).

    `slots` is what it asked for. `answered`: the first byte of its answer came. `ended`: it was
    held until lately, and its replica may compute for it yet.
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
    """A prompt that a replica was given lately, so that its cache may hold it."""

    model: str
    replica: str
    blocks: str


@dataclass(frozen=True, slots=True)
class State:
    """The sender is in this view now, and that is all it has of the receiver: its leases, and the
    asks that wait. From here on it takes grants of this view alone.
    """

    view: str
    leases: tuple[HeldLease, ...] = ()
    asks: tuple[int, ...] = ()
    routed: tuple[Routed, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """A request asks for slots, as messages.Ask. `ago`: seconds since it came to its gateway;
    `spent`: how long it has waited at other owners.
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
    """The client of an ask left while it waited."""

    ask: int


@dataclass(frozen=True, slots=True)
class Released:
    """A lease ends; `ending` as messages.Ending."""

    lease: int
    ending: str


@dataclass(frozen=True, slots=True)
class FirstByte:
    """The first byte of an answer came."""

    lease: int


@dataclass(frozen=True, slots=True)
class Cached:
    """So many tokens of a prompt were in its replica's cache."""

    lease: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Heard:
    """Replicas whose streams said something lately: model, replica, seconds ago."""

    replicas: tuple[tuple[str, str, float], ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """Of each model that the sender owns: ready replicas, all of them, slots, those that are busy
    and waited for, slots of the smallest ready replica, and tokens that a slot takes.
    """

    models: tuple[tuple[str, tuple[int, ...]], ...]


@dataclass(frozen=True, slots=True)
class Granted:
    """Slots for an ask, as messages.Grant, by the view in which it was asked.

    `apart`: the replica keeps apart what it caches for tenants. `started`: when its process began,
    as it says.
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
    """No slots for an ask, as messages.Refusal."""

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
    """A message as a frame."""
    return orjson.dumps([_NAMES[type(message)], message])


def decode(frame: bytes | memoryview) -> Message | None:
    """The message of a frame; None for a kind that is not known. Raises ValueError: it is none."""
    try:
        name, body = orjson.loads(frame)
        kind = _KINDS.get(name)
        return None if kind is None else _made(kind, body)
    except (TypeError, AttributeError, KeyError) as error:
        raise ValueError(f"no message: {error}") from error


def pack(blocks: Sequence[int]) -> str:
    """A chain of blocks as text."""
    return b"".join([block.to_bytes(_BLOCK_BYTES, "big") for block in blocks]).hex()


def unpack(text: str) -> tuple[int, ...]:
    """The chain of a text. Raises ValueError."""
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
"""The plain type of each field."""
