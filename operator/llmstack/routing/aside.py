"""How many requests that take no slot may one replica work on at once?

Tokenising and applying a template take no slot. They do take a thread and a core of the server
while they compute, even after their client has left.

    taken ──DONE────────────────> over
      └─CANCELLED | FAILED──> left ──a later poll does not show it──> over

If a server's polls do not show leases, nothing more is known and a request is over when it ends.
"""

from collections import Counter

from llmstack.routing.lease import Lease, SlotsSeen
from llmstack.routing.messages import Ending

PER_TENANT = 2
"""Such requests of one tenant at one replica."""
AT_ONCE = 8
"""Such requests of all tenants at one replica."""


class Aside:
    """The requests without a slot at one replica.

    `left` holds those that have ended but may still compute: lease id to tenant and the time after
    which a poll must be sent to say something about it.
    """

    __slots__ = ("_tenants", "left")

    def __init__(self) -> None:
        self._tenants: Counter[str] = Counter()
        self.left: dict[int, tuple[str, float]] = {}

    def room(self, tenant: str | None) -> bool:
        """True if another request of this tenant may start; None is a tenant without any."""
        if self._tenants.total() >= AT_ONCE:
            return False
        return tenant is None or self._tenants[tenant] < PER_TENANT

    def take(self, lease: Lease) -> None:
        """Adds a live lease."""
        self._tenants[lease.tenant] += 1

    def end(self, lease: Lease, ending: Ending, now: float, *, shown: bool) -> None:
        """Ends a live lease. `shown` is True if polls show which leases a replica works for."""
        if shown and ending is not Ending.DONE:
            self.left[lease.id] = (lease.tenant, max(now, lease.surely_begun()))
        else:
            self._over(lease.tenant)

    def seen(self, poll: SlotsSeen) -> None:
        """Removes ended leases that the poll no longer shows."""
        for lease, (tenant, since) in list(self.left.items()):
            if lease in poll.waiting:
                self.left[lease] = (tenant, min(since, poll.began))
            elif poll.began > since or poll.leases is None:
                del self.left[lease]
                self._over(tenant)

    def _over(self, tenant: str) -> None:
        self._tenants[tenant] -= 1
        if not self._tenants[tenant]:
            del self._tenants[tenant]
