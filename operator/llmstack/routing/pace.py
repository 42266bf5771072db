"""When does a slot of a replica become free? Judged by the tokens it has decoded and may still.

    poll of /slots ─> tokens decoded, tokens left ─ two polls ─> tokens per second

A limit far beyond what requests usually take (`max_tokens` of 100,000) says little; then the usual
time counts.
"""

from collections.abc import Sequence
from typing import NamedTuple

from llmstack.engines.interface import Work

_APART = 0.2
"""Seconds between two polls that give a rate: over less, a single token changes it too much."""
_SMOOTHED_OVER = 8
"""Requests over which the usual time is smoothed."""
_FAR = 4.0
"""A token limit is ignored if reaching it takes more than this many times the usual time."""


class Usual(NamedTuple):
    """Smoothed seconds per request and their mean deviation. All 0 until a request has ended."""

    seconds: float = 0.0
    spread: float = 0.0
    ended: int = 0

    def with_one(self, took: float) -> "Usual":
        """Returns the value after one more request has ended, which took this many seconds."""
        ended = min(_SMOOTHED_OVER, self.ended + 1)
        off = abs(took - self.seconds) if self.ended else 0.0
        return Usual(
            self.seconds + (took - self.seconds) / ended,
            self.spread + (off - self.spread) / ended,
            ended,
        )


class Pace:
    """The decoding speed of one replica, as its polls have shown it."""

    __slots__ = ("_measured", "_measured_at", "looked", "rate", "work")

    def __init__(self) -> None:
        self.work: Sequence[Work] = ()
        self.rate = 0.0  # tokens per second of one slot; 0 while unknown
        self.looked = 0.0
        self._measured: dict[int, int] = {}
        self._measured_at = float("-inf")

    def seen(self, moment: float, work: Sequence[Work]) -> None:
        """Takes the busy slots shown by a poll that was sent at `moment`."""
        self.work, self.looked = work, moment
        passed = moment - self._measured_at
        if passed < _APART:
            return
        before = self._measured
        gained = [each.decoded - before[each.task] for each in work if each.task in before]
        gained = [tokens for tokens in gained if tokens > 0]
        if gained:
            rate = sum(gained) / len(gained) / passed
            self.rate = (self.rate + rate) / 2 if self.rate else rate
        self._measured = {each.task: each.decoded for each in work}
        self._measured_at = moment

    def frees(self, now: float, usual: Usual) -> list[float]:
        """Returns estimated seconds until each slot seen decoding is free; [] without a rate."""
        if not self.rate:
            return []
        since = now - self.looked
        return [max(0.0, self._takes(each, usual) - since) for each in self.work if each.decoded]

    def _takes(self, work: Work, usual: Usual) -> float:
        by_limit = work.left / self.rate
        if work.left >= 0 and (not usual.ended or by_limit <= _FAR * usual.seconds):
            return by_limit
        return by_age(work.decoded / self.rate, usual)


def by_age(age: float, usual: Usual) -> float:
    """Returns the seconds that a request of this age still takes, if nothing else is known of it.

    If no request has ended yet, that is its age: as likely too much as too little.
    """
    if not usual.ended:
        return age
    return max(usual.seconds - age, usual.spread, usual.seconds / 8)


def until_served(frees: Sequence[float], place: int, usual: float) -> float:
    """Returns the seconds until the request at this place in the queue (from 1) is served.

    `frees` are the seconds until each slot is free; `usual` are the seconds a request usually
    takes. Each slot that becomes free serves the next request in the queue.
    """
    if not frees:
        return usual * place
    rounds, index = divmod(max(0, place - 1), len(frees))
    return sorted(frees)[index] + rounds * usual
