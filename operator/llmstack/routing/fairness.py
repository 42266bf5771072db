"""Whose turn is it? The tenant's that uses the fewest slots; among equals, who waits for longest.

A tenant's turn begins when it comes to wait and anew with each grant and each end: a backlog,
however old, gives no right to be served twice before another is served once.
"""

import math
from bisect import bisect_left, insort
from collections.abc import Iterator


class Tenant:
    """Slots in use (draining ones too), and requests that wait.

    `bounded`: those of them that the queue's bound counts, all but those that a replica failed.
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
    """All that use slots or wait; those that wait are kept in the order of their turns."""

    def __init__(self) -> None:
        self._by_name: dict[str, Tenant] = {}
        self._ranks: list[tuple[int, float, str]] = []

    def __len__(self) -> int:
        return len(self._by_name)

    def __iter__(self) -> Iterator[Tenant]:
        """Those that wait, whose turn it is first."""
        return (self._by_name[name] for _, _, name in self._ranks)

    def names(self) -> list[str]:
        """All that use slots or wait."""
        return list(self._by_name)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def in_use(self, name: str) -> int:
        """Slots that the tenant holds."""
        tenant = self._by_name.get(name)
        return tenant.in_use if tenant is not None else 0

    def named(self, name: str) -> Tenant:
        """The tenant; a new one if it neither uses slots nor waits."""
        tenant = self._by_name.get(name)
        if tenant is None:
            tenant = self._by_name[name] = Tenant(name)
        return tenant

    def use(self, name: str, slots: int, freed_at: float = -math.inf) -> None:
        """It has so many slots more (less, if negative: since then)."""
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
        """One more of its requests waits."""
        tenant = self.named(name)
        tenant.waiting += 1
        tenant.bounded += bounded
        if tenant.waiting == 1:
            tenant.turn = arrived
            insort(self._ranks, tenant.rank)

    def goes(self, name: str, bounded: bool, served_at: float | None) -> None:
        """One of its requests waits no longer: it is served, or leaves (None)."""
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
        """Who crowds the queue? Among equals who uses more slots."""
        return max(self, key=lambda tenant: (tenant.bounded, tenant.in_use))

    def _leave(self, tenant: Tenant) -> None:
        del self._ranks[bisect_left(self._ranks, tenant.rank)]
