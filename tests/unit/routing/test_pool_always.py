"""What holds for a pool whatever happens, in whichever order?"""

import itertools
import random
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmstack.routing.aside import AT_ONCE, PER_TENANT
from llmstack.routing.budget import QueueLimits
from llmstack.routing.messages import NO_SLOTS, WHOLE, Ask, Ending, Grant, Reason, Refusal
from llmstack.routing.pool import Decision, Pool
from llmstack.routing.slots import SlotsSeen

STEPS = 150


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


class Run:
    """A pool beside a plain account of what it may and must do; what happens is drawn by lot."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.echo = rng.random() < 0.5  # do polls show leases?
        self.reserve = rng.random() < 0.3
        self.limits_now = self.some_limits()
        self.pool = Pool(self.limits_now, 0.0, itertools.count(1))
        self.now = 0.0
        self.ids = itertools.count(1)
        self.replicas: dict[str, Model] = {}
        self.waiting: dict[int, Ask] = {}
        self.spent: dict[int, tuple[float, float]] = {}
        self.leases: dict[int, tuple[Model, str]] = {}
        self.extra: set[int] = set()
        self.aside: dict[int, str] = {}  # tenants of leases without a slot
        self.actions = {
            self.ask: 40,
            self.release: 25,
            self.idle_poll: 16,
            self.pass_time: 8,
            self.withdraw: 5,
            self.replica: 4,
            self.quarantine: 3,
            self.gone: 2,
            self.limits: 1,
        }

    def step(self) -> None:
        (action,) = self.rng.choices(list(self.actions), self.actions.values())
        action()
        self.check_bound()
        self.check_budgets()
        self.check_load()
        self.check_that_no_slot_is_idle_in_vain()

    def some_name(self) -> str:
        return self.rng.choice("abc")

    def some_limits(self) -> QueueLimits:
        rng = self.rng
        return QueueLimits(
            rng.choice([0, 3, 12]),
            rng.choice([5.0, 50.0]),
            rng.choice([10.0, 100.0]),
            self.reserve,
        )

    def some_chain(self) -> tuple[int, ...]:
        path = self.rng.choices("123", k=self.rng.randrange(5))
        return tuple(int("9" + "".join(path[: n + 1])) for n in range(len(path)))

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
        if slots == NO_SLOTS:
            tenants = [self.aside[lease] for lease in replica.leases if lease in self.aside]
            assert len(tenants) < AT_ONCE
            assert tenants.count(ask.tenant) < PER_TENANT
            self.aside[grant.lease] = ask.tenant
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

    def ask(self) -> None:
        slots = self.rng.choice([1, 1, 1, 1, 1, 2, 3, WHOLE, NO_SLOTS])
        avoid = frozenset(self.rng.choice(["", "", "", "", "a", "ab"]))
        tenant = self.rng.choice("xyz")
        ask = Ask(next(self.ids), "m", tenant, slots, self.some_chain(), self.now, avoid)
        self.waiting[ask.id] = ask
        self.spent[ask.id] = (0.0, 0.0)
        if avoid:
            self.extra.add(ask.id)
        self.follow(self.pool.submit(ask, self.now), Reason.QUEUE_FULL)

    def check_bound(self) -> None:
        """Those that a replica failed do not count."""
        assert len(self.waiting.keys() - self.extra) <= self.limits_now.max_requests

    def withdraw(self) -> None:
        if self.waiting:
            number = self.rng.choice(list(self.waiting))
            del self.waiting[number]
            self.follow(self.pool.withdraw(number, self.now))

    def release(self) -> None:
        if not self.leases:
            return
        lease = self.rng.choice(list(self.leases))
        replica, name = self.leases.pop(lease)
        slots = replica.leases.pop(lease)
        ending = self.rng.choice([Ending.DONE, Ending.DONE, *Ending])
        if ending is not Ending.DONE and self.replicas.get(name) is replica:
            replica.drains.append(slots)
        self.follow(self.pool.release(lease, ending, self.now))

    def replica(self) -> None:
        name, total, accepting = self.some_name(), self.rng.randint(1, 4), self.rng.random() < 0.9
        replica = self.replicas.setdefault(name, Model(total))
        replica.total, replica.accepting = total, accepting
        self.follow(self.pool.replica(name, total, accepting, self.now))

    def idle_poll(self) -> None:
        """Long after all has begun, polls show what lives, others' work, and nothing else.

        With the echo, the server may be through with some whose clients read on: by the second.
        """
        name, others = self.some_name(), self.rng.choice([0, 0, 0, 0, 1, 2])
        if name not in self.replicas:
            return
        self.let_pass(2.0)
        replica = self.replicas[name]
        before = dict(replica.leases)
        for look in range(2):
            if self.echo and look:
                for lease in before.keys() & replica.leases.keys():
                    replica.leases[lease] *= self.rng.random() < 0.5
            live = sum(replica.leases.values())
            others = min(others, max(0, replica.total - live))
            replica.counted, replica.drains, replica.foreign = True, [], others
            shown = {lease: slots for lease, slots in replica.leases.items() if slots}
            leases = shown if self.echo else None
            poll = SlotsSeen(self.now, replica.total, live + others, leases)
            self.follow(self.pool.seen(name, poll, self.now))
            self.let_pass(2.0)
        if replica.leases.keys() == before.keys():
            self.check_that_no_doubt_is_left(name, replica)

    def gone(self) -> None:
        name = self.some_name()
        self.replicas.pop(name, None)
        self.follow(self.pool.gone(name, self.now))

    def quarantine(self) -> None:
        name, on = self.some_name(), self.rng.random() < 0.3
        if replica := self.replicas.get(name):
            replica.wedged = on
        self.follow(self.pool.quarantine(name, on, self.now))

    def limits(self) -> None:
        self.limits_now = self.some_limits()
        decisions = self.pool.limits(self.limits_now, self.now)
        self.follow(decisions, Reason.QUEUE_FULL, Reason.SLOT_TIMEOUT)

    def pass_time(self) -> None:
        self.let_pass(self.rng.choice([0.5, 0.5, 4.0, 30.0]))

    def let_pass(self, seconds: float) -> None:
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

    def check_budgets(self) -> None:
        for number in self.waiting:
            with_replica, without = self.spent[number]
            assert with_replica < self.limits_now.timeout + 1e-3
            assert without < self.limits_now.cold_start_timeout + 1e-3

    def check_load(self) -> None:
        load = self.pool.load()
        assert load.waiting == len(self.waiting)
        assert load.busy == sum(sum(model.leases.values()) for model in self.all_models())
        assert load.ready == sum(replica.usable for replica in self.replicas.values())
        assert load.draining >= sum(sum(replica.drains) for replica in self.replicas.values())

    def check_that_no_doubt_is_left(self, name: str, replica: Model) -> None:
        """After two polls, the second long after the first. Whose a busy slot is cannot be told."""
        seen = next(seen for seen in self.pool.load().replicas if seen.id == name)
        assert seen.draining + seen.foreign == replica.foreign

    def check_that_no_slot_is_idle_in_vain(self) -> None:
        """Nobody waits who may use a free slot, but for the one replica that may be kept."""
        if self.reserve:
            return
        kept = self.pool._turns.reservation
        load = {replica.id: replica for replica in reversed(self.pool.load().replicas)}
        for ask in self.waiting.values():
            waiting = self.pool._queue.get(ask.id)
            assert waiting is not None
            for name, replica in self.replicas.items():
                if not replica.usable or name in waiting.lane.avoid:
                    continue
                if kept and kept.replica.replica == name and kept.waiting is not waiting:
                    assert ask.slots != NO_SLOTS
                    continue
                needed = replica.total if ask.slots == WHOLE else ask.slots
                if ask.slots == NO_SLOTS:
                    assert not self.pool._replicas[name].aside.room(ask.tenant)
                    continue
                seen = load[name]
                assert seen.total - seen.busy - seen.draining - seen.foreign < needed

    def all_models(self) -> list[Model]:
        """Those that are there, and those that only their leases keep."""
        kept = {id(model): model for model in self.replicas.values()}
        kept.update((id(model), model) for model, _ in self.leases.values())
        return list(kept.values())

    def finish(self) -> None:
        """In the end everyone is answered, and nothing is left of anyone."""
        while self.waiting:
            number = next(iter(self.waiting))
            del self.waiting[number]
            self.follow(self.pool.withdraw(number, self.now))
        while self.leases:
            lease = next(iter(self.leases))
            del self.leases[lease]
            self.follow(self.pool.release(lease, Ending.DONE, self.now))
        for name in self.replicas:
            self.pool.gone(name, self.now)
        load = self.pool.load()
        assert (load.replicas, load.waiting, load.waiting_slots) == ((), 0, 0)
        assert len(self.pool._tenants) == 0


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_whatever_happens(seed: int) -> None:
    run = Run(random.Random(seed))
    for _ in range(STEPS):
        run.step()
    run.finish()


def test_enough_happens() -> None:
    """Of each kind of decision, or the test above proves little."""
    run = Run(random.Random(1))
    decided: list[str] = []
    follow = run.follow

    def note(decisions: Iterable[Decision], *reasons: Reason) -> None:
        decisions = list(decisions)
        decided.extend(d.reason if isinstance(d, Refusal) else "grant" for d in decisions)
        follow(decisions, *reasons)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "follow", note)
        for _ in range(8 * STEPS):
            run.step()
    # These two are said of all that wait at once, by whoever owns the pool.
    kinds = {"grant", *Reason} - {Reason.MODEL_GONE, Reason.CANNOT_START}
    assert all(kind in decided for kind in kinds)
    assert decided.count("grant") > 100
