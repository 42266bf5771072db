"""Which leases does a server still work for that shows them in `/slots`?

    in a slot, none of its tasks waits     it holds what is shown, no more
    some of its tasks waits                it may take all that it was granted
    neither, though it had begun           the server is through with it: it holds nothing, though
                                           its client may still be reading
    neither, and it has not begun          the request may be on its way: it holds all

A poll tells of a moment after it was sent; it says nothing of a lease that was granted later.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from llmstack.routing.lease import Correction, Doubt, Freed, Lease, SlotsSeen

if TYPE_CHECKING:
    from llmstack.routing.slots import Ledger

LINGERING = 64
"""Leases at one replica that may hold nothing while their clients read on: each takes a connection
and a thread of the server. What is more keeps its slots."""
LONGEST_GAP = 2.0
"""Seconds that the time between two polls counts at most as absence: silence proves nothing."""


def judge(ledger: "Ledger", poll: SlotsSeen, shown: Mapping[int, int]) -> list[Freed]:
    """Corrects the ledger by a poll that shows leases. Returns what tenants hold less, or more."""
    gap = min(LONGEST_GAP, poll.began - ledger.looked)
    ledger.looked = poll.began
    freed = [
        Freed(lease.tenant, _judge_live(ledger, lease, poll, shown.get(lease.id, 0), gap))
        for lease in ledger.live.values()
    ]
    draining = [doubt for doubt in ledger.doubts if doubt.tenant is not None]
    freed += [
        Freed(doubt.tenant, _judge_draining(ledger, doubt, poll, shown.get(doubt.lease, 0)))
        for doubt in draining
    ]
    _count_others(ledger, poll, shown)
    return [change for change in freed if change.slots]


def _judge_live(ledger: "Ledger", lease: Lease, poll: SlotsSeen, busy: int, gap: float) -> int:
    """Returns how many slots fewer it holds."""
    if not lease.slots:
        return 0
    if busy or lease.id in poll.waiting:
        lease.begun = min(lease.begun, poll.began)
        lease.absent = None
        waits = lease.id in poll.waiting
        return ledger.hold(lease, max(busy, lease.slots) if waits else busy)
    if poll.began <= lease.granted:
        return 0
    begun, again = lease.begun < poll.began, lease.absent == 0.0
    lease.absent = 0.0 if lease.absent is None else lease.absent + gap
    if begun and again:  # Once alone may be an answer whose last bytes are on their way.
        ledger.corrections[Correction.IDLE] += lease.slots
    if not begun or not lease.held or _lingering(ledger) >= LINGERING:
        return 0
    return ledger.hold(lease, 0)


def _judge_draining(ledger: "Ledger", doubt: Doubt, poll: SlotsSeen, busy: int) -> int:
    """Returns how many slots fewer it has."""
    if doubt.lease in poll.waiting:
        doubt.since = min(doubt.since, max(doubt.ended, poll.began))
        return ledger.doubt(doubt, max(busy, doubt.slots))
    if busy or poll.began > doubt.since:
        doubt.since = min(doubt.since, max(doubt.ended, poll.began))
        return ledger.doubt(doubt, busy)
    return 0


def _count_others(ledger: "Ledger", poll: SlotsSeen, shown: Mapping[int, int]) -> None:
    """All that is busy and shows no lease that the ledger knows is someone else's."""
    draining = {doubt.lease for doubt in ledger.doubts if doubt.tenant is not None}
    ours = sum(
        slots
        for lease, slots in shown.items()
        if lease in ledger.live or lease in draining or ledger.ended_since(poll.began, lease)
    )
    others = max(0, poll.busy - ours) - ledger.foreign
    if others > 0:
        ledger.add_foreign(others, poll.began)
    for doubt in [doubt for doubt in ledger.doubts if doubt.tenant is None]:
        if others < 0:
            others += ledger.doubt(doubt, max(0, doubt.slots + others))
    ledger.doubts = [doubt for doubt in ledger.doubts if doubt.slots]


def _lingering(ledger: "Ledger") -> int:
    return sum(not lease.held for lease in ledger.live.values() if lease.slots)
