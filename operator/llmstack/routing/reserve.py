"""How many slots may one tenant hold, so that the others find some?

    max(1, slots of the model - other tenants that were active within ACTIVE_SECONDS)

So each of them finds a slot when it comes back, once what ran before has ended. A request that is
larger than the bound passes it in its turn, when its tenant holds nothing else.
"""

from collections import OrderedDict
from collections.abc import Mapping

from llmstack.routing.fairness import Tenants
from llmstack.routing.slots import Ledger

ACTIVE_SECONDS = 300.0


class Reserve:
    """Who was active lately? Whoever holds slots or waits is active now."""

    def __init__(self, tenants: Tenants, replicas: Mapping[str, Ledger]) -> None:
        self._tenants = tenants
        self._replicas = replicas
        self._active: OrderedDict[str, float] = OrderedDict()  # by when it was last seen

    def active(self, tenant: str, now: float) -> None:
        """The tenant wants slots, or held some until now."""
        self._active[tenant] = now
        self._active.move_to_end(tenant)

    def bound(self, now: float) -> int:
        """The most slots that one tenant may hold now."""
        active = self._active
        while active and next(iter(active.values())) < now - ACTIVE_SECONDS:
            tenant, _ = active.popitem(last=False)
            if tenant in self._tenants:
                active[tenant] = now
        total = sum(ledger.total for ledger in self._replicas.values() if ledger.usable)
        return max(1, total - max(0, len(active) - 1))
