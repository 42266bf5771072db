"""Who asks when, and for how much? Arrivals by a rate that changes in time, drawn from a seed."""

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Rate = Callable[[float], float]
"""Requests a second at a moment."""

HOUR = 3600.0
DURATION = 2 * HOUR
_COMPLETION = 500.0
"""Tokens of a completion, mean; log-normal, as lengths of answers are."""
_SPREAD = 0.7
_PROMPT = 800.0
_PREFILL = 20.0
"""A token of the prompt costs as much as a twentieth of one of the completion."""


@dataclass(frozen=True)
class Request:
    """One request: when it comes, and its work in decoded tokens."""

    at: float
    work: float


@dataclass(frozen=True)
class Trace:
    """All requests of one run. `from_zero`: is it quiet for so long that 0 replicas make sense?"""

    name: str
    requests: tuple[Request, ...]
    duration: float = DURATION
    from_zero: bool = False


def _constant(_: random.Random) -> Rate:
    return lambda now: 0.35


def phases(draw: random.Random) -> list[tuple[float, bool]]:
    """When does each pause and each burst of `bursts` end, and is it a burst?"""
    ends: list[tuple[float, bool]] = []
    at, on = 0.0, False
    while at < DURATION:
        at += draw.expovariate(1 / 240) if on else draw.expovariate(1 / 420)
        ends.append((at, on))
        on = not on
    return ends


def _bursts(draw: random.Random) -> Rate:
    """On and off by turns, each of random length."""
    ends = [(end, 1.0 if on else 0.06) for end, on in phases(draw)]
    return lambda now: next(rate for end, rate in ends if now < end)


def _spike(draw: random.Random) -> Rate:
    begin = draw.uniform(0.3, 0.6) * DURATION
    return lambda now: 1.2 if begin <= now < begin + 600 else 0.15


def _day(_: random.Random) -> Rate:
    """A day's ups and downs, in two hours."""
    return lambda now: 0.05 + 0.4 * (1 - math.cos(2 * math.pi * now / DURATION))


def _crowds(draw: random.Random) -> Rate:
    """Nobody for long; then all come at once, and leave by and by; once more later."""
    begins = (draw.uniform(1500, 2100), draw.uniform(5000, 5600))
    return lambda now: sum(
        1.5 * math.exp(-(now - begin) / 240) for begin in begins if 0 <= now - begin < 1200
    )


KINDS: Mapping[str, tuple[Callable[[random.Random], Rate], float]] = {
    "bursts": (_bursts, 1.0),
    "spike": (_spike, 1.2),
    "crowds from zero": (_crowds, 1.5),
    "day": (_day, 0.85),
    "constant": (_constant, 0.35),
}
"""Each trace: its rate, and the most that this reaches."""


def seeded(name: str, seed: int) -> random.Random:
    """What a trace is drawn from, from its beginning."""
    return random.Random(f"{name}/{seed}")


def make(name: str, seed: int) -> Trace:
    """The trace of that name; another seed draws other moments, lengths and works."""
    draw = seeded(name, seed)
    kind, most = KINDS[name]
    rate = kind(draw)
    requests = []
    at = draw.expovariate(most)
    while at < DURATION:
        if draw.random() * most < rate(at):
            requests.append(Request(at, _work(draw)))
        at += draw.expovariate(most)
    return Trace(name, tuple(requests), from_zero=name == "crowds from zero")


def _work(draw: random.Random) -> float:
    centre = math.log(_COMPLETION) - _SPREAD**2 / 2
    return draw.lognormvariate(centre, _SPREAD) + draw.expovariate(1 / _PROMPT) / _PREFILL
