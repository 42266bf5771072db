"""Do futures and timers carry out what the pools decide?"""

import asyncio
import time
from dataclasses import replace

import pytest

from llmstack.gateway.catalog import Model, catalog_of
from llmstack.gateway.http.backend import Backend
from llmstack.gateway.local_owner import LocalOwner
from llmstack.routing.budget import QueueLimits
from llmstack.routing.messages import Ask, Ending, Grant, Reason, Refusal
from llmstack.routing.slots import SlotsSeen

A = Backend("a", "127.0.0.1", 9000)
MODEL = Model("m", backends=(A,))


def ask(number: int, **fields: object) -> Ask:
    made = Ask(number, "m", "t", 1, (), time.monotonic())
    return made._replace(**fields)  # type: ignore[arg-type]


def see(owner: LocalOwner, busy: int, slots: int = 1, replica: str = "a") -> None:
    """A poll that begins and ends now."""
    owner.seen("m", replica, SlotsSeen(time.monotonic(), slots, busy))


def owner_of(model: Model, slots: int = 1) -> LocalOwner:
    """One whose replica `a` is up."""
    owner = LocalOwner()
    owner.apply(catalog_of([model]))
    owner.replica_up("m", "a", slots)
    see(owner, 0, slots)
    return owner


async def granted(owner: LocalOwner, number: int) -> Grant:
    decision = await owner.acquire(ask(number))
    assert isinstance(decision, Grant), decision
    return decision


async def waiting(owner: LocalOwner, number: int) -> "asyncio.Task[Grant | Refusal]":
    """A request that has come as far as the queue."""
    task = asyncio.create_task(owner.acquire(ask(number)))
    await asyncio.sleep(0)
    assert owner.load()["m"].waiting
    return task


async def test_a_free_slot_is_granted_without_giving_way_to_others() -> None:
    owner = owner_of(MODEL)
    story = owner.acquire(ask(1))
    with pytest.raises(StopIteration) as ended:
        story.send(None)
    assert ended.value.value.replica == "a"


async def test_who_waits_is_served_by_a_release() -> None:
    owner = owner_of(MODEL)
    first = await granted(owner, 1)
    second = await waiting(owner, 2)
    owner.release(first.lease, Ending.DONE)
    decision = await second
    assert isinstance(decision, Grant)
    owner.release(decision.lease, Ending.DONE)
    assert owner.load()["m"].busy == 0


async def test_who_leaves_the_queue_frees_its_place_at_once() -> None:
    owner = owner_of(MODEL)
    await granted(owner, 1)
    second = await waiting(owner, 2)
    second.cancel()
    await asyncio.wait([second])
    assert owner.load()["m"].waiting == 0


async def test_a_grant_for_someone_who_has_just_left_goes_to_the_next() -> None:
    owner = owner_of(MODEL)
    first = await granted(owner, 1)
    second, third = await waiting(owner, 2), await waiting(owner, 3)
    owner.release(first.lease, Ending.DONE)
    second.cancel()
    decision = await third
    assert isinstance(decision, Grant)
    assert second.cancelled()
    owner.release(decision.lease, Ending.DONE)
    assert (owner.load()["m"].busy, owner.load()["m"].draining) == (0, 0)


async def test_slots_that_come_free_while_someone_is_leaving_go_to_the_next() -> None:
    owner = owner_of(MODEL)
    first = await granted(owner, 1)
    second, third = await waiting(owner, 2), await waiting(owner, 3)
    second.cancel()
    # Its future is cancelled, but it has not run since, so that the queue does not know yet.
    owner.release(first.lease, Ending.DONE)
    decision = await third
    assert isinstance(decision, Grant)
    assert second.cancelled()
    owner.release(decision.lease, Ending.DONE)
    load = owner.load()["m"]
    assert (load.busy, load.draining, load.waiting) == (0, 0, 0)


async def test_a_budget_that_ends_while_someone_is_leaving_stops_nobody() -> None:
    owner = owner_of(replace(MODEL, queue=QueueLimits(timeout=30)))
    await granted(owner, 1)
    second, third = await waiting(owner, 2), await waiting(owner, 3)
    second.cancel()
    owner.apply(catalog_of([]))
    decision = await third
    assert isinstance(decision, Refusal)
    assert decision.reason is Reason.MODEL_GONE


async def test_a_refusal_for_someone_who_has_just_left_is_nobodys() -> None:
    owner = owner_of(MODEL)
    await granted(owner, 1)
    second = await waiting(owner, 2)
    owner.apply(catalog_of([]))
    second.cancel()
    await asyncio.wait([second])
    assert second.cancelled()


async def test_a_budget_ends_by_itself() -> None:
    owner = owner_of(replace(MODEL, queue=QueueLimits(timeout=0.02)))
    await granted(owner, 1)
    decision = await owner.acquire(ask(2))
    assert isinstance(decision, Refusal)
    assert (decision.reason, decision.limit) == (Reason.SLOT_TIMEOUT, 0.02)


async def test_a_cold_start_budget_ends_by_itself() -> None:
    owner = LocalOwner()
    owner.apply(catalog_of([replace(MODEL, queue=QueueLimits(cold_start_timeout=0.02))]))
    decision = await owner.acquire(ask(1))
    assert isinstance(decision, Refusal)
    assert decision.reason is Reason.NO_REPLICA


