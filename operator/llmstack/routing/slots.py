"""Which slots of one replica are taken, as far as the owner of them can know?

    take ──> live ──DONE──────────────> free     llama.cpp has released the slot before it says so
               └─CANCELLED | FAILED──> draining ──a poll shows it idle──> free

The ledger decides; polls of `/slots` only correct it. A server of ours tells whose the busy slots
are (echo.py). Of another one, a slot in doubt (it drains, or someone else uses it: foreign) is
given out again
    1. at once, where the poll shows fewer slots busy than are in doubt;
    2. one poll later, where leases that had begun before it and still live then account for all
       that was busy. Judging late excludes a lease whose last bytes were on their way;
    3. where neither ever happens (short requests, one after the other): after ASSUME_POLLS in a
       row that showed no more slots busy than live leases may account for.
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
"""Seconds that a poll waits for its judgement: the last bytes of a stream arrive in that time."""
ASSUME_POLLS = 20
_REMEMBERED_ENDS = 256


class Ledger:
    """The slots of one replica; `free` is below zero where more is taken than there is.

    Nothing here decides who gets a slot.
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
        self.usable = False  # may it get new requests?
        self.wedged = False
        self._accepting = True
        self._counted = False  # has a poll told what others use of it?
        self.total = total
        self.free = total
        self.busy = 0  # slots of live leases
        self.live: dict[int, Lease] = {}
        self.aside = Aside()
        self.doubts: list[Doubt] = []
        self.novel = 0  # count of grants when its cache last began a new conversation
        self.corrections = corrections
        self.echoes = False  # do its polls show leases?
        self.looked = float("-inf")  # when the last poll began that showed leases
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
        """Slots that others use."""
        return sum(doubt.slots for doubt in self.doubts if doubt.tenant is None)

    @property
    def overlap(self) -> int:
        """Slots taken beyond those that there are: so many requests may be deferred inside it."""
        return max(0, -self.free)

    def accept(self, on: bool) -> None:
        """It wants new requests, or none."""
        self._accepting = on
        self._settle()

    def quarantine(self, on: bool) -> None:
        """It computes no more, or again."""
        self.wedged = on
        self._settle()

    def take(self, lease: Lease) -> None:
        """The lease lives from now on."""
        self.live[lease.id] = lease
        if not lease.slots:
            self.aside.take(lease)
        self.busy += lease.held
        self.free -= lease.held

    def hold(self, lease: Lease, slots: int) -> int:
        """The live lease counts for so many slots from now on. Returns how many fewer."""
        fewer = lease.held - slots
        lease.held = slots
        self.busy -= fewer
        self.free += fewer
        return fewer

    def end(self, lease: Lease, ending: Ending, now: float) -> bool:
        """The lease lives no more. True: its slots are free now; False: they are in doubt."""
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
        """It has that many slots now; whatever is taken stays taken."""
        self.free += total - self.total
        self.total = total

    def seen(self, poll: SlotsSeen) -> list[Freed]:
        """What a poll corrects. Returns the slots that are free now, or were not after all."""
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
        """Leases of which polls have shown nothing for so long, nor has a byte come."""
        return [
            lease.id
            for lease in self.live.values()
            if lease.slots and not lease.answered and (lease.absent or 0.0) >= seconds
        ]

    def frees(self, now: float, usual: Usual) -> list[float]:
        """Seconds until each of its slots is free, 0 for those that are."""
        idle = max(0, self.free)
        newest = sorted(self.live.values(), key=lambda lease: lease.granted, reverse=True)
        ages = [now - lease.granted for lease in newest for _ in range(lease.held)]
        # What was granted since the last poll took the place of those that were to end first.
        unseen = sum(now - age >= self.pace.looked for age in ages)
        decoding = max(0, self.total - idle - unseen)
        known = sorted(self.pace.frees(now, usual), reverse=True)[:decoding]
        unknown = self.total - idle - len(known)
        ages = (ages + [0.0] * unknown)[:unknown]
        return [0.0] * idle + known + [by_age(age, usual) for age in ages]

    def add_foreign(self, slots: int, began: float) -> None:
        """A poll that began then showed others use so many slots more."""
        self.doubts.append(Doubt(None, slots, began, began))
        self.free -= slots
        self.corrections[Correction.FOREIGN] += slots

    def doubt(self, doubt: Doubt, slots: int) -> int:
        """So many of these slots are in doubt from now on. Returns how many fewer."""
        fewer = doubt.slots - slots
        doubt.slots = slots
        self.free += fewer
        return fewer

    def ended_since(self, moment: float, lease: int) -> bool:
        """True if this lease ended well after a poll began: it may show it busy."""
        return any(id == lease and ended >= moment for ended, _, id in self._ends)

    def _guess(self, poll: SlotsSeen) -> list[Freed]:
        """What a poll says that does not tell whose the slots are."""
        cleared = self._clear_undoubted(poll) + self._clear_judged(poll) + self._clear_assumed(poll)
        self._find_begun(poll)
        self._find_foreign(poll)
        return cleared

    def _settle(self) -> None:
        self.usable = self._counted and self._accepting and not self.wedged

    def _clear_undoubted(self, poll: SlotsSeen) -> list[Freed]:
        """Rule 1."""
        doubtful = self._doubtful(poll.began)
        return self._clear(doubtful, _sum(doubtful) - poll.busy)

    def _clear_judged(self, poll: SlotsSeen) -> list[Freed]:
        """Rule 2, for an earlier poll; the next to be judged is this one."""
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
        """Rule 3."""
        doubtful = self._doubtful(poll.began)
        explained = poll.busy <= self.busy + self._ended_since(poll.began)
        for doubt in doubtful:
            doubt.explained = doubt.explained + 1 if explained else 0
        assumed = [doubt for doubt in doubtful if doubt.explained >= ASSUME_POLLS]
        self.corrections[Correction.ASSUMED] += _sum(assumed)
        return self._clear(assumed, _sum(assumed))

    def _find_begun(self, poll: SlotsSeen) -> None:
        """Where all that may be busy is busy, all of it has begun."""
        possible = self.busy + _sum(self.doubts) + self._ended_since(poll.began)
        if poll.busy >= possible:
            for lease in self.live.values():
                lease.begun = min(lease.begun, poll.began)
            for doubt in self.doubts:
                doubt.since = min(doubt.since, max(doubt.ended, poll.began))

    def _find_foreign(self, poll: SlotsSeen) -> None:
        """All that the ledger cannot account for is someone else's."""
        accounted = self.busy + _sum(self.doubts) + self._ended_since(poll.began)
        if (others := poll.busy - accounted) > 0:
            self.add_foreign(others, poll.began)

    def _doubtful(self, moment: float) -> list[Doubt]:
        """What was in doubt before that moment, oldest first."""
        return [doubt for doubt in self.doubts if doubt.since < moment]

    def _ended_since(self, moment: float) -> int:
        """Slots of leases that ended well after a poll began: it may show them busy."""
        return sum(slots for ended, slots, _ in self._ends if ended >= moment)

    def _clear(self, doubtful: list[Doubt], slots: int) -> list[Freed]:
        """Frees that many of these slots."""
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
