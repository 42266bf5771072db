"""What does the gateway's own code cost per request, from its bytes to the replica's head?

`python -m bench.gateway.inside` is one run, in a process of its own, of whichever checkout's code
PYTHONPATH names: so two checkouts can be compared in alternating runs. Prints JSON: microseconds of
CPU time by kind of body.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from bench.gateway.report import Table
from llmstack.gateway.catalog import Model, catalog_of
from llmstack.gateway.forwarding import forward_of
from llmstack.gateway.http import forward
from llmstack.gateway.http.backend import Backend
from llmstack.gateway.http.reader import RequestReader
from llmstack.gateway.note import Note
from llmstack.settings.limits import Limits

_ROOT = Path(__file__).parents[2]
_BACKEND = Backend("r0", "127.0.0.1", 9000)
_CATALOG = catalog_of([Model("bench", backends=(_BACKEND,))])
_LIMITS = Limits()
_SECONDS = 0.15
_ROUNDS = 7
_WORDS = 'The quick brown fox jumps over the lazy dog, and then it says "no" once more.\n '


def _chat(size: int, turns: int = 1, **more: Any) -> bytes:
    text = (_WORDS * (size // turns // len(_WORDS) + 1))[: max(20, size // turns - 30)]
    messages = [{"role": ("user", "assistant")[n % 2], "content": text} for n in range(turns)]
    fields = {"model": "bench", "max_tokens": 16, "seed": 1, **more, "messages": messages}
    return json.dumps(fields).encode()


_SAMPLERS: dict[str, Any] = {
    "temperature": 0.7,
    "top_p": 0.9,
    "top_k": 40,
    "min_p": 0.05,
    "frequency_penalty": 0,
    "presence_penalty": 0,
    "repeat_penalty": 1.1,
    "n": 1,
    "stop": ["###"],
    "user": "somebody",
}
_TOOLS = [
    {
        "type": "function",
        "function": {
            "name": f"tool_{number}",
            "description": _WORDS,
            "parameters": {
                "type": "object",
                "properties": {
                    f"field_{n}": {"type": "string", "description": _WORDS[:60]} for n in range(8)
                },
                "required": ["field_0"],
            },
        },
    }
    for number in range(40)
]
BODIES = {
    "200 B": _chat(90, stream=False),
    "200 B, stream": _chat(90, stream=True, stream_options={"include_usage": True}),
    "200 B, ten options": _chat(90, **_SAMPLERS),
    "2 KB": _chat(1900, turns=5),
    "2 KB, stream": _chat(1900, turns=5, stream=True),
    "20 KB": _chat(20_000, turns=20),
    "40 tools": _chat(2000, turns=5, tools=_TOOLS),
    "1 MB": _chat(1_000_000, turns=100),
}


def _request(body: bytes) -> bytes:
    lines = ["POST /v1/chat/completions HTTP/1.1", "Host: bench.local", "User-Agent: bench"]
    lines += ["Content-Type: application/json", f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(lines).encode() + body


def _steps() -> Callable[[bytes], bytes]:
    """From a request's bytes to the head and body that go on, as this checkout does it."""
    if hasattr(getattr(RequestReader(_LIMITS), "body", None), "look"):
        whose = import_module("llmstack.gateway.whose")
        received = import_module("llmstack.gateway.http.body").Received

        def scanned(data: bytes) -> bytes:
            reader: Any = RequestReader(_LIMITS)
            reader.feed(data)
            while reader.body.look():
                pass
            note: Any = Note(reader.head)
            note.tenant = "a"
            body = received(reader.body.data, reader.body.outline)
            client: Any = None
            request = forward_of(_CATALOG, client, reader.head, note, body, b"", limits=Limits())
            ours = whose.lines(7, _BACKEND, request.model.id, request.cache)
            length = len(request.body)
            return forward.request_head(reader.head, request.path, _BACKEND, length, note.id, ours)

        return scanned

    def parsed(data: bytes) -> bytes:
        reader: Any = RequestReader(_LIMITS)
        reader.feed(data)
        note: Any = Note(reader.head)
        note.tenant = "a"
        older: Any = forward_of
        request = older(_CATALOG, None, reader.head, note, bytes(reader.body), b"")
        head: Any = forward.request_head
        built: bytes = head(reader.head, request.path, _BACKEND, len(request.body), note.id)
        return built

    return parsed


def measure(step: Callable[[bytes], bytes], data: bytes) -> float:
    """Microseconds of CPU time; the best of some rounds, so that other loads matter less."""
    step(data)
    began = time.process_time()
    step(data)
    count = max(1, int(_SECONDS / max(1e-6, time.process_time() - began)))
    best = float("inf")
    for _ in range(_ROUNDS):
        began = time.process_time()
        for _ in range(count):
            step(data)
        best = min(best, (time.process_time() - began) / count)
    return best * 1e6


def table(runs: int, beside: str) -> Table:
    """The best of some runs each, of this checkout and of another one."""
    checkouts = {"ours": _ROOT}
    if beside:
        other = Path(beside).resolve()
        checkouts[f"of {other.name}"] = other
    best: dict[str, dict[str, float]] = {name: {} for name in checkouts}
    for _ in range(runs):
        for name, checkout in checkouts.items():
            for kind, cost in _run(checkout).items():
                best[name][kind] = min(cost, best[name].get(kind, cost))
    rows = []
    for kind, body in BODIES.items():
        costs = [best[name][kind] for name in checkouts]
        ratio = [f"{costs[0] / costs[1]:.2f}"] if beside else []
        rows.append([kind, f"{len(body):,}", *(f"{cost:.1f}" for cost in costs), *ratio])
    heads = [f"{name}, µs" for name in checkouts]
    options = f" --runs {runs}" + (f" --beside {beside}" if beside else "")
    head = ["chat request", "bytes of its body", *heads, *(["ratio"] if beside else [])]
    return Table("inside", options, head, rows)


def _run(checkout: Path) -> dict[str, float]:
    environment = os.environ | {"PYTHONPATH": str(checkout / "operator")}
    command = [sys.executable, "-m", "bench.gateway.inside"]
    done = subprocess.run(command, cwd=_ROOT, env=environment, stdout=subprocess.PIPE, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> None:
    """One run."""
    step = _steps()
    found = {name: measure(step, _request(body)) for name, body in BODIES.items()}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
