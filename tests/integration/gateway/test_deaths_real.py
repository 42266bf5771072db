"""Real llama-servers that a marked prompt ends: who is answered, and how many die?"""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

from tests.integration.gateway.serving import MODEL, Serving
from tests.support.gateway import Gateway
from tests.support.llama.mortal import MARK, Mortal
from tests.support.llama.real import KEY, RealLlama

SERVERS = 3


async def test_one_request_ends_one_real_server_and_others_are_answered(tmp_path: Path) -> None:
    (tmp_path / "server-key").write_text(KEY)
    async with AsyncExitStack() as stack:
        mortals = []
        for number in range(SERVERS):
            folder = tmp_path / str(number)
            folder.mkdir()
            server = stack.enter_context(RealLlama.running(folder))
            mortals.append(await stack.enter_async_context(Mortal.before(server)))
        backends = [{"url": mortal.url, "apiKeyFile": "server-key"} for mortal in mortals]
        entry = {"name": MODEL, "backends": backends}
        gateway = await stack.enter_async_context(Gateway.running(tmp_path, [entry]))
        await gateway.loaded(MODEL, ready=SERVERS)
        it = Serving(gateway, [])

        killer = await it.ask(messages=[{"role": "user", "content": MARK.decode()}])
        assert (killer.status, killer.code) == (502, "replica_died")
        assert sum(mortal.alive for mortal in mortals) == SERVERS - 1

        words = "tell me " * 40
        innocent = [
            it.begin(messages=[{"role": "user", "content": f"{n} {words}"}], max_tokens=4)
            for n in range(3)
        ]
        await gateway.loaded(MODEL, busy=3)
        again = it.begin(messages=[{"role": "user", "content": MARK.decode()}])
        assert [(await task).status for task in innocent] == [200] * 3
        assert (await again).status == 502
        assert sum(mortal.alive for mortal in mortals) == SERVERS - 2
        assert (await it.ask(max_tokens=1)).status == 200
        third = await it.ask(messages=[{"role": "user", "content": MARK.decode()}])
        assert third.status == 400
        assert await gateway.metric("replica_deaths_total", model=MODEL) == 2
