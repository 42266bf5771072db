"""What is a client promised while slots are busy? Against fake servers, through a real gateway."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from llmstack.gateway.keys import line_for
from tests.integration.gateway.serving import (
    FAST,
    MODEL,
    SLOW,
    described,
    gone,
    serving,
    until,
)
from tests.support.gateway import Gateway


async def test_no_replica_gets_more_requests_than_it_has_slots(tmp_path: Path) -> None:
    async with serving(tmp_path, FAST, replace(FAST, slots=3)) as it:
        answers = await asyncio.gather(*(it.ask(stream=n % 2 == 0) for n in range(60)))
        assert {answer.status for answer in answers} == {200}
        assert sum(llama.requests for llama in it.llamas) == 60
        assert it.deferrals == 0
        load = await it.gateway.loaded(MODEL, busy=0, waiting=0)
        assert load["corrections"].get("overbooked", 0) == 0


async def test_a_full_queue_is_429_with_retry_after(tmp_path: Path) -> None:
    async with serving(tmp_path, SLOW, model={"queue": {"maxRequests": 1}}) as it:
        held = await it.holding(2)
        first = it.begin()
        await it.waiting(1)
        answer = await it.ask()
        assert (answer.status, answer.code) == (429, "queue_full")
        assert int(answer.headers["retry-after"]) >= 1
        await gone(first, *held)


async def test_a_queue_of_none_serves_what_finds_a_slot_and_refuses_the_rest(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path, SLOW, model={"queue": {"maxRequests": 0}}) as it:
        held = await it.holding(2)
        assert (await it.ask()).status == 429
        await gone(*held)
        await it.gateway.loaded(MODEL, busy=0, draining=0)
        after = await it.ask(max_tokens=1)
        assert after.status == 200, (await it.gateway.load(), it.gateway.lines)


async def test_a_wait_for_slots_that_takes_too_long_is_504(tmp_path: Path) -> None:
    async with serving(tmp_path, SLOW, model={"queue": {"timeoutSeconds": 1}}) as it:
        held = await it.holding(2)
        answer = await it.ask()
        assert (answer.status, answer.code) == (504, "slot_timeout")
        assert "timeoutSeconds" in answer.json["error"]["message"]
        await gone(*held)


async def test_no_replica_within_the_budget_of_a_cold_start_is_503(tmp_path: Path) -> None:
    queue = {"timeoutSeconds": 60, "coldStartTimeoutSeconds": 1}
    model = {"name": MODEL, "backends": [], "queue": queue}
    async with Gateway.running(tmp_path, [model]) as gateway:
        body = {"model": MODEL, "messages": []}
        async with gateway.session.post(f"{gateway.url}/v1/completions", json=body) as answer:
            error = (await answer.json())["error"]
            assert (answer.status, error["code"]) == (503, "no_replica")
            assert int(answer.headers["Retry-After"]) >= 1


async def test_the_two_budgets_are_kept_apart(tmp_path: Path) -> None:
    """No replica for longer than `timeoutSeconds`: the cold start alone decides."""
    queue = {"timeoutSeconds": 1, "coldStartTimeoutSeconds": 60}
    shape = replace(FAST, loading=2.5)
    async with serving(tmp_path, FAST, model={"queue": queue}) as it:
        await it.llamas[0].restart(shape)
        await it.gateway.loaded(MODEL, ready=0)
        assert (await it.ask()).status == 200


async def test_a_request_is_held_while_a_replica_starts(tmp_path: Path) -> None:
    async with serving(tmp_path, FAST) as it:
        await it.llamas[0].die()
        await it.gateway.loaded(MODEL, ready=0)
        held = it.begin()
        await it.waiting(1)
        await it.llamas[0].restart()
        assert (await held).status == 200


async def test_a_client_that_leaves_the_queue_frees_its_place_at_once(tmp_path: Path) -> None:
    async with serving(tmp_path, SLOW, model={"queue": {"maxRequests": 1}}) as it:
        held = await it.holding(2)
        leaving = it.begin()
        await it.waiting(1)
        await gone(leaving)
        await it.waiting(0)
        second = it.begin(max_tokens=1)
        await it.waiting(1)
        await gone(*held)
        assert (await second).status == 200
        assert [line["outcome"] for line in it.gateway.access if line["replica"] == ""] == [
            "client_gone"
        ]
        assert sum(llama.requests for llama in it.llamas) == 3


async def test_a_slot_is_given_out_again_only_when_the_server_shows_it_idle(
    tmp_path: Path,
) -> None:
    """A prefill cannot be interrupted: its slot drains until it is through."""
    long = replace(FAST, slots=1, prefill=100, batch=300)
    async with serving(tmp_path, long) as it:
        words = " ".join(f"w{n}" for n in range(250))
        leaving = it.begin(messages=[{"role": "user", "content": words}])
        await it.gateway.loaded(MODEL, busy=1)
        await until(lambda: it.llamas[0].engine.processing == 1)
        await gone(leaving)
        await it.gateway.loaded(MODEL, busy=0, draining=1)
        assert (await it.ask(max_tokens=1)).status == 200
        assert it.deferrals == 0
        await it.gateway.loaded(MODEL, draining=0)


@pytest.mark.parametrize(
    ("path", "fields", "slots"),
    [
        ("/v1/chat/completions", {"n": 2}, 2),
        ("/v1/completions", {"prompt": ["a", "b"]}, 2),
        ("/v1/completions", {"prompt": ["a", "b"], "n": 2}, 4),
        ("/completion", {"prompt": ["a", "b", "c"], "n_predict": 100}, 3),
    ],
)
async def test_a_request_takes_as_many_slots_as_it_computes_sequences(
    tmp_path: Path, path: str, fields: dict[str, object], slots: int
) -> None:
    async with serving(tmp_path, replace(SLOW, slots=4)) as it:
        task = it.begin(path=path, **{"max_tokens": 100, **fields})
        await it.gateway.loaded(MODEL, busy=slots)
        await gone(task)


async def test_more_slots_than_a_replica_has_is_400_that_names_the_limit(tmp_path: Path) -> None:
    async with serving(tmp_path, FAST, replace(FAST, slots=3)) as it:
        answer = await it.ask(n=4)
        assert (answer.status, answer.code) == (400, "too_many_slots")
        assert "(3)" in answer.json["error"]["message"]


async def test_an_array_of_inputs_takes_a_slot_for_each_of_them(tmp_path: Path) -> None:
    shape = replace(FAST, slots=3, mode="embed", prefill=50)
    async with serving(tmp_path, shape, model={"mode": "embed"}) as it:
        await it.heard_of(slots=3)
        words = " ".join("w" * 30)
        task = it.begin(path="/v1/embeddings", input=[words, words])
        await it.gateway.loaded(MODEL, busy=2)
        assert (await task).status == 200
        more = await it.ask("/v1/embeddings", input=["a", "b", "c", "d", "e"])
        assert len(more.json["data"]) == 5
        assert it.deferrals == 0, "no part has more inputs than the server has slots"


async def test_a_restart_with_fewer_slots_is_noticed(tmp_path: Path) -> None:
    async with serving(tmp_path, replace(FAST, slots=4)) as it:
        await it.llamas[0].restart(replace(FAST, slots=1))
        await it.gateway.loaded(MODEL, ready=1, total=1)
        answers = await asyncio.gather(*(it.ask() for _ in range(8)))
        assert {answer.status for answer in answers} == {200}
        assert it.deferrals == 0


async def test_slots_that_others_use_are_not_given_out(tmp_path: Path) -> None:
    async with serving(tmp_path, SLOW) as it:
        url = it.llamas[0].url + "/v1/completions"
        body = {"prompt": "x", "max_tokens": 60}
        other = asyncio.create_task(_post(it.gateway, url, body))
        await it.gateway.loaded(MODEL, foreign=1)
        answers = await asyncio.gather(*(it.ask(max_tokens=2) for _ in range(6)))
        assert {answer.status for answer in answers} == {200}
        await other
        await it.gateway.loaded(MODEL, foreign=0)
        assert it.deferrals == 0
        assert await it.gateway.metric("lease_corrections_total", kind="foreign") >= 1


async def _post(gateway: Gateway, url: str, body: dict[str, object]) -> None:
    async with gateway.session.post(url, json=body) as answer:
        await answer.read()


async def test_a_tenants_flood_does_not_lock_others_out(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text(_key_line("flood-key", "flood") + _key_line("calm-key", "calm"))
    queue = {"maxRequests": 20}
    shape = replace(FAST, decode=100)
    async with serving(tmp_path, shape, model={"queue": queue}, keysFile="keys") as it:
        flood = [
            it.begin(headers={"Authorization": "Bearer flood-key"}, max_tokens=20)
            for _ in range(60)
        ]
        await it.waiting(20)
        calm = await asyncio.gather(
            *(it.ask(headers={"x-api-key": "calm-key"}, max_tokens=2) for _ in range(4))
        )
        assert {answer.status for answer in calm} == {200}
        unserved = sum(not task.done() for task in flood)
        assert unserved > 0, "the flood was over before: nothing was shown"
        statuses = {(await task).status for task in flood}
        assert statuses == {200, 429}
        assert it.deferrals == 0
    tenants = {line["tenant"] for line in it.gateway.access}
    assert tenants == {"flood", "calm"}


def _key_line(key: str, tenant: str) -> str:
    return line_for(key, tenant) + "\n"


async def test_the_configuration_changes_under_load_without_a_lost_request(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path, FAST, FAST) as it:
        tasks = [it.begin(max_tokens=50, stream=n % 2 == 0) for n in range(40)]
        await until(lambda: it.llamas[0].requests > 2)
        it.gateway.rewrite([described(it.llamas[1], aliases=["second"])])
        await it.gateway.loaded(MODEL, ready=1)
        later = await it.ask(model="second")
        assert later.status == 200, later.text
        assert later.headers["x-llmstack-replica"] == it.llamas[1].url.removeprefix("http://")
        answers = await asyncio.gather(*tasks)
        assert [(answer.status, answer.cut) for answer in answers] == [(200, False)] * 40
        assert it.deferrals == 0
