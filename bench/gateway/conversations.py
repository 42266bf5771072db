"""What is it worth to know slots and prefixes? With real llama.cpp.

Reuse: conversations of several turns, each turn sent when the last is answered; each begins with
the same instructions, then a document of its own. No reuse: requests of as many users, each a
document of its own. Servers are started anew for each run: none finds a warm cache.
"""

import asyncio
import json
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.gateway import llama, load, proxies
from bench.gateway.answers import MODEL
from bench.gateway.report import Table, median, percentile

_REPLICAS, _SLOTS, _CONTEXT = 4, 2, 2048
_LIMIT = 400.0
_TOKENS = 16
_DOCUMENT, _LONG_DOCUMENT, _QUESTION = 120, 400, 20
"""Words."""
_INSTRUCTIONS = "You are a patient assistant. Answer in one short sentence, from the text alone."
_WORDS = (
    *("river", "stone", "lamp", "green", "window", "early", "letter", "market", "winter"),
    *("copper", "garden", "silent", "paper", "northern", "bridge", "engine", "harbour"),
    *("simple", "yellow", "mountain", "answer", "morning", "several", "people", "carry"),
)

HEAD = (
    *("through", "first token, p90", "answers a second", "times better than the first row"),
    *("wanted", "prompt tokens computed", "deferred", "wrong"),
)

REUSE: dict[str, dict[str, Any]] = {
    "conversations": {},
    "arrivals": {"apart": 1.0},
    "documents": {"document": _LONG_DOCUMENT},
}
"""What differs between the parts with reuse: as `reuse` takes it."""

Message = dict[str, str]


@dataclass(frozen=True)
class Turn:
    """One answered request: seconds to its first token, and to its last; tokens computed."""

    first: float
    whole: float
    prefilled: int
    good: bool


@dataclass(frozen=True)
class Run:
    """One run of a load through one proxy."""

    seconds: float
    turns: tuple[Turn, ...]
    deferrals: int

    @property
    def p90(self) -> float:
        return percentile((turn.first for turn in self.turns), 0.9)

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return len(self.turns) / self.seconds


Load = Callable[[int], Coroutine[Any, Any, list[Turn]]]


def _text(seed: object, words: int) -> str:
    return " ".join(random.Random(str(seed)).choices(_WORDS, k=words))


async def _ask(connection: load.Connection, messages: Sequence[Message]) -> tuple[Turn, str]:
    body = {
        "model": MODEL,
        "stream": True,
        "max_tokens": _TOKENS,
        "temperature": 0,
        "ignore_eos": True,
        "messages": messages,
    }
    answer = await connection.ask(load.request(json.dumps(body).encode()))
    parsed = answer.parsed()
    events = [line[6:] for line in parsed.body.decode().splitlines() if line.startswith("data: {")]
    said = [json.loads(event) for event in events]
    deltas = [choice["delta"].get("content") for event in said for choice in event["choices"]]
    timings = said[-1].get("timings", {}) if said else {}
    first = next((at for at, data in answer.arrivals if b'"content":"' in data), answer.asked)
    turn = Turn(
        first - answer.asked,
        answer.whole,
        timings.get("prompt_n", 0),
        parsed.status == 200 and timings.get("predicted_n") == _TOKENS,
    )
    return turn, "".join(delta for delta in deltas if delta)


def reuse(conversations: int, turns: int, document: int = _DOCUMENT, apart: float = 0.0) -> Load:
    """Conversations about documents of so many words, which begin so many seconds apart."""

    async def one(port: int, number: int) -> list[Turn]:
        await asyncio.sleep(number * apart)
        connection = await load.connect(port)
        messages = [{"role": "system", "content": _INSTRUCTIONS}]
        done = []
        for index in range(turns):
            words = document if index == 0 else _QUESTION
            messages.append({"role": "user", "content": _text((number, index), words)})
            turn, said = await _ask(connection, messages)
            messages.append({"role": "assistant", "content": said})
            done.append(turn)
        connection.transport.close()
        return done

    async def all_of_them(port: int) -> list[Turn]:
        done = await asyncio.gather(*(one(port, number) for number in range(conversations)))
        return [turn for turns_of_one in done for turn in turns_of_one]

    return all_of_them