async def test_a_budget_that_became_shorter_ends_earlier() -> None:
    owner = owner_of(MODEL)
    await granted(owner, 1)
    second = await waiting(owner, 2)
    owner.apply(catalog_of([replace(MODEL, queue=QueueLimits(timeout=0.02))]))
    async with asyncio.timeout(10):
        decision = await second
    assert isinstance(decision, Refusal)
    assert decision.reason is Reason.SLOT_TIMEOUT


async def test_the_next_budget_has_its_timer_when_the_first_was_served() -> None:
    owner = owner_of(replace(MODEL, queue=QueueLimits(timeout=0.05)))
    first = await granted(owner, 1)
    second, third = await waiting(owner, 2), await waiting(owner, 3)
    owner.release(first.lease, Ending.DONE)
    assert isinstance(await second, Grant)
    assert isinstance(await third, Refusal)


async def test_a_model_that_comes_again_has_its_own_timer() -> None:
    model = replace(MODEL, queue=QueueLimits(cold_start_timeout=0.05))
    owner = LocalOwner()
    owner.apply(catalog_of([model]))
    first = await waiting(owner, 1)
    owner.apply(catalog_of([]))
    owner.apply(catalog_of([model]))
    second = await owner.acquire(ask(2))
    assert [(await first), second] == [
        Refusal(1, Reason.MODEL_GONE, 10),
        Refusal(2, Reason.NO_REPLICA, 10, 0.05),
    ]


async def test_a_model_that_is_gone_refuses_and_takes_its_leases_back() -> None:
    owner = owner_of(MODEL)
    first = await granted(owner, 1)
    second = await waiting(owner, 2)
    owner.apply(catalog_of([]))
    refusals = [await second, await owner.acquire(ask(3))]
    assert [type(r) is Refusal and r.reason for r in refusals] == [Reason.MODEL_GONE] * 2
    owner.release(first.lease, Ending.CANCELLED)


async def test_a_backend_that_left_the_catalog_or_accepts_no_more_gets_nothing_new() -> None:
    owner = owner_of(MODEL)
    owner.apply(catalog_of([replace(MODEL, backends=(replace(A, accepting=False),))]))
    first = await waiting(owner, 1)
    owner.apply(catalog_of([MODEL]))
    assert isinstance(await first, Grant)
    owner.apply(catalog_of([replace(MODEL, backends=())]))
    assert owner.load()["m"].ready == 0


async def test_a_backend_that_the_catalog_has_no_more_does_not_come_back() -> None:
    owner = owner_of(MODEL)
    owner.apply(catalog_of([replace(MODEL, backends=())]))
    owner.replica_up("m", "a", 1)
    owner.replica_up("unknown", "a", 1)
    assert owner.load()["m"].replicas == ()


async def test_a_cancelled_request_asks_for_a_poll_which_serves_the_next() -> None:
    hurried: list[tuple[str, str]] = []
    owner = owner_of(MODEL)
    owner.hurry = lambda model, replica: hurried.append((model, replica))
    first = await granted(owner, 1)
    owner.first_byte(first.lease)
    second = await waiting(owner, 2)
    owner.release(first.lease, Ending.CANCELLED)
    assert (hurried, owner.draining("m", "a"), second.done()) == ([("m", "a")], True, False)
    see(owner, 0)
    assert isinstance(await second, Grant)
    assert not owner.draining("m", "a")


async def test_a_release_that_needs_no_poll_asks_for_none() -> None:
    hurried: list[tuple[str, str]] = []
    owner = owner_of(MODEL)
    owner.hurry = lambda model, replica: hurried.append((model, replica))
    owner.release((await granted(owner, 1)).lease, Ending.DONE)
    assert hurried == []


async def test_a_wedged_backend_gets_nothing_new() -> None:
    owner = owner_of(MODEL)
    owner.quarantine("m", "a", True)
    first = await waiting(owner, 1)
    owner.quarantine("m", "a", False)
    assert isinstance(await first, Grant)


async def test_whoever_follows_the_load_hears_of_each_change() -> None:
    heard: list[int] = []
    owner = owner_of(MODEL)
    owner.changed = lambda model: heard.append(owner.load()[model].busy)
    first = await granted(owner, 1)
    owner.release(first.lease, Ending.DONE)
    assert heard == [1, 0]


async def test_what_comes_for_an_unknown_model_or_lease_is_ignored() -> None:
    owner = LocalOwner()
    owner.seen("m", "a", SlotsSeen(0.0, 1, 0))
    owner.replica_down("m", "a")
    owner.quarantine("m", "a", True)
    owner.first_byte(1)
    assert not owner.draining("m", "a")
    assert owner.load() == {}


async def test_who_waits_for_what_cannot_start_is_refused_and_so_is_who_comes() -> None:
    owner = LocalOwner()
    cold = Model("m")
    owner.apply(catalog_of([cold]))
    task = await waiting(owner, 1)
    owner.apply(catalog_of([replace(cold, obstacle="SourceNotFound: no such file")]))
    for refused in (await task, await owner.acquire(ask(2))):
        assert isinstance(refused, Refusal)
        assert refused.reason is Reason.CANNOT_START


async def test_what_cannot_start_another_replica_is_served_by_the_one_it_has() -> None:
    owner = owner_of(replace(MODEL, obstacle="SourceNotFound: no such file"))
    await granted(owner, 1)


async def test_once_the_obstacle_is_gone_requests_wait_as_before() -> None:
    owner = LocalOwner()
    owner.apply(catalog_of([Model("m", obstacle="Stopped: spec.replicas is 0")]))
    owner.apply(catalog_of([Model("m")]))
    task = await waiting(owner, 1)
    task.cancel()
