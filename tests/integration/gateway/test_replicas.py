"""Does the owner of the slots learn how replicas stand, in time and whatever they do?

Most by a fake llama-server, which can fall silent; what its slots say is tried on the real one too.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import pytest

from llmstack.gateway.catalog import Catalog, Model
from llmstack.gateway.http.backend import Backend
from llmstack.gateway.local_owner import LocalOwner
from llmstack.gateway.replica_pace import Pace
from llmstack.gateway.replica_watch import State
from llmstack.gateway.replicas import Replicas
from llmstack.routing.budget import QueueLimits
from llmstack.routing.load import Load, ReplicaState
from llmstack.routing.messages import Ask, Ending, Grant, Refusal
from tests.integration.gateway.llamas import Llama
from tests.support import waiting
from tests.support.llama.client import Client
from tests.support.llama.fake import FakeLlama
from tests.support.llama.shape import Shape

_until = partial(waiting.until, seconds=60)
QUICK = Pace(poll=0.05, quick=0.01, away=0.05, metrics=0.05, patience=5)
SELDOM = replace(QUICK, poll=1000)
"""Polls come only where there is reason to hurry."""
LONG = {"prompt": "word", "n_predict": 100_000, "ignore_eos": True, "stream": True}


class Watched:
    """Replicas of one model, and the owner of their slots."""

    def __init__(self, pace: Pace, last_byte: Callable[[], float]) -> None:
        self.changes = asyncio.Event()
        self.owner = LocalOwner(lambda _: self.changes.set(), self._hurry)
        self.replicas = Replicas(self.owner, lambda _model, _replica: last_byte(), pace)
        self._asks = 0

    def _hurry(self, model: str, replica: str) -> None:
        self.replicas.hurry(model, replica)

    def follow(self, *backends: Backend, wedge_seconds: float = 120) -> None:
        queue = QueueLimits(100, 100, 100)
        model = Model("m", queue=queue, wedge_seconds=wedge_seconds, backends=backends)
        self.model = model
        catalog = Catalog((model,))
        self.owner.apply(catalog)
        self.replicas.follow(catalog)

    @property
    def unreachable(self) -> Mapping[str, str]:
        return self.replicas.unreachable(self.model)

    @property
    def load(self) -> Load:
        return self.owner.load().get("m", Load())

    async def until(self, true: Callable[[Load], bool]) -> Load:
        """Until the owner sees it so."""
        async with asyncio.timeout(60):
            while not true(self.load):
                self.changes.clear()
                await self.changes.wait()
        return self.load

    async def is_up(self, count: int = 1) -> Load:
        return await self.until(lambda load: load.ready == count)

    def ask(self) -> asyncio.Task[Grant | Refusal]:
        """A request for one slot."""
        self._asks += 1
        ask = Ask(self._asks, "m", "t", 1, (), time.monotonic())
        return asyncio.create_task(self.owner.acquire(ask))

    async def granted(self) -> Grant:
        answer = await self.ask()
        assert isinstance(answer, Grant)
        return answer


@asynccontextmanager
async def watched(
    pace: Pace = QUICK, last_byte: Callable[[], float] = lambda: float("-inf")
) -> AsyncIterator[Watched]:
    made = Watched(pace, last_byte)
    try:
        yield made
    finally:
        await made.replicas.close()
        assert made.load.ready == 0


def backend(server: FakeLlama, key: str = "", **changes: object) -> Backend:
    made = Backend(f"127.0.0.1:{server.port}", "127.0.0.1", server.port, key)
    return replace(made, **changes)  # type: ignore[arg-type]


async def test_it_comes_when_its_model_is_loaded(caplog: pytest.LogCaptureFixture) -> None:
    async with FakeLlama.running(Shape(slots=3, loading=0.2)) as server, watched() as it:
        it.follow(backend(server))
        assert it.load.replicas == ()
        load = await it.is_up()
        assert (load.total, load.busy, load.foreign) == (3, 0, 0)
        assert "it is loading its model" in caplog.text


async def test_one_that_dies_is_gone_and_comes_back_as_it_is_then() -> None:
    async with FakeLlama.running(Shape(slots=4)) as server, watched() as it:
        it.follow(backend(server))
        await it.is_up()
        await server.die()
        await it.until(lambda load: not load.replicas)
        await server.restart(Shape(slots=1))
        assert (await it.is_up()).total == 1


async def test_one_that_is_ready_and_takes_no_connection_cannot_be_reached() -> None:
    soon = replace(QUICK, unreachable=0.1)
    async with FakeLlama.running(Shape()) as server, watched(soon) as it:
        await server.die()
        it.follow(backend(server, ready=False))
        assert it.unreachable == {}
        it.follow(backend(server))
        await _until(lambda: list(it.unreachable.values()) == ["it accepts no connections"])
        await server.restart(Shape())
        await it.is_up()
        assert it.unreachable == {}


async def test_one_that_is_only_late_can_be_reached() -> None:
    late = replace(QUICK, unreachable=1000)
    async with FakeLlama.running(Shape()) as server, watched(late) as it:
        it.follow(backend(server))
        await it.is_up()
        await server.die()
        await it.until(lambda load: not load.replicas)
        assert it.unreachable == {}


async def test_one_that_was_replaced_between_two_polls_is_seen_as_it_is() -> None:
    async with FakeLlama.running(Shape(slots=4)) as server, watched() as it:
        it.follow(backend(server))
        await it.is_up()
        await server.restart(Shape(slots=2))
        await it.until(lambda load: load.total == 2)


async def test_a_key_that_it_refuses_is_said_and_a_right_one_is_taken(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with FakeLlama.running(Shape(key="right")) as server, watched() as it:
        it.follow(backend(server, "wrong"))
        await _until(lambda: "it refuses the gateway's key" in caplog.text)
        assert it.load.replicas == ()
        assert "wrong" not in caplog.text
        it.follow(backend(server, "right"))
        await it.is_up()


async def test_what_others_compute_is_counted_and_forgotten(llama: Llama) -> None:
    async with watched() as it:
        it.follow(_behind(llama))
        await it.is_up()
        async with llama.client.sending("/completion", LONG) as exchange:
            await exchange.first()
            await it.until(lambda load: load.foreign == 1)
        await it.until(lambda load: load.foreign == 0)
        assert it.load.total == 2


async def test_a_cancelled_request_is_given_up_when_its_slot_is_idle(llama: Llama) -> None:
    before = await llama.deferrals()  # Other tests use the same server.
    async with watched(SELDOM) as it:
        it.follow(_behind(llama))
        await it.is_up()
        grants = [await it.granted(), await it.granted()]
        waiting = it.ask()
        async with llama.client.sending("/completion", LONG) as first:
            async with llama.client.sending("/completion", LONG) as second:
                for exchange, grant in zip((first, second), grants, strict=True):
                    await exchange.first()
                    it.owner.first_byte(grant.lease)
            it.owner.release(grants[1].lease, Ending.CANCELLED)
            assert it.load.draining == 1
            # No poll is due: it is asked because a request was cancelled.
            grant = await waiting
            assert isinstance(grant, Grant)
            assert await llama.client.busy() == 1
            it.owner.release(grant.lease, Ending.DONE)
        it.owner.release(grants[0].lease, Ending.CANCELLED)
        await it.until(lambda load: load.draining == 0 and load.busy == 0)
    assert await llama.deferrals() == before


async def test_a_replica_that_is_busy_when_it_comes_gets_no_more_than_it_has() -> None:
    async with FakeLlama.running(Shape(slots=2)) as server, watched() as it:
        client = Client(server.port)
        async with client.sending("/completion", LONG) as first:
            await first.first()
            it.follow(backend(server))
            asks = [it.ask(), it.ask()]
            await it.is_up()
            done, _ = await asyncio.wait(asks, return_when=asyncio.FIRST_COMPLETED)
            assert len(done) == 1
            assert it.load.waiting == 1
        await asyncio.wait(asks)


async def test_silence_of_slots_and_streams_is_a_wedge_until_it_answers() -> None:
    async with FakeLlama.running() as server, watched() as it:
        it.follow(backend(server), wedge_seconds=0.2)
        await it.is_up()
        server.set_faults(hang_slots=True)
        await it.until(lambda load: load.replicas[0].state is ReplicaState.WEDGED)
        assert set(it.replicas.states().values()) == {State.WEDGED}
        server.set_faults(hang_slots=False)
        await it.is_up()


async def test_a_wedged_one_that_is_restarted_begins_anew() -> None:
    async with FakeLlama.running() as server, watched() as it:
        it.follow(backend(server), wedge_seconds=0.2)
        await it.is_up()
        server.set_faults(hang_slots=True)
        await it.until(lambda load: load.replicas[0].state is ReplicaState.WEDGED)
        await server.die()
        await it.until(lambda load: not load.replicas)
        server.set_faults(hang_slots=False)
        await server.restart()
        await it.is_up()


async def test_silence_of_slots_alone_is_a_long_prefill() -> None:
    looks = 0

    def last_byte() -> float:
        nonlocal looks
        looks += server.faults.hang_slots
        return time.monotonic()

    async with FakeLlama.running() as server, watched(last_byte=last_byte) as it:
        it.follow(backend(server), wedge_seconds=0.1)
        await it.is_up()
        server.set_faults(hang_slots=True)
        await _until(lambda: looks >= 10)  # each a quarter of wedge_seconds later
        assert it.load.ready == 1


async def test_one_that_stops_gets_nothing_new_and_is_known_until_it_is_gone() -> None:
    async with FakeLlama.running() as server, watched() as it:
        it.follow(backend(server))
        await it.is_up()
        grant = await it.granted()
        it.follow(backend(server, accepting=False))
        assert it.load.replicas[0].state is ReplicaState.DRAINING
        waiting = it.ask()
        it.owner.release(grant.lease, Ending.DONE)
        assert it.load.busy == 0
        it.follow(backend(server))
        grant = await waiting
        assert isinstance(grant, Grant)
        it.follow()
        assert it.load.ready == 0
        it.owner.release(grant.lease, Ending.DONE)
        assert it.load.replicas == ()
        await _until(lambda: server.connections == 0)


async def test_one_that_stands_elsewhere_is_another_one() -> None:
    one, other = FakeLlama.running(Shape(slots=1)), FakeLlama.running(Shape(slots=5))
    async with one as old, other as new, watched() as it:
        it.follow(backend(old, id="pod"))
        await it.is_up()
        it.follow(backend(new, id="pod"))
        await it.until(lambda load: load.total == 5)


async def test_requests_that_wait_inside_are_told() -> None:
    async with FakeLlama.running(Shape(slots=1)) as server, watched() as it:
        it.follow(backend(server))
        await it.is_up()
        client = Client(server.port)
        async with client.sending("/completion", LONG) as first:
            await first.first()
            async with client.sending("/completion", LONG):
                await _until(lambda: it.replicas.deferred() == {"m": 1})
        await _until(lambda: it.replicas.deferred() == {"m": 0})


async def test_a_replica_that_nobody_listens_for_harms_none() -> None:
    async with FakeLlama.running() as server, watched() as it:
        async with FakeLlama.running() as other:
            nobody = backend(other)
        it.follow(nobody, backend(server))
        await it.is_up()
        assert [replica.id for replica in it.load.replicas] == [backend(server).id]


def _behind(llama: Llama) -> Backend:
    return Backend("one", "127.0.0.1", llama.client.port, llama.client.key)
