"""When is a request that has ended counted and logged? Soon, and several at once.

One after the other, far from what a request does else, it takes half the time; and a request's end
does not wait for its record.
"""

import asyncio
import time

from llmstack.gateway import access_log, usage
from llmstack.gateway.access_log import AccessLog
from llmstack.gateway.metrics import Metrics
from llmstack.gateway.outcome import Outcome

_SOON_SECONDS = 0.02
_AT_ONCE = 64
"""So many take about a millisecond: no request should wait longer for this."""


class Records:
    """Hands each outcome once to the numbers and the log."""

    def __init__(self, metrics: Metrics, log: AccessLog) -> None:
        self._metrics = metrics
        self._log = log
        self._ended: list[tuple[Outcome, float]] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, outcome: Outcome) -> None:
        """This request has ended now."""
        self._ended.append((outcome, time.time()))
        if len(self._ended) >= _AT_ONCE:
            self.settle()
        elif self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(_SOON_SECONDS, self.settle)

    def settle(self) -> None:
        """Counts and logs all that have ended."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        ended, self._ended = self._ended, []
        for outcome, now in ended:
            tokens = usage.read(outcome.text)
            self._metrics.record(outcome, tokens)
            self._log.write(access_log.line(outcome, tokens, now))

    def numbers(self) -> bytes:
        """All that has ended so far, in the text format of Prometheus."""
        self.settle()
        return self._metrics.text()
