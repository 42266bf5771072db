"""Is a slot given out again only when nothing computes in it any more?

Clients leave while their request is queued, in prefill, or in decode. Whatever they do, the server
never has to put a request off, and in the end all slots are there again. Deferrals are counted from
the debug log of the real server.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from llmstack.gateway.local_owner import LocalOwner
from tests.integration.gateway.leaving import (
    MODEL,
    Direct,
    Hasty,
    HastyLook,
    Phase,
    Progress,
    Storm,
    Through,
    Way,
    owning,
)
from tests.integration.gateway.llamas import SLOW, Llama
from tests.support.gateway import Gateway
from tests.support.llama.client import Client, holds
from tests.support.llama.fake import FakeLlama

SOAK = os.environ.get("LLMSTACK_SOAK") == "1"
LEAVING = 500 if SOAK else 40
SEED = int(os.environ.get("LLMSTACK_SEED") or (secrets.randbits(32) if SOAK else 1))
PACE = 0.5
SHORT = {"prompt": "a", "n_predict": 2, "stream": True}
LONG = {"prompt": "a", "n_predict": 500, "ignore_eos": True, "stream": True}


@pytest.mark.soak
async def test_clients_that_leave_cost_no_slot_and_make_no_request_wait_inside(
    llama: Llama, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    await all_idle(llama.client)
    before = await llama.deferrals()
    async with gateway_of(llama.client, tmp_path) as gateway:
        way = Through(gateway)
        # As many clients as slots wait for nobody: they leave in prefill and in decode.
        few = Storm(way, SEED, LEAVING // 2, PACE, clients=2)
        many = Storm(way, SEED + 1, LEAVING - LEAVING // 2, PACE)
        await few.blow()
        await many.blow()
        load = (await gateway.load())[MODEL]
    phases = way.phases()
    await all_idle(llama.client)
    deferrals = await llama.deferrals() - before
    for phase, count in sorted(phases.items()):
        record_property(f"left {phase}", count)
    whole = few.whole + many.whole
    for name, count in (("whole", len(whole)), ("deferrals", deferrals), ("seed", SEED)):
        record_property(name, count)
    assert deferrals == 0
    assert (load["total"], load["busy"], load["draining"], load["foreign"]) == (2, 0, 0, 0)
    assert (few.left + many.left).total() == LEAVING
    assert set(phases) == {Phase.QUEUED, Phase.SENT, Phase.ANSWERED}
    for tokens, reply in whole:
        last = reply.events()[-1] if "event-stream" in reply.headers["content-type"] else None
        assert (last or reply.json())["tokens_predicted"] == tokens


async def test_the_storm_shows_it_where_slots_are_given_out_too_early() -> None:
    async with FakeLlama.running(SLOW) as server:
        client = Client(server.port, SLOW.key)
        async with owning(client) as owner:
            await Storm(Hasty(client, owner), SEED, 20, PACE).blow()
        assert server.deferrals > 0


@pytest.mark.parametrize(("rule", "deferrals"), [(Through, 0), (Direct, 0), (HastyLook, 1)])
async def test_that_a_slot_looks_idle_proves_nothing_before_the_server_has_closed_its_side(
    rule: type[Through | Direct], deferrals: int, tmp_path: Path
) -> None:
    """What was sent while another prompt is computed has no slot yet, and gets one after it.

    A server that shows leases tells of it that it waits.
    """
    blind = replace(SLOW, look=3, llmstack=False)
    async with FakeLlama.running(blind) as server, way_of(rule, server, tmp_path) as way:
        prompt = " word" * int(4 * SLOW.prefill)
        first, _ = await reaching(way, SHORT | {"prompt": prompt}, Phase.SENT)
        # Its first byte would prove that it computes; long enough without one is taken for it.
        await asyncio.wait([first], timeout=1.7)
        second, _ = await reaching(way, LONG, Phase.SENT)
        await holds(asked, server, 2)
        second.cancel()
        third, _ = await reaching(way, SHORT, Phase.QUEUED)
        await asyncio.wait([first, second, third])
        await way.ended()
        assert server.deferrals == deferrals


async def test_a_slot_in_prefill_is_given_out_when_slots_shows_it_idle(llama: Llama) -> None:
    await all_idle(llama.client)
    async with owning(llama.client) as owner:
        way = Direct(llama.client, owner)
        first, progress = await reaching(way, LONG, Phase.ANSWERED)
        prompt = f"{secrets.token_hex()}{' word' * 300}"
        second, _ = await reaching(way, LONG | {"prompt": prompt}, Phase.SENT)
        third, waits = await reaching(way, SHORT, Phase.QUEUED)
        await holds(busy, llama.client, 2)
        second.cancel()
        assert free(owner) == 0
        await waits.beyond(Phase.QUEUED)
        # The first one decodes, the third one may have begun; the second one computes no more.
        slots = (await llama.client.get("/slots")).json()
        assert not any(
            slot.get("n_prompt_tokens", 0) > 100 for slot in slots if slot["is_processing"]
        )
        first.cancel()
        await asyncio.wait([first, second, third])
        await way.ended()
        assert progress.phase is Phase.ANSWERED


@asynccontextmanager
async def gateway_of(client: Client, directory: Path) -> AsyncIterator[Gateway]:
    """A gateway in front of one server."""
    key = directory / "key"
    key.write_text(client.key)
    backend = {"url": f"http://127.0.0.1:{client.port}", "apiKeyFile": str(key)}
    async with Gateway.running(directory, [{"name": MODEL, "backends": [backend]}]) as gateway:
        await gateway.loaded(MODEL, ready=1)
        yield gateway


@asynccontextmanager
async def way_of(
    rule: type[Through | Direct], server: FakeLlama, directory: Path
) -> AsyncIterator[Through | Direct]:
    client = Client(server.port, SLOW.key)
    if issubclass(rule, Through):
        async with gateway_of(client, directory) as gateway:
            yield rule(gateway)
    else:
        async with owning(client) as owner:
            yield rule(client, owner)


async def reaching(
    way: Way, body: dict[str, object], phase: Phase
) -> tuple[asyncio.Task[object], Progress]:
    """A request that has come so far."""
    progress = Progress()
    task: asyncio.Task[object] = asyncio.create_task(way.request(body, progress))
    for earlier in (Phase.QUEUED, Phase.SENT):
        if phase is earlier:
            break
        await progress.beyond(earlier)
    return task, progress


async def all_idle(client: Client) -> None:
    await holds(busy, client, 0)


async def busy(client: Client, slots: int) -> bool:
    return await client.busy() == slots


async def asked(server: FakeLlama, requests: int) -> bool:
    return server.requests == requests


def free(owner: LocalOwner) -> int:
    """How many slots may be given out?"""
    (replica,) = owner.load()[MODEL].replicas
    return replica.total - replica.busy - replica.draining - replica.foreign
