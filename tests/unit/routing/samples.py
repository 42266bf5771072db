"""A pool whose asks, answers and clock the tests of routing write down in one line each."""

import itertools

from llmstack.routing.budget import QueueLimits
from llmstack.routing.messages import Ask, Ending, Grant, Refusal
from llmstack.routing.pool import Decision, Pool
from llmstack.routing.slots import SlotsSeen


class Bench:
    """A pool, and what it decided. Asks and their leases go by the ask's id."""

    def __init__(self, *replicas: int, limits: QueueLimits | None = None) -> None:
        """`replicas`: their slots; they are named a, b, …"""
        self.now = 0.0
        self.pool = Pool(limits or QueueLimits(), 0.0, itertools.count(1))
        self.ids = itertools.count(1)
        self.decided: dict[int, Decision] = {}
        self.order: list[int] = []
        for name, slots in zip("abcdefgh", replicas, strict=False):
            self.up(name, slots)

    def ask(
        self,
        tenant: str = "t",
        slots: int = 1,
        blocks: tuple[int, ...] = (),
        avoid: frozenset[str] = frozenset(),
        arrived: float | None = None,
        divisible: bool = False,
    ) -> int:
        """Submits one; its id."""
        ask = Ask(
            id=next(self.ids),
            model="m",
            tenant=tenant,
            slots=slots,
            blocks=blocks,
            arrived=self.now if arrived is None else arrived,
            avoid=avoid,
            divisible=divisible,
        )
        self.take(self.pool.submit(ask, self.now))
        return ask.id

    def up(self, name: str, slots: int, busy: int = 0) -> None:
        """A replica comes, and its first poll."""
        self.take(self.pool.replica(name, slots, True, self.now))
        self.poll(name, slots, busy)

    def poll(self, name: str, total: int, busy: int, began: float | None = None) -> None:
        """A poll that began (just) now shows this."""
        poll = SlotsSeen(self.now if began is None else began, total, busy)
        self.take(self.pool.seen(name, poll, self.now))

    def end(self, ask: int, ending: Ending = Ending.DONE) -> None:
        """Releases its lease."""
        self.take(self.pool.release(self.grant(ask).lease, ending, self.now))

    def take(self, decisions: list[Decision]) -> None:
        """Notes decisions; each ask has one at most."""
        for decision in decisions:
            assert decision.ask not in self.decided
            self.decided[decision.ask] = decision
            self.order.append(decision.ask)

    def grant(self, ask: int) -> Grant:
        decision = self.decided[ask]
        assert isinstance(decision, Grant), decision
        return decision

    def refusal(self, ask: int) -> Refusal:
        decision = self.decided[ask]
        assert isinstance(decision, Refusal), decision
        return decision

    def where(self, ask: int) -> str:
        """The replica that serves it; "waits" or the reason of its refusal if none does."""
        decision = self.decided.get(ask)
        if isinstance(decision, Grant):
            return decision.replica
        return str(decision.reason) if decision else "waits"
