"""Where is a replica, and with which header lines does every request to it begin?"""

from dataclasses import dataclass, field
from functools import cached_property


@dataclass(frozen=True)
class Backend:
    """Where a replica listens. `key` is sent as its bearer token; "" sends none.

    If `accepting` is False (it is terminating, or no longer ready) it gets no new requests, but its
    streams continue. `leaving` is True once it is terminating. `ready` is True if the cluster finds
    it ready, so that it should answer.
    """

    id: str
    host: str
    port: int
    key: str = field(default="", repr=False)
    accepting: bool = True
    leaving: bool = False
    ready: bool = True

    @cached_property
    def lines(self) -> bytes:
        """Its name and its key as header lines."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        name = b"host: %b:%d\r\n" % (host.encode("ascii"), self.port)
        key = b"authorization: Bearer %b\r\n" % self.key.encode("latin-1")
        return name + key if self.key else name
