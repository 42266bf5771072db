"""Who holds how much of the gateway's memory with what was sent? Bounded for all, and for each.

Each tenant may hold up to three times what is left free: one alone three quarters of all, two three
sevenths each, and so on. Nothing is set aside for those who send nothing, and whoever comes finds
room. (In switches with shared memory this is known as dynamic thresholds.)

What has come before its sender has shown a key may take as much as is left free.
"""

from typing import TypeVar

Key = TypeVar("Key")

_TIMES_FREE = 3


def most_alone(total: int) -> int:
    """How much a tenant can hold while nobody else holds anything."""
    return total * _TIMES_FREE // (_TIMES_FREE + 1)


class Holdings:
    """Bytes that are held, and requests that are served, by tenant; None: no key was shown yet."""

    __slots__ = ("_bytes", "_requests", "_serving", "held", "most", "most_requests")

    def __init__(self, most: int, most_requests: int) -> None:
        self.most = most
        self.most_requests = most_requests
        self.held = 0
        self._serving = 0
        self._bytes: dict[str | None, int] = {}
        self._requests: dict[str, int] = {}

    def has_room(self, tenant: str | None, size: int) -> bool:
        """Whether this tenant may hold so many bytes more."""
        if not self.take(tenant, size):
            return False
        self.give_back(tenant, size)
        return True

    def take(self, tenant: str | None, size: int) -> bool:
        """Bytes have come. False: there is no room for them."""
        free = self.most - self.held - size
        held = self._bytes.get(tenant, 0) + size
        if free < 0 or held > (free if tenant is None else free * _TIMES_FREE):
            return False
        self.held += size
        if size:
            self._bytes[tenant] = held
        return True

    def give_back(self, tenant: str | None, size: int) -> None:
        """They are held no longer."""
        self.held -= size
        if size:
            _less(self._bytes, tenant, size)

    def admit(self, tenant: str, size: int) -> bool:
        """A request of this tenant is served, of which so much has come. False: there is no room.

        The share in requests is not for "", who is everyone, where no keys are asked for.
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
        """That request is over."""
        self.give_back(tenant, size)
        self._serving -= 1
        _less(self._requests, tenant, 1)


def _less(counts: dict[Key, int], key: Key, by: int) -> None:
    """Tenants that hold nothing leave nothing behind."""
    left = counts[key] - by
    if left:
        counts[key] = left
    else:
        del counts[key]
