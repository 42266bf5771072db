"""`python -m bench.gpu --server DIR`: on a machine with an NVIDIA card.

DIR holds the llama-server of the CUDA image (`/opt/llama` of it) with its libraries.
"""

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.gateway import conversations, llama, proxies
from bench.gpu import card, model, slots
from bench.page import dated, put
from llmstack.engines.llamacpp.gguf.file import read_facts
from llmstack.engines.llamacpp.gguf.memory import ServerShape, estimate
from llmstack.fetch.inspect import reading
from tests.e2e.images import model_file

PAGE = Path(__file__).parents[2] / "docs" / "bench-gpu.md"
Found = tuple[tuple[str, ...], list[list[str]]]
"""Head and rows of a table."""

_CONTEXT, _DOCUMENT = 8192, 2000
"""Tokens of a slot and words of a document, where conversations are measured."""


@dataclass(frozen=True)
class Bench:
    """What all parts need: a place for logs, what computes, and what was asked for."""

    work: Path
    engine: llama.Engine
    given: argparse.Namespace


def _slots(bench: Bench) -> Found:
    with llama.servers(bench.work, bench.engine, 1, slots.SLOTS, slots.CONTEXT) as servers:
        return slots.HEAD, slots.rows(servers, bench.given.tokens, bench.given.runs)


def _memory(bench: Bench) -> Found:
    file, before = bench.engine.model, card.used_bytes()
    with reading(file) as (read, size):
        facts = read_facts(read, size)
    counted = estimate(facts, ServerShape(slots.SLOTS, slots.CONTEXT))
    assert counted is not None, "the generated model tells its shape"
    head = ("weights", "counted by the operator", "taken on the card", "taken ÷ counted")
    with llama.servers(bench.work, bench.engine, 1, slots.SLOTS, slots.CONTEXT) as servers:
        return head, slots.memory_rows(servers, before, counted.total, file)


def _conversations(bench: Bench) -> Found:
    load = conversations.reuse(bench.given.conversations, bench.given.turns, _DOCUMENT)
    return _through({"Envoy, round robin": proxies.envoy, "ours": proxies.ours()}, bench, load)


def _alone(bench: Bench) -> Found:
    load = conversations.no_reuse(bench.given.conversations, bench.given.alone, _DOCUMENT)
    return _through({"HAProxy, leastconn": proxies.haproxy(), "ours": proxies.ours()}, bench, load)


def _through(starts: dict[str, proxies.Start], bench: Bench, load: conversations.Load) -> Found:
    """Four servers of two slots each share the card, as pods on a shared card would."""
    found: dict[str, list[conversations.Run]] = {name: [] for name in starts}
    for _ in range(bench.given.runs):
        for name, start in starts.items():
            run = conversations.measure(bench.work, start, load, bench.engine, _CONTEXT)
            found[name].append(run)
    return conversations.HEAD, conversations.rows(found, "")


_PARTS: dict[str, Callable[[Bench], Found]] = {
    "memory": _memory,
    "slots": _slots,
    "conversations": _conversations,
    "alone": _alone,
}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.gpu", description=__doc__)
    parser.add_argument("--server", type=Path, required=True, help="directory of llama-server")
    parser.add_argument("--model", type=Path, help="a GGUF file; made, if there is none")
    parser.add_argument("--tokenizer", type=Path, help="what that one takes its tokenizer from")
    parser.add_argument("--only", default=",".join(_PARTS), help="parts, with commas between them")
    parser.add_argument("--tokens", type=int, default=256, help="of an answer")
    parser.add_argument("--runs", type=int, default=3, help="of each load")
    parser.add_argument("--conversations", type=int, default=16)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--alone", type=int, default=96, help="requests without reuse")
    parser.add_argument("--write", action="store_true", help=f"put the tables into {PAGE.name}")
    return parser.parse_args()


def main() -> None:
    """Measure, print, and write if asked."""
    given = _options()
    with tempfile.TemporaryDirectory(prefix="bench-gpu-") as name:
        work = Path(name)
        file = given.model or work / "8b.gguf"
        if not file.exists():
            model.write(file, given.tokenizer or model_file(), model.Shape())
        engine = llama.Engine(given.server / "llama-server", file, "all", None)
        for part in given.only.split(","):
            head, rows = _PARTS[part](Bench(work, engine, given))
            lines = [head, ["---"] * len(head), *rows]
            table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
            command = f"python -m bench.gpu --only {part} --runs {given.runs} --server DIR"
            text = dated(table, command)
            text = f"{card.name()}, {text}"
            print(f"{text}\n", flush=True)
            if given.write:
                put(text, PAGE, part)


if __name__ == "__main__":
    main()
