"""How much of the gateway's memory may what clients have sent take? Bounded in all and per tenant.

A tenant may hold up to three times what is left free: alone three quarters of the total, two
tenants three sevenths each, and so on. Nothing is reserved for tenants that send nothing, yet a
newcomer finds room. (In switches with shared memory this is known as dynamic thresholds.)

Bytes that come before their sender has shown a key may take as much as is left free.
"""

from typing import TypeVar

Key = TypeVar("Key")

_TIMES_FREE = 3


class Holdings:
    """Bytes held and requests served, by tenant; the tenant is None before a key is shown."""

    __slots__ = ("_bytes", "_requests", "_serving", "held", "most", "most_requests")

    def __init__(self, most: int, most_requests: int) -> None:
        self.most = most
        self.most_requests = most_requests
        self.held = 0
        self._serving = 0
        self._bytes: dict[str | None, int] = {}
        self._requests: dict[str, int] = {}

    def has_room(self, tenant: str | None, size: int) -> bool:
        """True if the tenant may hold this many more bytes."""
        if not self.take(tenant, size):
            return False
        self.give_back(tenant, size)
        return True

    def take(self, tenant: str | None, size: int) -> bool:
        """Counts bytes that have come. Returns False if there is no room for them."""
        free = self.most - self.held - size
        held = self._bytes.get(tenant, 0) + size
        if free < 0 or held > (free if tenant is None else free * _TIMES_FREE):
            return False
        self.held += size
        if size:
            self._bytes[tenant] = held
        return True

    def give_back(self, tenant: str | None, size: int) -> None:
        """Stops counting bytes that are no longer held."""
        self.held -= size
        if size:
            _less(self._bytes, tenant, size)

    def admit(self, tenant: str, size: int) -> bool:
        """Starts a request, and moves its `size` bytes to the tenant. Returns False without room.

        The limit on requests does not apply to the tenant "", which is everybody if no keys are
        required.
        """
        free = self.most_requests - self._serving - 1
        requests = self._requests.get(tenant, 0) + 1
        if tenant and requests > free * _TIMES_FREE:
            return False
        held = self._bytes.get(tenant, 0) + size
        if held > (self.most - self.held) * _TIMES_FREE:
            return False
        if size:
            _less(self._bytes, None, size)
            self._bytes[tenant] = held
        self._serving += 1
        self._requests[tenant] = requests
        return True

    def end(self, tenant: str, size: int) -> None:
        """Ends a request of this tenant, which holds `size` bytes."""
        self.give_back(tenant, size)
        self._serving -= 1
        _less(self._requests, tenant, 1)


def _less(counts: dict[Key, int], key: Key, by: int) -> None:
    """Subtracts, and drops the entry at 0, so that idle tenants take no memory."""
    left = counts[key] - by
    if left:
        counts[key] = left
    else:
        del counts[key]
