"""What holds for a pool whatever happens, in whichever order?"""

import itertools
from collections.abc import Iterable

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from llmstack.routing.budget import Limits
from llmstack.routing.messages import NO_SLOTS, WHOLE, Ask, Ending, Grant, Reason
from llmstack.routing.pool import Decision, Pool
from llmstack.routing.slots import SlotsSeen

NAMES = st.sampled_from("abc")
LIMITS = st.builds(
    Limits,
    max_requests=st.integers(0, 12),
    timeout=st.sampled_from([5.0, 50.0]),
    cold_start_timeout=st.sampled_from([10.0, 100.0]),
)
CHAINS = st.lists(st.integers(1, 3), max_size=4).map(
    lambda path: tuple(int("9" + "".join(map(str, path[: n + 1]))) for n in range(len(path)))
)


class Model:
    """A replica as it truly is, for the test: slots, and who holds them."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.accepting = True
        self.wedged = False
        self.counted = False
        self.foreign = 0
        self.leases: dict[int, int] = {}
        self.drains: list[int] = []

    @property
    def usable(self) -> bool:
        return self.accepting and not self.wedged and self.counted

    @property
    def taken(self) -> int:
        return sum(self.leases.values()) + sum(self.drains) + self.foreign


class Pools(RuleBasedStateMachine):
    """A pool beside a plain account of what it may and must do."""

    @initialize(limits=LIMITS)
    def begin(self, limits: Limits) -> None:
        self.limits_now = limits
        self.pool = Pool(limits, 0.0, itertools.count(1))
        self.now = 0.0
        self.ids = itertools.count(1)
        self.replicas: dict[str, Model] = {}
        self.waiting: dict[int, Ask] = {}
        self.spent: dict[int, tuple[float, float]] = {}
        self.leases: dict[int, tuple[Model, str]] = {}
        self.extra: set[int] = set()
        for name in "ab":
            self.replica(name, 2, True)
            self.idle_poll(name, 0)

    def follow(self, decisions: Iterable[Decision], *reasons: Reason) -> None:
        """Each decision is about one that waits, and allowed."""
        for decision in decisions:
            ask = self.waiting.pop(decision.ask)
            if isinstance(decision, Grant):
                self.check_grant(ask, decision)
            else:
                assert decision.reason in (*reasons, Reason.TOO_MANY_SLOTS, Reason.NO_REPLICA)
                self.check_refusal(ask, decision.reason)

    def check_grant(self, ask: Ask, grant: Grant) -> None:
        replica = self.replicas[grant.replica]
        slots = replica.total if ask.slots == WHOLE else ask.slots
        assert replica.usable
        assert slots == NO_SLOTS or replica.taken + slots <= replica.total
        assert grant.lease not in self.leases
        assert 0 <= grant.hit <= 1
        replica.leases[grant.lease] = slots
        self.leases[grant.lease] = (replica, grant.replica)

    def check_refusal(self, ask: Ask, reason: Reason) -> None:
        with_replica, without = self.spent[ask.id]
        match reason:
            case Reason.SLOT_TIMEOUT:
                assert with_replica >= self.limits_now.timeout - 1e-3
            case Reason.NO_REPLICA:
                assert without >= self.limits_now.cold_start_timeout - 1e-3 or (
                    self.replicas and ask.avoid >= self.replicas.keys()
                )
            case Reason.TOO_MANY_SLOTS:
                assert self.replicas
                assert all(ask.slots > replica.total for replica in self.replicas.values())
            case _:
                assert ask.id not in self.extra

    @rule(
        tenant=st.sampled_from("xyz"),
        slots=st.sampled_from([1, 1, 1, 1, 2, 3, WHOLE, NO_SLOTS]),
        chain=CHAINS,
        avoid=st.sampled_from(["", "", "", "a", "ab"]),
    )
    def ask(self, tenant: str, slots: int, chain: tuple[int, ...], avoid: str) -> None:
        ask = Ask(next(self.ids), "m", tenant, slots, chain, self.now, frozenset(avoid))
        self.waiting[ask.id] = ask
        self.spent[ask.id] = (0.0, 0.0)
        if avoid:
            self.extra.add(ask.id)
        self.follow(self.pool.submit(ask, self.now), Reason.QUEUE_FULL)
        self.check_bound()

    def check_bound(self) -> None:
        """Those that a replica failed do not count."""
        assert len(self.waiting.keys() - self.extra) <= self.limits_now.max_requests

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.waiting)))
        del self.waiting[number]
        self.follow(self.pool.withdraw(number, self.now))

    @precondition(lambda self: self.leases)
    @rule(data=st.data(), ending=st.sampled_from([Ending.DONE, Ending.DONE, *Ending]))
    def release(self, data: st.DataObject, ending: Ending) -> None:
        lease = data.draw(st.sampled_from(sorted(self.leases)))
        replica, name = self.leases.pop(lease)
        slots = replica.leases.pop(lease)
        if ending is not Ending.DONE and self.replicas.get(name) is replica:
            replica.drains.append(slots)
        self.follow(self.pool.release(lease, ending, self.now))

    @rule(name=NAMES, total=st.integers(1, 4), accepting=st.booleans())
    def replica(self, name: str, total: int, accepting: bool) -> None:
        replica = self.replicas.setdefault(name, Model(total))
        replica.total, replica.accepting = total, accepting
        self.follow(self.pool.replica(name, total, accepting, self.now))

    @rule(name=NAMES, others=st.sampled_from([0, 0, 0, 1, 2]))
    def idle_poll(self, name: str, others: int) -> None:
        """Long after all has begun, a poll shows what lives, others' work, and nothing else."""
        if replica := self.replicas.get(name):
            self.pass_time(2.0)
            replica = self.replicas[name]
            live = sum(replica.leases.values())
            others = min(others, max(0, replica.total - live))
            for _ in range(2):
                self.pass_time(0.1)
                replica.counted, replica.drains, replica.foreign = True, [], others
                poll = SlotsSeen(self.now, replica.total, live + others)
                new = len(self.leases)
                self.follow(self.pool.seen(name, poll, self.now))
                if len(self.leases) != new:
                    break

    @rule(name=NAMES)
    def gone(self, name: str) -> None:
        self.replicas.pop(name, None)
        self.follow(self.pool.gone(name, self.now))

    @rule(name=NAMES, on=st.booleans())
    def quarantine(self, name: str, on: bool) -> None:
        if replica := self.replicas.get(name):
            replica.wedged = on
        self.follow(self.pool.quarantine(name, on, self.now))

    @rule(limits=LIMITS)
    def limits(self, limits: Limits) -> None:
        self.limits_now = limits
        self.follow(self.pool.limits(limits, self.now), Reason.QUEUE_FULL, Reason.SLOT_TIMEOUT)
        self.check_bound()

    @rule(seconds=st.sampled_from([0.5, 4.0, 30.0]))
    def pass_time(self, seconds: float) -> None:
        """To the end of each budget on the way, as a timer would."""
        until = self.now + seconds
        while self.now < until:
            due = self.pool.next_expiry()
            step = min(until, until if due is None else max(due, self.now))
            serving = any(replica.usable for replica in self.replicas.values())
            passed = step - self.now
            for number, (with_replica, without) in self.spent.items():
                self.spent[number] = (
                    with_replica + passed * serving,
                    without + passed * (not serving),
                )
            self.now = step
            self.follow(self.pool.expire(self.now), Reason.SLOT_TIMEOUT)

    @invariant()
    def budgets_are_honoured(self) -> None:
        if hasattr(self, "pool"):
            for number in self.waiting:
                with_replica, without = self.spent[number]
                assert with_replica < self.limits_now.timeout + 1e-3
                assert without < self.limits_now.cold_start_timeout + 1e-3

    @invariant()
    def the_load_tells_the_truth(self) -> None:
        if hasattr(self, "pool"):
            load = self.pool.load()
            assert load.waiting == len(self.waiting)
            assert load.busy == sum(sum(m.leases.values()) for m in self.all_models())
            assert load.ready == sum(replica.usable for replica in self.replicas.values())

    @invariant()
    def no_slot_is_idle_while_one_waits_who_may_use_it(self) -> None:
        if not hasattr(self, "pool"):
            return
        load = {replica.id: replica for replica in self.pool.load().replicas}
        kept = self.pool._turns.reservation
        for ask in self.waiting.values():
            for name, replica in self.replicas.items():
                lane = self.pool._queue.get(ask.id)
                assert lane is not None
                if not replica.usable or name in lane.lane.avoid:
                    continue
                seen = load[name]
                free = replica.total - seen.busy - seen.draining - seen.foreign
                needed = replica.total if ask.slots == WHOLE else ask.slots
                reserved = kept and kept.replica.replica == name and kept.waiting is not lane
                assert free < needed or (reserved and ask.slots != NO_SLOTS)

    def all_models(self) -> list[Model]:
        """Those that are there, and those that only their leases keep."""
        kept = {id(model): model for model in self.replicas.values()}
        kept.update((id(model), model) for model, _ in self.leases.values())
        return list(kept.values())

    def teardown(self) -> None:
        """In the end everyone is answered, and every slot is free again."""
        if not hasattr(self, "pool"):
            return
        for number in list(self.waiting):
            self.withdraw_one(number)
        for lease in list(self.leases):
            self.leases.pop(lease)
            self.follow(self.pool.release(lease, Ending.DONE, self.now))
        for name in list(self.replicas):
            self.pool.gone(name, self.now)
        load = self.pool.load()
        assert (load.replicas, load.waiting, load.waiting_slots) == ((), 0, 0)
        assert len(self.pool._tenants) == 0

    def withdraw_one(self, number: int) -> None:
        if number in self.waiting:
            del self.waiting[number]
            self.follow(self.pool.withdraw(number, self.now))


Pools.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestPools = Pools.TestCase
