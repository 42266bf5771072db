"""What do operator, gateway and fetch ask of an engine?

    Server     the operator: how its server starts, and what its log says
    Replica    the gateway: what a running server says of itself, and what it is told of a request
    Files      fetch: what is in a model's file, and whether the engine loads it

Each is a module of the engine's package (`llamacpp/server.py`, `replica.py`, `files.py`). Which
engine it is stands in `for_operator.py`, `for_gateway.py` and `for_fetch.py`: an init container
must not load what only the gateway needs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from llmstack.engines.facts import GGUFFacts, GGUFFile, Read, Split

LEASE_BITS = 32
"""A lease's id: its owner's epoch above these bits, its number in them."""


@dataclass(frozen=True)
class ServerOptions:
    """What one replica serves, and with how much. `context_length` is tokens per slot.

    `ipv6`: listen on all addresses of both families; where the kernel has no IPv6, the server
    cannot. `threads` None: as many as the engine finds fit.
    """

    model_path: str
    alias: str
    slots: int
    context_length: int
    api_key_file: str
    mmproj_path: str | None = None
    port: int = 8080
    ipv6: bool = False
    mode: Literal["generate", "embed", "rerank"] = "generate"
    gpu_layers: int | Literal["auto", "all"] = "all"
    flash_attention: Literal["auto", "on", "off"] = "auto"
    kv_cache_type_k: str = "f16"
    kv_cache_type_v: str = "f16"
    prompt_cache_mib: int = 1024
    batch_size: int = 2048
    ubatch_size: int = 512
    threads: int | None = None
    extra_args: tuple[str, ...] = ()


class Capacity(NamedTuple):
    """How many requests a replica computes at once, and how many tokens each of them may take.

    `context` is 0 if it does not say. `keeps_apart`: it reuses nothing across different salts.
    """

    slots: int
    context: int
    keeps_apart: bool


class Work(NamedTuple):
    """Progress of a busy slot: its task, the tokens decoded, and the tokens it may still decode.

    `left` is -1 if there is no limit.
    """

    task: int
    decoded: int
    left: int


class Busy(NamedTuple):
    """How many slots there are and compute, and for whom.

    `leases`: how many busy slots show each lease, None where the server does not say. `waiting`:
    leases that have entered the server and of which some task holds no slot yet.
    """

    total: int
    busy: int
    leases: Mapping[int, int] | None
    waiting: frozenset[int]
    work: tuple[Work, ...]


class Server(Protocol):
    """What the operator asks."""

    PORT: int
    HEALTH_PATH: str
    """Answers 200 without a key once the server takes requests."""
    VERSION_ARGUMENTS: tuple[str, ...]
    """With which the server ends at once, and well, if its image can run at all."""
    LIVENESS_HELPER: str
    DRAIN_HELPER: str
    """Programs in the server's image: a liveness probe, and what waits for running requests."""

    def arguments(self, options: ServerOptions) -> tuple[str, ...]:
        """The words after the image's entrypoint."""
        ...

    def refusal(self, argument: str) -> str | None:
        """Why a user may not pass this word, and what to write instead; None if they may."""
        ...

    def slots_in(self, arguments: Sequence[str]) -> int:
        """The slots of a server that was started with these words; 0 if they do not say."""
        ...

    def helper_environment(self, key_file: str, wedge_seconds: int) -> dict[str, str]:
        """The variables that the helpers read."""
        ...

    def explain_exit(self, log: str) -> str:
        """The line of the log that tells why the server ended; "" for an empty log."""
        ...

    def explain_fallback(self, log: str) -> str:
        """The line that says that it computes on the CPU beside an accelerator; "" if none does."""
        ...

    def is_out_of_memory(self, line: str) -> bool:
        """True if a line of the log says that memory ran out."""
        ...


class Replica(Protocol):
    """What the gateway asks of a running server. Bytes in, facts out."""

    HEALTH_PATH: str
    CAPACITY_PATH: str
    BUSY_PATH: str
    METRICS_PATH: str

    def capacity(self, body: bytes) -> Capacity:
        """From the answer at CAPACITY_PATH. Raises ValueError for one that does not say."""
        ...

    def busy(self, body: bytes, headers: Mapping[bytes, bytes]) -> Busy:
        """From the answer at BUSY_PATH. Raises ValueError for one that does not say."""
        ...

    def deferred(self, body: bytes) -> int | None:
        """Requests that wait inside the server, from METRICS_PATH; None if it does not say."""
        ...

    def started(self, headers: Mapping[bytes, bytes]) -> str:
        """When its process began, from METRICS_PATH, in whatever unit; "" if it does not say."""
        ...

    def is_loading(self, status: int, body: bytes) -> bool:
        """True for the answer of a server that has not loaded its model yet."""
        ...

    def request_lines(self, lease: int, key: str, model: str, owner: str) -> bytes:
        """Header lines for one request: its lease, and whose cache it uses ("": everybody's)."""
        ...


class Files(Protocol):
    """What fetch asks of a model's files. NotGGUF says why one is none that could be served."""

    def check_magic(self, start: bytes) -> None:
        """Raises NotGGUF unless these first bytes begin such a file."""
        ...

    def read_file(self, read: Read, size: int) -> GGUFFile:
        """What the header of a file of `size` bytes says. Raises also what `read` raises."""
        ...

    def combine(self, parts: Sequence[GGUFFacts]) -> GGUFFacts:
        """The model that these parts make."""
        ...

    def check_parts(self, names: Sequence[str], parts: Sequence[Split]) -> None:
        """Raises NotGGUF unless they are the parts of one model, in this order."""
        ...

    def misplaced(self, facts: GGUFFacts, field: str) -> str:
        """What the file is and where it belongs, if `field` is not the place; "" if it is."""
        ...

    def obstacle(self, facts: GGUFFacts) -> str:
        """Why the shipped server cannot load the file, and what to do; "" if nothing is known."""
        ...
