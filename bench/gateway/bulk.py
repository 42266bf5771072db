"""How long does a single input wait beside a long array of the same key?

A fake llama-server that embeds at a steady pace; single inputs come one after the other while the
array is computed. Once the gateway serves the array in parts; once it carries so much beside its
inputs that it is sent whole.
"""

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp

from bench.gateway import processes, proxies
from bench.gateway.report import Table, percentile
from llmstack.routing.portions import MOST_AROUND

_SLOTS, _TOKENS_A_SECOND = 4, 2000
_TEXT = "a text of about ten words that is to be embedded"
_PAUSE = 0.2
"""Seconds between two single inputs."""
_WHOLE = {"user": "x" * MOST_AROUND}


def table(work: Path, inputs: int) -> Table:
    """In parts and whole."""
    rows = []
    with _server(work) as replica:
        for name, more in (("in parts", {}), ("whole", _WHOLE)):
            with proxies.started([proxies.ours(mode="embed")], work, [replica]) as (proxy,):
                rows.append([name, *asyncio.run(_measure(proxy.port, inputs, more))])
    head = ["the array is sent", "all of it", "single inputs", "their p50", "their p95", "longest"]
    return Table("bulk", f" --inputs {inputs}", head, rows)


@contextmanager
def _server(work: Path) -> Iterator[proxies.Replica]:
    port = processes.free_port()
    command = [sys.executable, "-m", "tests.support.llama.fake", "--mode", "embed"]
    command += ["--port", str(port), "--slots", str(_SLOTS), "--no-prefix-cache"]
    command += ["--prefill", str(_TOKENS_A_SECOND)]
    log = work / "fake.log"
    with processes.running(command, log) as process:
        processes.until(lambda: "listening" in log.read_text(), process, log)
        yield proxies.Replica(port, _SLOTS)


async def _measure(port: int, inputs: int, more: dict[str, str]) -> list[str]:
    loop, took = asyncio.get_running_loop(), []
    async with aiohttp.ClientSession() as session:
        began = loop.time()
        array = asyncio.create_task(
            _embed(session, port, [f"{n} {_TEXT}" for n in range(inputs)], more)
        )
        while not array.done():
            await asyncio.sleep(_PAUSE)
            asked = loop.time()
            await _embed(session, port, _TEXT, {})
            took.append(loop.time() - asked)
        await array
        whole = loop.time() - began
    middle, late = percentile(took, 0.5), percentile(took, 0.95)
    return [
        f"{whole:.1f} s",
        str(len(took)),
        f"{middle:.2f} s",
        f"{late:.2f} s",
        f"{max(took):.2f} s",
    ]


async def _embed(
    session: aiohttp.ClientSession, port: int, given: object, more: dict[str, str]
) -> None:
    body = {"model": "bench", "input": given, **more}
    timeout = aiohttp.ClientTimeout(total=600)
    async with session.post(
        f"http://127.0.0.1:{port}/v1/embeddings", json=body, timeout=timeout
    ) as answer:
        found = await answer.json()
        assert len(found["data"]) == (len(given) if isinstance(given, list) else 1), found
