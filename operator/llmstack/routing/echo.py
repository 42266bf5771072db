"""Which leases does a server still work for, if its `/slots` shows them?

    a slot works for it, no task waits       the lease holds the slots that are shown, no more
    one of its tasks waits for a slot        it may take all slots that it was granted
    neither, and it had begun                the server has finished it: it holds nothing, even if
                                             its client is still reading
    neither, and it has not begun            the request may be on its way: it holds all its slots

A poll shows a moment after it was sent, so it says nothing about leases granted later.
"""

from collections.abc import Mapping

from llmstack.routing.lease import Account, Correction, Doubt, Freed, Lease, SlotsSeen

LINGERING = 64
"""Leases per replica that may hold no slot while their clients still read, since each occupies a
connection and a thread of the server. Any more keep their slots."""
LONGEST_GAP = 2.0
"""Seconds of absence that one gap between two polls adds at most: silence proves nothing."""


def judge(ledger: Account, poll: SlotsSeen, shown: Mapping[int, int]) -> list[Freed]:
    """Corrects the ledger by a poll that shows leases. Returns what tenants use less, or more."""
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


def _judge_live(ledger: Account, lease: Lease, poll: SlotsSeen, busy: int, gap: float) -> int:
    """Updates one live lease. Returns how many fewer slots it holds."""
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
    if begun and again:  # A single absence may be a response whose last bytes are on their way.
        ledger.corrections[Correction.IDLE] += lease.slots
    if not begun or not lease.held or _lingering(ledger) >= LINGERING:
        return 0
    return ledger.hold(lease, 0)


def _judge_draining(ledger: Account, doubt: Doubt, poll: SlotsSeen, busy: int) -> int:
    """Updates one ended lease. Returns how many fewer slots are in doubt."""
    if doubt.lease in poll.waiting:
        doubt.since = min(doubt.since, max(doubt.ended, poll.began))
        return ledger.doubt(doubt, max(busy, doubt.slots))
    if busy or poll.began > doubt.since:
        doubt.since = min(doubt.since, max(doubt.ended, poll.began))
        return ledger.doubt(doubt, busy)
    return 0


def _count_others(ledger: Account, poll: SlotsSeen, shown: Mapping[int, int]) -> None:
    """Counts as used by others all busy slots that show no lease known to the ledger."""
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


def _lingering(ledger: Account) -> int:
    return sum(not lease.held for lease in ledger.live.values() if lease.slots)
