"""Who asked for what, and how did it go? One JSON object a line on standard output, no prompts.

Lines are gathered and written by a thread, so that a slow reader of the log stops no request; when
it lags too far behind, lines are dropped and counted.
"""

import asyncio
import os
from datetime import UTC, datetime

import orjson

from llmstack.gateway.outcome import Outcome
from llmstack.gateway.usage import Usage

_FLUSH_SECONDS = 0.2
_MOST_LINES = 50_000


def line(outcome: Outcome, usage: Usage, now: float) -> bytes:
    """One request; `now` is its end, in seconds since 1970. Durations are in milliseconds."""
    return (
        orjson.dumps(
            {
                "time": datetime.fromtimestamp(now, UTC),
                "level": "info",
                "logger": "access",
                "request": outcome.id,
                "tenant": outcome.tenant,
                "model": outcome.model,
                "replica": outcome.replica,
                "method": outcome.method,
                "path": outcome.path,
                "status": outcome.status,
                "outcome": outcome.code,
                "stream": outcome.stream,
                "queued_ms": round(outcome.queued * 1e3, 3),
                "first_byte_ms": round(outcome.first_byte * 1e3, 3),
                "duration_ms": round(outcome.duration * 1e3, 3),
                "bytes_in": outcome.bytes_in,
                "bytes_out": outcome.bytes_out,
                "prompt_tokens": usage.prompt,
                "cached_tokens": usage.cached,
                "completion_tokens": usage.completion,
                "prefix_hit": None if usage.hit is None else round(usage.hit, 3),
                "prefix_expected": round(outcome.hit, 3),
            },
            option=orjson.OPT_UTC_Z,
        )
        + b"\n"
    )


class AccessLog:
    """Gathers lines and lets a thread write them to a file descriptor."""

    def __init__(self, descriptor: int = 1) -> None:
        self._descriptor = descriptor
        self._lines: list[bytes] = []
        self._writing: asyncio.Future[None] | None = None
        self.dropped = 0

    def write(self, entry: bytes) -> None:
        """Takes one line; it is written within a fraction of a second."""
        if len(self._lines) >= _MOST_LINES:
            self.dropped += 1
            return
        self._lines.append(entry)
        if len(self._lines) == 1:
            asyncio.get_running_loop().call_later(_FLUSH_SECONDS, self._flush)

    async def close(self) -> None:
        """Writes what is left."""
        while self._writing is not None or self._lines:
            self._flush()
            if self._writing is not None:
                await asyncio.wait([self._writing])

    def _flush(self) -> None:
        if self._writing is not None or not self._lines:
            return
        text, self._lines = b"".join(self._lines), []
        loop = asyncio.get_running_loop()
        self._writing = loop.run_in_executor(None, _write_all, self._descriptor, text)
        self._writing.add_done_callback(self._written)

    def _written(self, done: "asyncio.Future[None]") -> None:
        # A log that cannot be written is no reason to refuse requests.
        if not done.cancelled() and done.exception() is not None:
            self.dropped += 1
        self._writing = None
        self._flush()


def _write_all(descriptor: int, text: bytes) -> None:
    view = memoryview(text)
    while view:
        view = view[os.write(descriptor, view) :]
