"""Which slots of one replica are taken, as far as their owner can know?

    take ──> live ──DONE──────────────> free     llama.cpp frees the slot before it reports the end
               └─CANCELLED | FAILED──> draining ──a poll shows it idle──> free

The ledger decides; polls of `/slots` only correct it. Our build of llama-server reports which lease
each busy slot works for (echo.py). Other servers do not. There, a slot in doubt (draining, or used
by someone else: foreign) is freed
    1. at once, if the poll shows fewer busy slots than are in doubt;
    2. one poll later, if leases that had begun before the poll, and are live at the later one,
       account for all slots that it showed busy. The delay keeps a lease from counting whose last
       bytes were on their way during the poll;
    3. after ASSUME_POLLS polls in a row that showed no more busy slots than live leases may account
       for. This covers many short requests in sequence, where rules 1 and 2 never apply.
"""

from collections import Counter, deque

from llmstack.routing import echo
from llmstack.routing.aside import Aside
from llmstack.routing.lease import BEGUN_AFTER, Correction, Doubt, Freed, Lease, SlotsSeen
from llmstack.routing.messages import Ending
from llmstack.routing.pace import Pace, Usual, by_age

__all__ = ["ASSUME_POLLS", "BEGUN_AFTER", "SETTLED_AFTER", "Correction", "Ledger"]
__all__ += ["Lease", "SlotsSeen"]

SETTLED_AFTER = 0.02
"""Seconds between a poll and its judgement by rule 2: a stream's last bytes arrive within them."""
ASSUME_POLLS = 20
"""Polls in a row after which rule 3 frees a slot without proof."""
_REMEMBERED_ENDS = 256


