"""How many requests that take no slot may one replica work on at once?

Tokenising and filling in a template take no slot, but a thread and a core of the server for as long
as they compute, also when their client has left.

    taken ──DONE────────────────> over
      └─CANCELLED | FAILED──> left ──a poll that began later does not show it──> over

Of a server whose polls show no leases nothing more is known: there each is over as it ends.
"""

from collections import Counter

from llmstack.routing.lease import Lease, SlotsSeen
from llmstack.routing.messages import Ending

PER_TENANT = 2
AT_ONCE = 8
"""Of all tenants together."""


class Aside:
    """The requests without a slot of one replica. `left`: those that have ended, but may compute.

    `left` gives for each lease its tenant and the moment from which on polls tell of it.
    """

    __slots__ = ("_tenants", "left")

    def __init__(self) -> None:
        self._tenants: Counter[str] = Counter()
        self.left: dict[int, tuple[str, float]] = {}

    def room(self, tenant: str | None) -> bool:
        """True if one more of this tenant may come; None: of any that has none yet."""
        if self._tenants.total() >= AT_ONCE:
            return False
        return tenant is None or self._tenants[tenant] < PER_TENANT

    def take(self, lease: Lease) -> None:
        """The lease lives from now on."""
        self._tenants[lease.tenant] += 1

    def end(self, lease: Lease, ending: Ending, now: float, *, shown: bool) -> None:
        """The lease lives no more. `shown`: polls tell whether the replica still works for it."""
        if shown and ending is not Ending.DONE:
            self.left[lease.id] = (lease.tenant, max(now, lease.surely_begun()))
        else:
            self._over(lease.tenant)

    def seen(self, poll: SlotsSeen) -> None:
        """What a poll shows no more is over."""
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
