"""What do operator, gateway and fetch need from an engine?

    Server     the operator: how the server starts, and what its log says
    Replica    the gateway: what a running server reports, and what it is told about a request
    Files      fetch: what a model's file contains, and whether the engine can load it

Each is implemented by a module of the engine's package (`llamacpp/server.py`, `replica.py`,
`files.py`). `for_operator.py`, `for_gateway.py` and `for_fetch.py` choose the engine, in three
modules, so that an init container does not load what only the gateway needs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from llmstack.engines.facts import GGUFFacts, GGUFFile, Read, Split

LEASE_BITS = 32
"""Low bits of a lease's id, which hold its number; the bits above hold its owner's epoch."""


@dataclass(frozen=True)
class ServerOptions:
    """How one replica's server is configured. `context_length` is in tokens per slot.

    `ipv6` listens on all addresses of both families, which needs a kernel with IPv6. `threads` None
    leaves the number to the engine.
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
    """The slots of a replica, and the tokens per slot (`context`, 0 if unknown).

    `keeps_apart` is True if nothing is reused across different salts.
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
    """The slots of a replica, how many are busy, and for which leases.

    `leases` maps a lease to its number of busy slots, or is None if the server does not say.
    `waiting` holds the leases that have entered the server and have at least one task without a
    slot.
    """

    total: int
    busy: int
    leases: Mapping[int, int] | None
    waiting: frozenset[int]
    work: tuple[Work, ...]


class Server(Protocol):
    """What the operator needs to know about an engine's server."""

    PORT: int
    HEALTH_PATH: str
    """Answers 200, without a key, once the server accepts requests."""
    VERSION_ARGUMENTS: tuple[str, ...]
    """Arguments with which the server exits successfully at once, if its image can run at all."""
    LIVENESS_HELPER: str
    DRAIN_HELPER: str
    """Programs in the server's image: a liveness probe, and one that waits for running requests."""

    def arguments(self, options: ServerOptions) -> tuple[str, ...]:
        """Returns the arguments after the image's entrypoint."""
        ...

    def refusal(self, argument: str) -> str | None:
        """Returns why a user may not pass this argument and what to write instead, or None."""
        ...

    def slots_in(self, arguments: Sequence[str]) -> int:
        """Returns the slots of a server with these arguments, or 0 if they do not say."""
        ...

    def helper_environment(self, key_file: str, wedge_seconds: int) -> dict[str, str]:
        """Returns the environment variables that the helpers read."""
        ...

    def explain_exit(self, log: str) -> str:
        """Returns the line of the log that says why the server exited; "" for an empty log."""
        ...

    def explain_fallback(self, log: str) -> str:
        """Returns the line that says that the CPU is used despite an accelerator, or ""."""
        ...

    def is_out_of_memory(self, line: str) -> bool:
        """True if a line of the log says that memory ran out."""
        ...


class Replica(Protocol):
    """What the gateway needs to know about a running server. Bytes in, facts out."""

    HEALTH_PATH: str
    CAPACITY_PATH: str
    BUSY_PATH: str
    METRICS_PATH: str

    def capacity(self, body: bytes) -> Capacity:
        """Reads the answer from CAPACITY_PATH. Raises ValueError if it is not in there."""
        ...

    def busy(self, body: bytes, headers: Mapping[bytes, bytes]) -> Busy:
        """Reads the answer from BUSY_PATH. Raises ValueError if it is not in there."""
        ...

    def deferred(self, body: bytes) -> int | None:
        """Reads the requests waiting inside the server from METRICS_PATH; None if missing."""
        ...

    def started(self, headers: Mapping[bytes, bytes]) -> str:
        """Reads the process's start from METRICS_PATH, in whatever unit; "" if missing."""
        ...

    def is_loading(self, status: int, body: bytes) -> bool:
        """True if the answer says that the model is not loaded yet."""
        ...

    def request_lines(self, lease: int, key: str, model: str, owner: str) -> bytes:
        """Returns a request's header lines: its lease, and its cache's owner ("": everybody)."""
        ...


class Files(Protocol):
    """What fetch needs to know about a model's files. NotGGUF says why one cannot be served."""

    def check_magic(self, start: bytes) -> None:
        """Raises NotGGUF unless a file may begin with these bytes."""
        ...

    def read_file(self, read: Read, size: int) -> GGUFFile:
        """Reads the header of a file of `size` bytes. Also raises what `read` raises."""
        ...

    def combine(self, parts: Sequence[GGUFFacts]) -> GGUFFacts:
        """Returns the model that consists of these parts."""
        ...

    def check_parts(self, names: Sequence[str], parts: Sequence[Split]) -> None:
        """Raises NotGGUF unless they are the parts of one model, in this order."""
        ...

    def misplaced(self, facts: GGUFFacts, field: str) -> str:
        """Returns what the file is and where it belongs, or "" if it belongs to `field`."""
        ...

    def obstacle(self, facts: GGUFFacts) -> str:
        """Returns why the shipped server cannot load the file and what to do, "" if unknown."""
        ...
