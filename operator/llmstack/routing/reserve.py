"""How many slots may one tenant hold, so that the others find some?

    max(1, slots of the model - other tenants active within the last ACTIVE_SECONDS)

Each recently active tenant then finds a slot when it comes back, as soon as requests that were
running before have ended. A request larger than the bound is served in its turn, once its tenant
holds nothing else.
"""

from collections import OrderedDict
from collections.abc import Mapping

from llmstack.routing.fairness import Tenants
from llmstack.routing.slots import Ledger

ACTIVE_SECONDS = 300.0
"""Seconds for which a tenant counts as active after it last held slots or waited."""


class Reserve:
    """Keeps track of active tenants. A tenant that holds slots or waits is active now."""

    def __init__(self, tenants: Tenants, replicas: Mapping[str, Ledger]) -> None:
        self._tenants = tenants
        self._replicas = replicas
        self._active: OrderedDict[str, float] = OrderedDict()  # when last seen, oldest first

    def active(self, tenant: str, now: float) -> None:
        """Records that the tenant wants slots, or held some until now."""
        self._active[tenant] = now
        self._active.move_to_end(tenant)

    def bound(self, now: float) -> int:
        """Returns the largest number of slots that one tenant may hold now."""
        active = self._active
        while active and next(iter(active.values())) < now - ACTIVE_SECONDS:
            tenant, _ = active.popitem(last=False)
            if tenant in self._tenants:
                active[tenant] = now
        total = sum(ledger.total for ledger in self._replicas.values() if ledger.usable)
        return max(1, total - max(0, len(active) - 1))
