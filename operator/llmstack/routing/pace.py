"""When does a slot of a replica become free? Told by what each has decoded, and may decode still.

    poll of /slots ─> tokens decoded, tokens left ─ two polls ─> tokens a second

A limit that is far beyond what requests usually take (`max_tokens` of 100,000) says little: there
the usual time counts.
"""

from collections.abc import Sequence
from typing import NamedTuple

_APART = 0.2
"""Seconds that two polls lie apart at least for a rate: a token more or less says too much."""
_SMOOTHED_OVER = 8
_FAR = 4.0
"""A limit is far if it takes so many times the usual time."""


class Work(NamedTuple):
    """A busy slot: its task, the tokens that it has decoded, and those that it may decode still.

    `left` is -1 without a limit.
    """

    task: int
    decoded: int
    left: int


class Usual(NamedTuple):
    """What a request takes: seconds and their mean deviation, smoothed. Zeros: none has ended."""

    seconds: float = 0.0
    spread: float = 0.0
    ended: int = 0

    def with_one(self, took: float) -> "Usual":
        """After one more request has ended, which took so many seconds."""
        ended = min(_SMOOTHED_OVER, self.ended + 1)
        off = abs(took - self.seconds) if self.ended else 0.0
        return Usual(
            self.seconds + (took - self.seconds) / ended,
            self.spread + (off - self.spread) / ended,
            ended,
        )


class Pace:
    """What the polls of one replica have shown of its speed."""

    __slots__ = ("_measured", "_measured_at", "looked", "rate", "work")

    def __init__(self) -> None:
        self.work: Sequence[Work] = ()
        self.rate = 0.0  # tokens a second of one slot; 0: not known yet
        self.looked = 0.0
        self._measured: dict[int, int] = {}
        self._measured_at = float("-inf")

    def seen(self, moment: float, work: Sequence[Work]) -> None:
        """A poll that began then showed these slots busy."""
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
        """Seconds until each slot is free that was seen to decode, as far as that can be told."""
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
    """Seconds that a request of this age still takes, of which nothing else is known.

    If none has ended yet, as long as it has taken so far: that is as likely too much as too little.
    """
    if not usual.ended:
        return age
    return max(usual.seconds - age, usual.spread, usual.seconds / 8)


def until_served(frees: Sequence[float], place: int, usual: float) -> float:
    """Seconds until the slot number `place` (1 for the first) becomes free, of those in `frees`.

    A slot that becomes free serves the next in line, which takes the usual time.
    """
    if not frees:
        return usual * place
    rounds, index = divmod(max(0, place - 1), len(frees))
    return sorted(frees)[index] + rounds * usual