def no_reuse(users: int, count: int, document: int = _DOCUMENT) -> Load:
    """So many requests, none with a prefix of another; each user sends one after the other."""

    async def all_of_them(port: int) -> list[Turn]:
        texts = iter([_text((number, "alone"), document) for number in range(count)])
        done = []

        async def user() -> None:
            connection = await load.connect(port)
            for text in texts:
                turn, _ = await _ask(connection, [{"role": "user", "content": text}])
                done.append(turn)
            connection.transport.close()

        await asyncio.gather(*(user() for _ in range(users)))
        return done

    return all_of_them


def measure(
    work: Path,
    start: proxies.Start,
    send: Load,
    engine: llama.Engine | None = None,
    context: int = _CONTEXT,
) -> Run:
    """One load through one proxy and servers of its own: on one thread each, if not told where."""
    computing = engine or llama.one_thread()
    with (
        llama.servers(work, computing, _REPLICAS, _SLOTS, context) as behind,
        proxies.started([start], work, behind.replicas) as (proxy,),
    ):
        began = time.monotonic()
        turns = load.run(send(proxy.port), _LIMIT)
        return Run(time.monotonic() - began, tuple(turns), behind.deferrals())


def _interleaved(
    work: Path, starts: dict[str, proxies.Start], runs: int, send: Load
) -> dict[str, list[Run]]:
    found: dict[str, list[Run]] = {name: [] for name in starts}
    for _ in range(runs):
        for name, start in starts.items():
            found[name].append(measure(work, start, send))
    return found


def with_reuse(
    part: str,
    work: Path,
    starts: dict[str, proxies.Start],
    runs: int,
    conversations: int,
    turns: int,
) -> Table:
    """Conversations through all; the first start is what the others are compared with."""
    found = _interleaved(work, starts, runs, reuse(conversations, turns, **REUSE[part]))
    options = f" --runs {runs} --conversations {conversations} --turns {turns}"
    return _table(part, options, found, "≥ 2.5 / ≥ 1.7")


def without_reuse(
    work: Path, starts: dict[str, proxies.Start], runs: int, users: int, count: int
) -> Table:
    """Unrelated requests through all; the first start is what the others are compared with."""
    found = _interleaved(work, starts, runs, no_reuse(users, count))
    options = f" --runs {runs} --conversations {users} --alone {count}"
    return _table("alone", options, found, "≥ 0.97 / ≥ 0.97")


def _table(part: str, options: str, found: dict[str, list[Run]], wanted: str) -> Table:
    return Table(part, options, HEAD, rows(found, wanted))


def rows(found: dict[str, list[Run]], wanted: str) -> list[list[str]]:
    """One for each proxy; the first is what the others are compared with."""
    base, *_ = found.values()
    return [_row(name, runs, base, wanted) for name, runs in found.items()]


def _row(name: str, runs: list[Run], base: list[Run], wanted: str) -> list[str]:
    better = f"{_p90(base) / _p90(runs):.2f} / {_speed(runs) / _speed(base):.2f}"
    prefilled = median(sum(turn.prefilled for turn in run.turns) for run in runs)
    return [
        name,
        f"{_p90(runs):.2f} s",
        f"{_speed(runs):.2f}",
        better,
        wanted if name == "ours" else "",
        f"{prefilled:,.0f}",
        str(sum(run.deferrals for run in runs)),
        str(sum(not turn.good for run in runs for turn in run.turns)),
    ]


def _p90(runs: Sequence[Run]) -> float:
    return median(run.p90 for run in runs)


def _speed(runs: Sequence[Run]) -> float:
    return median(run.per_second for run in runs)
