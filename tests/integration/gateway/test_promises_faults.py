"""What is a client promised when replicas fail? Against fake servers, through a real gateway."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.gateway.serving import (
    FAST,
    MODEL,
    SLOW,
    Serving,
    gone,
    serving,
    until,
    until_it,
)
from tests.support.llama.faults import Death


@pytest.mark.parametrize("death", [Death.BEFORE, Death.DURING, Death.GARBAGE])
@pytest.mark.parametrize("stream", [True, False])
async def test_a_replica_that_dies_before_its_first_byte_is_replaced_invisibly(
    tmp_path: Path, death: Death, stream: bool
) -> None:
    async with serving(tmp_path, FAST, FAST) as it:
        it.llamas[0].set_faults(death=death, times=1)
        answers = [await it.ask(stream=stream) for _ in range(4)]
        assert [(answer.status, answer.cut) for answer in answers] == [(200, False)] * 4
        assert it.llamas[0].faults.times == 0, "no request was sent there"
        assert await it.gateway.metric("retries_total") == 1


async def test_when_every_replica_fails_before_its_first_byte_it_is_502(tmp_path: Path) -> None:
    async with serving(tmp_path, FAST, FAST) as it:
        for llama in it.llamas:
            llama.set_faults(death=Death.BEFORE, times=100)
        answer = await it.ask()
        assert (answer.status, answer.code) == (502, "replica_failed")
        await it.gateway.loaded(MODEL, busy=0, draining=0)


async def test_a_stream_whose_replica_dies_ends_with_an_error_event(tmp_path: Path) -> None:
    async with serving(tmp_path, FAST) as it:
        it.llamas[0].set_faults(death=Death.AFTER, events=3)
        answer = await it.ask(stream=True)
        assert answer.status == 200
        assert answer.events[-1]["error"]["code"] == "replica_failed"
        assert "[DONE]" not in answer.events
        assert not answer.cut, "the stream itself is closed as HTTP demands"
        entry = await it.gateway.logged(outcome="replica_failed")
        assert entry["status"] == 200


async def test_a_plain_answer_whose_replica_dies_is_never_silently_short(tmp_path: Path) -> None:
    async with serving(tmp_path, replace(FAST, answer_tokens=500)) as it:
        it.llamas[0].set_faults(death=Death.AFTER, events=1)
        answer = await it.ask(stream=False, max_tokens=500)
        assert answer.cut or answer.status == 502


async def test_a_replica_that_is_killed_fails_its_streams_and_no_others(tmp_path: Path) -> None:
    async with serving(tmp_path, SLOW, SLOW) as it:
        tasks = [it.begin(stream=True, max_tokens=40) for _ in range(4)]
        await it.gateway.loaded(MODEL, busy=4)
        await until(lambda: it.llamas[0].engine.processing == 2)
        await it.llamas[0].die()
        answers = [await task for task in tasks]
        whole = [answer for answer in answers if answer.events[-1:] == ["[DONE]"]]
        broken = [
            answer for answer in answers if answer.status == 502 or "error" in answer.events[-1]
        ]
        # One whose first byte had not come yet is tried again, or refused if it was alone.
        assert len(whole) >= 2
        assert len(whole) + len(broken) == 4
        assert (await it.ask(max_tokens=1)).status == 200


async def test_a_client_that_leaves_its_stream_stops_the_replica_at_once(tmp_path: Path) -> None:
    async with serving(tmp_path, SLOW) as it:
        tasks = await it.holding(2, stream=True)
        await until(lambda: it.llamas[0].engine.processing == 2)
        await gone(*tasks)
        await until(lambda: it.llamas[0].engine.processing == 0)
        await it.gateway.loaded(MODEL, busy=0, draining=0)
        assert (await it.ask(max_tokens=1)).status == 200
        assert it.deferrals == 0
        assert await it.gateway.metric("errors_total", reason="client_gone") == 2


async def test_a_wedged_replica_is_left_alone_until_it_answers(tmp_path: Path) -> None:
    model = {"wedgeSeconds": 10, "queue": {"timeoutSeconds": 60}}
    async with serving(tmp_path, FAST, FAST, model=model) as it:
        it.llamas[0].set_faults(hang_slots=True)
        await until_it(lambda: _wedged(it))
        served = it.llamas[0].requests
        answers = await asyncio.gather(*(it.ask() for _ in range(8)))
        assert {answer.status for answer in answers} == {200}
        assert it.llamas[0].requests == served
        it.llamas[0].set_faults(hang_slots=False)
        await it.gateway.loaded(MODEL, ready=2)


async def _wedged(it: Serving) -> bool:
    replicas = (await it.gateway.load())[MODEL]["replicas"]
    return [replica["state"] for replica in replicas].count("wedged") == 1


async def test_a_long_prefill_is_no_wedge(tmp_path: Path) -> None:
    """/slots is silent while a step runs in older builds; the queue of the gateway goes on."""
    shape = replace(FAST, slots=1, prefill=60, batch=400, patient_slots=True)
    async with serving(tmp_path, shape, model={"wedgeSeconds": 10}) as it:
        words = " ".join(f"w{n}" for n in range(360))
        answer = await it.ask(messages=[{"role": "user", "content": words}], max_tokens=2)
        assert answer.status == 200
        assert (await it.gateway.load())[MODEL]["ready"] == 1


async def test_a_replica_that_loads_gets_nothing_and_does_not_fail_requests(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path, FAST, FAST) as it:
        await it.llamas[0].restart(replace(FAST, loading=1.5))
        answers = await asyncio.gather(*(it.ask() for _ in range(12)))
        assert {answer.status for answer in answers} == {200}
        await it.gateway.loaded(MODEL, ready=2)


async def test_a_stop_finishes_the_queue_and_the_streams(tmp_path: Path) -> None:
    async with serving(tmp_path, SLOW) as it:
        tasks = [it.begin(stream=True, max_tokens=20) for _ in range(6)]
        await it.gateway.loaded(MODEL, busy=2, waiting=4)
        it.gateway.process.terminate()
        answers = [await task for task in tasks]
        assert [answer.events[-1] for answer in answers] == ["[DONE]"] * 6
        assert await it.gateway.process.wait() == 0
        assert it.deferrals == 0


async def test_a_gateway_that_is_killed_frees_the_slots_of_its_replicas(tmp_path: Path) -> None:
    """Its connections close, the servers cancel, and the next gateway counts what is busy."""
    async with serving(tmp_path, SLOW) as it:
        tasks = await it.holding(2, stream=True)
        it.gateway.process.kill()
        await asyncio.wait(tasks)
        await until(lambda: it.llamas[0].engine.processing == 0)