class Ledger:
    """Counts the slots of one replica. It does not decide who gets them.

    `free` is negative while more slots are taken than exist.
    """

    __slots__ = (
        "_accepting",
        "_counted",
        "_ends",
        "_idle",
        "_unjudged",
        "aside",
        "busy",
        "corrections",
        "doubts",
        "echoes",
        "free",
        "live",
        "looked",
        "novel",
        "pace",
        "replica",
        "total",
        "usable",
        "wedged",
    )

    def __init__(self, replica: str, total: int, corrections: Counter[Correction]) -> None:
        self.replica = replica
        self.usable = False  # whether it may get new requests
        self.wedged = False
        self._accepting = True
        self._counted = False  # whether a poll has shown yet what others use of it
        self.total = total
        self.free = total
        self.busy = 0  # slots of live leases
        self.live: dict[int, Lease] = {}
        self.aside = Aside()
        self.doubts: list[Doubt] = []
        self.novel = 0  # the pool's count of new conversations when this replica last got one
        self.corrections = corrections
        self.echoes = False  # whether its polls show leases
        self.looked = float("-inf")  # when the last poll that showed leases was sent
        self.pace = Pace()
        self._ends: deque[tuple[float, int, int]] = deque(maxlen=_REMEMBERED_ENDS)
        self._unjudged: SlotsSeen | None = None
        self._idle = 0

    @property
    def draining(self) -> int:
        """Slots of ended leases that may still compute."""
        return sum(doubt.slots for doubt in self.doubts if doubt.tenant is not None)

    @property
    def foreign(self) -> int:
        """Slots that are busy without a lease that the owner knows."""
        return sum(doubt.slots for doubt in self.doubts if doubt.tenant is None)

    @property
    def overlap(self) -> int:
        """Slots taken beyond `total`; that many requests may be deferred inside the replica."""
        return max(0, -self.free)

    def accept(self, on: bool) -> None:
        """Sets whether the replica accepts new requests."""
        self._accepting = on
        self._settle()

    def quarantine(self, on: bool) -> None:
        """Sets whether the replica counts as wedged; a wedged one gets no new requests."""
        self.wedged = on
        self._settle()

    def take(self, lease: Lease) -> None:
        """Adds a live lease."""
        self.live[lease.id] = lease
        if not lease.slots:
            self.aside.take(lease)
        self.busy += lease.held
        self.free -= lease.held

    def hold(self, lease: Lease, slots: int) -> int:
        """Sets how many slots a live lease counts for. Returns how many fewer these are."""
        fewer = lease.held - slots
        lease.held = slots
        self.busy -= fewer
        self.free += fewer
        return fewer

    def end(self, lease: Lease, ending: Ending, now: float) -> bool:
        """Ends a live lease. Returns True if its slots are free now, False if they are in doubt."""
        del self.live[lease.id]
        held = lease.held
        if not lease.slots:
            self.aside.end(lease, ending, now, shown=self.echoes)
        self.busy -= held
        if ending is Ending.DONE or not held:
            self.free += held
            self._ends.append((now, held, lease.id))
            return True
        since = max(now, lease.surely_begun())
        self.doubts.append(Doubt(lease.tenant, held, now, since, lease.id))
        return False

    def resize(self, total: int) -> None:
        """Sets the replica's number of slots. Slots that are taken stay taken."""
        self.free += total - self.total
        self.total = total

    def seen(self, poll: SlotsSeen) -> list[Freed]:
        """Corrects the ledger by a poll. Returns the slots by which tenants use less (or more)."""
        before, self._counted = self.overlap, True
        self.pace.seen(poll.began, poll.work)
        self._settle()
        if poll.total != self.total:
            self.resize(poll.total)
            self.corrections[Correction.RESIZED] += 1
        self.echoes = poll.leases is not None
        if self.aside.left:
            self.aside.seen(poll)
        freed = self._guess(poll) if poll.leases is None else echo.judge(self, poll, poll.leases)
        self.corrections[Correction.OVERBOOKED] += max(0, self.overlap - before)
        return freed

    def lost(self, seconds: float) -> list[int]:
        """Returns leases without a first byte that polls have not shown for `seconds`."""
        return [
            lease.id
            for lease in self.live.values()
            if lease.slots and not lease.answered and (lease.absent or 0.0) >= seconds
        ]

    def frees(self, now: float, usual: Usual) -> list[float]:
        """Returns the estimated seconds until each slot is free, 0 for slots that are idle."""
        idle = max(0, self.free)
        newest = sorted(self.live.values(), key=lambda lease: lease.granted, reverse=True)
        ages = [now - lease.granted for lease in newest for _ in range(lease.held)]
        # Leases granted since the last poll have taken the slots that were due to free up first.
        unseen = sum(now - age >= self.pace.looked for age in ages)
        decoding = max(0, self.total - idle - unseen)
        known = sorted(self.pace.frees(now, usual), reverse=True)[:decoding]
        unknown = self.total - idle - len(known)
        ages = (ages + [0.0] * unknown)[:unknown]
        return [0.0] * idle + known + [by_age(age, usual) for age in ages]

    def add_foreign(self, slots: int, began: float) -> None:
        """Records that a poll, sent at `began`, showed this many more slots used by others."""
        self.doubts.append(Doubt(None, slots, began, began))
        self.free -= slots
        self.corrections[Correction.FOREIGN] += slots

    def doubt(self, doubt: Doubt, slots: int) -> int:
        """Sets how many of these slots stay in doubt. Returns how many fewer these are."""
        fewer = doubt.slots - slots
        doubt.slots = slots
        self.free += fewer
        return fewer

    def ended_since(self, moment: float, lease: int) -> bool:
        """True if this lease ended at or after `moment`: a poll sent then may show it busy."""
        return any(id == lease and ended >= moment for ended, _, id in self._ends)

    def _guess(self, poll: SlotsSeen) -> list[Freed]:
        """Corrects the ledger by a poll that does not say which leases the busy slots serve."""
        cleared = self._clear_undoubted(poll) + self._clear_judged(poll) + self._clear_assumed(poll)
        self._find_begun(poll)
        self._find_foreign(poll)
        return cleared

    def _settle(self) -> None:
        self.usable = self._counted and self._accepting and not self.wedged

    def _clear_undoubted(self, poll: SlotsSeen) -> list[Freed]:
        """Applies rule 1."""
        doubtful = self._doubtful(poll.began)
        return self._clear(doubtful, _sum(doubtful) - poll.busy)

    def _clear_judged(self, poll: SlotsSeen) -> list[Freed]:
        """Applies rule 2 to an earlier poll, and keeps this one to be judged next."""
        last = self._unjudged or poll
        if poll.began - last.began < SETTLED_AFTER:
            self._unjudged = last
            return []
        self._unjudged = poll
        known = sum(lease.held for lease in self.live.values() if lease.surely_begun() < last.began)
        idle = max(0, known - last.busy)
        self.corrections[Correction.IDLE] += max(0, idle - self._idle)
        self._idle = idle
        doubtful = self._doubtful(last.began)
        return self._clear(doubtful, _sum(doubtful) - max(0, last.busy - known))

    def _clear_assumed(self, poll: SlotsSeen) -> list[Freed]:
        """Applies rule 3."""
        doubtful = self._doubtful(poll.began)
        explained = poll.busy <= self.busy + self._ended_since(poll.began)
        for doubt in doubtful:
            doubt.explained = doubt.explained + 1 if explained else 0
        assumed = [doubt for doubt in doubtful if doubt.explained >= ASSUME_POLLS]
        self.corrections[Correction.ASSUMED] += _sum(assumed)
        return self._clear(assumed, _sum(assumed))

    def _find_begun(self, poll: SlotsSeen) -> None:
        """Marks all leases as begun if every slot that may be busy is busy."""
        possible = self.busy + _sum(self.doubts) + self._ended_since(poll.began)
        if poll.busy >= possible:
            for lease in self.live.values():
                lease.begun = min(lease.begun, poll.began)
            for doubt in self.doubts:
                doubt.since = min(doubt.since, max(doubt.ended, poll.began))

    def _find_foreign(self, poll: SlotsSeen) -> None:
        """Counts busy slots that the ledger cannot account for as used by others."""
        accounted = self.busy + _sum(self.doubts) + self._ended_since(poll.began)
        if (others := poll.busy - accounted) > 0:
            self.add_foreign(others, poll.began)

    def _doubtful(self, moment: float) -> list[Doubt]:
        """Returns the doubts that are older than `moment`, oldest first."""
        return [doubt for doubt in self.doubts if doubt.since < moment]

    def _ended_since(self, moment: float) -> int:
        """Returns the slots of leases that ended since: a poll sent then may show them busy."""
        return sum(slots for ended, slots, _ in self._ends if ended >= moment)

    def _clear(self, doubtful: list[Doubt], slots: int) -> list[Freed]:
        """Frees up to this many of these slots, oldest doubt first."""
        cleared: list[Freed] = []
        for doubt in doubtful:
            part = min(slots, doubt.slots)
            if part <= 0:
                break
            slots -= part
            doubt.slots -= part
            self.free += part
            cleared.append(Freed(doubt.tenant, part))
        if cleared:
            self.doubts = [doubt for doubt in self.doubts if doubt.slots]
        return cleared


def _sum(doubts: list[Doubt]) -> int:
    return sum(doubt.slots for doubt in doubts)
