"""Who asked for what, and how did it end? One JSON object per line on stdout, without prompts.

A thread writes the lines in batches, so that a slow reader of the log does not stop requests. If it
lags too far behind, lines are dropped and counted.
"""

import asyncio
import os
from datetime import UTC, datetime
from functools import lru_cache
from operator import attrgetter

import orjson

from llmstack.engines.llamacpp.usage import Usage
from llmstack.gateway.outcome import Outcome

_FLUSH_SECONDS = 0.2
"""Seconds for which lines are gathered before they are written."""
_MOST_LINES = 50_000
"""Lines that may wait to be written; further ones are dropped."""
_LINE = (
    b'{"time":"%b.%06dZ","level":"info","logger":"access","request":%b,%b,"queued_ms":%.3f,'
    b'"first_byte_ms":%.3f,"duration_ms":%.3f,"bytes_in":%d,"bytes_out":%d,"prompt_tokens":%d,'
    b'"cached_tokens":%d,"completion_tokens":%d,"prefix_hit":%b,"prefix_expected":%.3f}\n'
)
_WORDS = ("tenant", "model", "replica", "method", "path", "status", "outcome", "stream")
_values = attrgetter("tenant", "model", "replica", "method", "path", "status", "code", "stream")


def line(outcome: Outcome, usage: Usage, now: float) -> bytes:
    """Returns a request's line. `now` is its end in Unix seconds; the line has milliseconds."""
    second = int(now)
    hit = usage.hit
    return _LINE % (
        _date(second),
        (now - second) * 1e6,
        orjson.dumps(outcome.id.decode("ascii")),
        _words(_values(outcome)),
        outcome.queued * 1e3,
        outcome.first_byte * 1e3,
        outcome.duration * 1e3,
        outcome.bytes_in,
        outcome.bytes_out,
        usage.prompt,
        usage.cached,
        usage.completion,
        b"null" if hit is None else b"%.3f" % hit,
        outcome.hit,
    )


@lru_cache(4)
def _date(second: int) -> bytes:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S").encode("ascii")


@lru_cache(1024)
def _words(values: tuple[str | int, ...]) -> bytes:
    """Returns the members that many requests have in common, as JSON without braces."""
    return orjson.dumps(dict(zip(_WORDS, values, strict=True)))[1:-1]


class AccessLog:
    """Gathers lines, which a thread writes to a file descriptor. `dropped` counts lost ones."""

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
