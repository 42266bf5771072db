"""Which bytes does a request get? Said once, for the backend that sends and the client that checks.

A request carries its own number as `seed`: each chunk of each answer differs from all others, so
that a mixed-up, lost or doubled chunk shows. All chunks are of one size.
"""

import json
from dataclasses import dataclass

MODEL = "bench"
_NAME = (
    b'"created":1763712000,"id":"chatcmpl-%06d","model":"bench",'
    b'"system_fingerprint":"b1-bench","object":"chat.completion.chunk"'
)
_DONE = b"data: [DONE]\n\n"
_USAGE = (
    b'"timings":{"cache_n":0,"prompt_n":9,"prompt_ms":20.0,"predicted_n":%d,"predicted_ms":20.0}'
)


@dataclass(frozen=True)
class Ask:
    """A chat request for `chunks` pieces of a stream, or for one plain answer (0 chunks)."""

    seed: int
    chunks: int = 0

    def body(self) -> bytes:
        asked = {
            "model": MODEL,
            "stream": bool(self.chunks),
            "max_tokens": self.chunks or 1,
            "seed": self.seed,
            "messages": [{"role": "user", "content": f"Count for me, listener {self.seed}."}],
        }
        return json.dumps(asked).encode()


def read(body: bytes) -> Ask:
    """The request that a body holds."""
    asked = json.loads(body)
    return Ask(int(asked["seed"]), int(asked["max_tokens"]) if asked["stream"] else 0)


def pieces(ask: Ask) -> list[bytes]:
    """The events of a stream in order, the last with its usage and the end mark."""
    name = _NAME % ask.seed
    start = (
        b'data: {"choices":[{"finish_reason":null,"index":0,"delta":{"content":" %06d.' % ask.seed
    )
    events = [start + b'%04d"}}],' % index + name + b"}\n\n" for index in range(ask.chunks - 1)]
    end = b'data: {"choices":[{"finish_reason":"stop","index":0,"delta":{}}],'
    events.append(end + name + b"," + _USAGE % ask.chunks + b"}\n\n" + _DONE)
    return events


def plain(ask: Ask) -> bytes:
    """The whole of an answer that is not streamed."""
    message = b'{"choices":[{"finish_reason":"stop","index":0,"message":'
    message += b'{"role":"assistant","content":"Number %06d."}}],' % ask.seed
    usage = b'"usage":{"completion_tokens":1,"prompt_tokens":9,"total_tokens":10},'
    return message + usage + _NAME % ask.seed + b"}"


def expected(ask: Ask) -> bytes:
    """The body as the client must see it."""
    return b"".join(pieces(ask)) if ask.chunks else plain(ask)
