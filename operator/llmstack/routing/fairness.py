"""Whose turn is it? The tenant's that uses the fewest slots; among equals, the longest waiting.

A tenant's turn starts when its first request begins to wait, and again with each grant and each end
of one of its requests. So a backlog, however old, gives no right to be served twice before another
tenant is served once.
"""

import math
from bisect import bisect_left, insort
from collections.abc import Iterator


class Tenant:
    """A tenant's slots in use (draining ones included) and its waiting requests.

    `bounded` is the number of waiting requests that count against the queue's bound: all except
    those that come back because a replica failed. `turn` is when the tenant's turn started.
    """

    __slots__ = ("bounded", "in_use", "name", "turn", "waiting")

    def __init__(self, name: str) -> None:
        self.name = name
        self.in_use = 0
        self.waiting = 0
        self.bounded = 0
        self.turn = 0.0

    @property
    def rank(self) -> tuple[int, float, str]:
        return self.in_use, self.turn, self.name


class Tenants:
    """All tenants that use slots or wait. Those that wait are kept in the order of their turns."""

    def __init__(self) -> None:
        self._by_name: dict[str, Tenant] = {}
        self._ranks: list[tuple[int, float, str]] = []

    def __len__(self) -> int:
        return len(self._by_name)

    def __iter__(self) -> Iterator[Tenant]:
        """Iterates over the tenants that wait, in the order of their turns."""
        return (self._by_name[name] for _, _, name in self._ranks)

    def names(self) -> list[str]:
        """Returns the names of all tenants that use slots or wait."""
        return list(self._by_name)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def in_use(self, name: str) -> int:
        """Returns the number of slots that the tenant holds."""
        tenant = self._by_name.get(name)
        return tenant.in_use if tenant is not None else 0

    def named(self, name: str) -> Tenant:
        """Returns the tenant, adding it if it neither uses slots nor waits."""
        tenant = self._by_name.get(name)
        if tenant is None:
            tenant = self._by_name[name] = Tenant(name)
        return tenant

    def use(self, name: str, slots: int, freed_at: float = -math.inf) -> None:
        """Adds slots to those the tenant uses. Negative: it has freed them, at `freed_at`."""
        tenant = self._by_name.get(name)
        if tenant is None:
            tenant = self._by_name[name] = Tenant(name)
        if not tenant.waiting:
            tenant.in_use += slots
            if not tenant.in_use:
                del self._by_name[name]
            return
        self._leave(tenant)
        tenant.in_use += slots
        tenant.turn = max(tenant.turn, freed_at)
        insort(self._ranks, tenant.rank)

    def comes(self, name: str, arrived: float, bounded: bool) -> None:
        """Adds a waiting request."""
        tenant = self.named(name)
        tenant.waiting += 1
        tenant.bounded += bounded
        if tenant.waiting == 1:
            tenant.turn = arrived
            insort(self._ranks, tenant.rank)

    def goes(self, name: str, bounded: bool, served_at: float | None) -> None:
        """Removes a waiting request, granted at `served_at`, or None if it leaves ungranted."""
        tenant = self._by_name[name]
        self._leave(tenant)
        tenant.waiting -= 1
        tenant.bounded -= bounded
        if tenant.waiting:
            tenant.turn = tenant.turn if served_at is None else served_at
            insort(self._ranks, tenant.rank)
        elif not tenant.in_use:
            del self._by_name[name]

    def most_waiting(self) -> Tenant:
        """Returns the tenant with the most waiting requests; among equals, with the most slots."""
        return max(self, key=lambda tenant: (tenant.bounded, tenant.in_use))

    def _leave(self, tenant: Tenant) -> None:
        del self._ranks[bisect_left(self._ranks, tenant.rank)]
