"""Do conversations stay where they are, however long the beginning is that all of them share?"""

import itertools
import random
from collections import Counter

import pytest

from llmstack.routing.affinity import blocks
from llmstack.routing.budget import QueueLimits
from llmstack.routing.lease import SlotsSeen
from llmstack.routing.messages import Ask, Ending, Grant
from llmstack.routing.pool import Pool

REPLICAS, SLOTS, TALKS, TURNS = 3, 4, 12, 9


class Service:
    """Replicas behind a pool. In each round all conversations take a turn, at once."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.pool = Pool(QueueLimits(), 0.0, itertools.count())
        self.ids = itertools.count()
        for name in "abc"[:REPLICAS]:
            self.pool.replica(name, SLOTS, True, 0.0)
            self.pool.seen(name, SlotsSeen(0.0, SLOTS, 0), 0.0)

    def turn(self, *texts: bytes) -> Grant:
        chain = blocks(b"model", *texts)
        ask = Ask(next(self.ids), "m", "t", 1, chain, 0.0)
        (grant,) = self.pool.submit(ask, 0.0)
        assert isinstance(grant, Grant)
        return grant

    def stayed(self, talks: list[bytes], *setting: bytes, more: int) -> Counter[bool]:
        """How many turns ran where the last one of their conversation did."""
        at: dict[int, str] = {}
        stayed: Counter[bool] = Counter()
        for _ in range(TURNS):
            granted = []
            for talk in self.rng.sample(range(TALKS), TALKS):
                grant = self.turn(*setting, talks[talk])
                granted.append(grant)
                if talk in at:
                    stayed[at[talk] == grant.replica] += 1
                at[talk] = grant.replica
                talks[talk] += self.rng.randbytes(more)
            for grant in granted:
                self.pool.release(grant.lease, Ending.DONE, 0.0)
        assert len(set(at.values())) == REPLICAS
        return stayed


@pytest.mark.parametrize("shared", [1_000, 40_000, 150_000, 1_000_000])
@pytest.mark.parametrize("more", [600, 30_000])
def test_each_turn_goes_where_the_last_one_was(shared: int, more: int) -> None:
    service = Service(shared + more)
    system = service.rng.randbytes(shared)
    talks = [system + service.rng.randbytes(1500) for _ in range(TALKS)]
    assert service.stayed(talks, more=more) == {True: TALKS * (TURNS - 1)}


@pytest.mark.parametrize("shared", [40_000, 150_000, 1_000_000])
def test_also_where_they_share_what_precedes_the_prompt(shared: int) -> None:
    """Tools and a system prompt in a field of its own."""
    service = Service(shared)
    setting = service.rng.randbytes(shared)
    talks = [service.rng.randbytes(1500) for _ in range(TALKS)]
    assert service.stayed(talks, setting, more=700) == {True: TALKS * (TURNS - 1)}


def test_a_new_conversation_goes_to_a_replica_that_has_the_common_beginning() -> None:
    service = Service(1)
    system = service.rng.randbytes(150_000)
    first = service.turn(system, service.rng.randbytes(1500))
    grant = service.turn(system, service.rng.randbytes(1500))
    assert grant.replica == first.replica
    assert grant.hit > 0.9
