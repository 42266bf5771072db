"""Do several gateways together grant each slot once, lose none, and leave nobody waiting?"""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.gateway.peers.simnet import Net, run

_SEEDS = st.integers(0, 2**32)
_few = settings(max_examples=settings.default.max_examples // 4)
"""Each example is half a minute of several gateways."""


async def load(net: Net, seconds: float, rate: float = 30.0) -> None:
    """Clients at all living gateways for so long; some leave early."""
    end = net.loop.now + seconds
    while net.loop.now < end:
        await asyncio.sleep(net.random.expovariate(rate))
        node = net.random.choice([each for each in net.nodes.values() if each.alive])
        model = net.random.choice(net.catalog.models).id
        patience = net.random.choice((1000.0, 1000.0, 0.05, 0.5))
        net.request(node, model, net.random.expovariate(12.0), patience)


async def settle(net: Net) -> None:
    """Until all requests have ended; then nothing is held any more."""
    net.mangles = 0.0
    for _ in range(3000):
        if not net.stories:
            break
        await asyncio.sleep(0.1)
    assert not net.stories, "an ask never ended"
    await asyncio.sleep(5.0)
    living = [node for node in net.nodes.values() if node.alive]
    owned = [model for node in living for model in node.owner.terms]
    assert sorted(owned) == [model.id for model in net.catalog.models], "each has one owner"
    for node in living:
        for model, of in node.local.load().items():
            assert model in node.owner.terms
            states = [(r.busy, r.draining, r.foreign, r.total) for r in of.replicas]
            assert states == [(0, 0, 0, 2)], "a slot was lost"
            assert not of.waiting


async def watched(net: Net, seconds: float) -> None:
    """For so long: wherever somebody waits, all slots are in use."""
    end, idle = net.loop.now + seconds, 0
    while net.loop.now < end:
        await asyncio.sleep(0.01)
        for node in net.nodes.values():
            for of in node.local.load().values() if node.alive else ():
                if of.waiting and of.total > of.busy + of.draining + of.foreign:
                    idle += 1
    assert not idle, "a request waits while a slot is free"


Fault = Callable[[Net], Awaitable[None]]


async def nothing(net: Net) -> None:
    await asyncio.sleep(2.0)


async def kills_one(net: Net) -> None:
    name = net.random.choice(net.names)
    net.nodes[name].kill()
    await asyncio.sleep(net.random.uniform(0.1, 3.0))
    net.start(name)


async def kills_two(net: Net) -> None:
    names = net.random.sample(net.names, 2)
    for name in names:
        net.nodes[name].kill()
        await asyncio.sleep(net.random.uniform(0.0, 1.0))
    await asyncio.sleep(2.0)
    for name in names:
        net.start(name)


async def pauses(net: Net) -> None:
    node = net.nodes[net.random.choice(net.names)]
    node.pause()
    await asyncio.sleep(net.random.uniform(0.1, 10.0))
    node.resume()


async def pauses_while_it_connects(net: Net) -> None:
    node = net.nodes[net.random.choice(net.names)]
    node.connecting = 1.0
    await asyncio.sleep(1.0)
    node.pause()
    node.connecting = 0.05
    await asyncio.sleep(net.random.uniform(1.0, 4.0))
    node.resume()


async def breaks_connections(net: Net) -> None:
    net.mangles = 0.02
    await asyncio.sleep(3.0)
    net.mangles = 0.0


async def slows_down(net: Net) -> None:
    net.slowest = 0.2
    await asyncio.sleep(3.0)
    net.slowest = 0.005


async def retires_one(net: Net) -> None:
    name = net.random.choice(net.names)
    node = net.nodes[name]
    node.owner.retire()
    for _ in range(600):
        if not node.stories:
            break
        await asyncio.sleep(0.1)
    await asyncio.sleep(0.5)
    node.kill()
    net.start(name)


FAULTS = (
    nothing,
    kills_one,
    kills_two,
    pauses,
    pauses_while_it_connects,
    breaks_connections,
    slows_down,
    retires_one,
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
@_few
@given(seed=_SEEDS)
def test_each_slot_is_granted_once_and_none_is_lost(fault: Fault, seed: int) -> None:
    async def story() -> None:
        net = Net(seed)
        await asyncio.sleep(1.0)
        loading = asyncio.create_task(load(net, 8.0))
        await asyncio.sleep(1.0)
        await fault(net)
        await loading
        assert net.served
        assert not net.deferred(), "more requests inside a replica than it has slots"
        await asyncio.sleep(4.0)
        after = asyncio.create_task(load(net, 2.0, rate=80.0))
        await watched(net, 2.0)
        await after
        await settle(net)
        assert not net.deferred()

    run(story)


@_few
@given(seed=_SEEDS, groups=st.sampled_from(["a|bc", "ab|c", "a|b|c"]))
def test_a_partition_heals(seed: int, groups: str) -> None:
    async def story() -> None:
        net = Net(seed)
        await asyncio.sleep(1.0)
        loading = asyncio.create_task(load(net, 20.0, rate=20.0))
        await asyncio.sleep(1.0)
        parts = groups.split("|")
        net.cuts = {
            frozenset((one, other))
            for part in parts
            for one in part
            for another in parts
            if another != part
            for other in another
        }
        await asyncio.sleep(8.0)
        net.cuts = set()
        await asyncio.sleep(5.0)
        before = net.deferred()
        await loading
        assert net.deferred() == before, "over-dispatch 5 s after healing"
        await settle(net)

    run(story)


@_few
@given(seed=_SEEDS)
def test_some_who_reach_only_some_still_serve_everyone(seed: int) -> None:
    """a and c do not reach each other, and both reach b: nobody agrees, so each grants alone."""

    async def story() -> None:
        net = Net(seed)
        await asyncio.sleep(1.0)
        net.cuts = {frozenset("ac")}
        await asyncio.sleep(5.0)
        await load(net, 3.0, rate=10.0)
        await asyncio.sleep(5.0)
        assert not net.stories, "an ask never ended"
        net.cuts = set()
        await settle(net)

    run(story)
