"""When does a slot become free, and after how many seconds is it worth to come again?"""

import heapq
import random
from collections.abc import Sequence

import pytest

from llmstack.engines.interface import Work
from llmstack.routing.budget import QueueLimits
from llmstack.routing.forecast import LONGEST_RETRY
from llmstack.routing.messages import Reason
from llmstack.routing.pace import Pace, Usual, until_served
from llmstack.routing.slots import SlotsSeen
from tests.unit.routing.samples import Bench

FREES = [
    ("a limit and a pace tell", [(0, 10, 90), (1, 20, 80)], Usual(), 8.0),
    (
        "a limit within four times the usual time counts",
        [(0, 10, 90), (1, 20, 80)],
        Usual(3, 1, 8),
        8.0,
    ),
    ("a far limit says little", [(0, 10, 9990), (1, 20, 9980)], Usual(5, 1, 8), 3.0),
    (
        "the longer it lasts beyond the usual, the less is known",
        [(0, 90, -1), (1, 100, -1)],
        Usual(5, 2.5, 8),
        2.5,
    ),
    ("no limit, and none has ended", [(0, 30, -1), (1, 40, -1)], Usual(), 4.0),
    ("the limit is reached", [(0, 90, 10), (1, 100, 0)], Usual(), 0.0),
]


@pytest.mark.parametrize(
    ("sentence", "looks", "usual", "seconds"), FREES, ids=[r[0] for r in FREES]
)
def test_how_long_a_slot_still_takes(
    sentence: str, looks: list[tuple[float, int, int]], usual: Usual, seconds: float
) -> None:
    pace = Pace()
    for moment, decoded, left in looks:
        pace.seen(moment, [Work(7, decoded, left)])
    assert pace.frees(looks[-1][0], usual) == [pytest.approx(seconds)]


def test_time_that_passes_after_a_poll_counts() -> None:
    pace = Pace()
    pace.seen(0.0, [Work(7, 10, 90)])
    pace.seen(1.0, [Work(7, 20, 80)])
    assert pace.frees(3.0, Usual()) == [pytest.approx(6.0)]
    assert pace.frees(30.0, Usual()) == [0.0]


def test_polls_in_quick_succession_do_not_spoil_the_pace() -> None:
    pace = Pace()
    for step in range(200):
        pace.seen(step * 0.01, [Work(7, step // 10, 100 - step // 10)])
    assert pace.rate == pytest.approx(10, rel=0.2)


def test_the_usual_time_follows_what_ends() -> None:
    usual = Usual()
    for took in (8.0, 10.0, 6.0):
        usual = usual.with_one(took)
    assert usual.seconds == pytest.approx(8.0)
    assert 0 < usual.spread < 3
    for _ in range(50):
        usual = usual.with_one(1.0)
    assert usual.seconds == pytest.approx(1.0, abs=0.1)


LINES = [
    ("the first in line gets the slot that is free first", [8.0, 2.0], 1, 5.0, 2.0),
    ("the second the next one", [8.0, 2.0], 2, 5.0, 8.0),
    ("the third waits for the second round", [8.0, 2.0], 3, 5.0, 7.0),
    ("an idle slot", [0.0, 9.0], 1, 5.0, 0.0),
    ("no slot is known", [], 2, 5.0, 10.0),
]


@pytest.mark.parametrize(
    ("sentence", "frees", "place", "usual", "seconds"), LINES, ids=[row[0] for row in LINES]
)
def test_how_long_a_place_in_the_line_takes(
    sentence: str, frees: list[float], place: int, usual: float, seconds: float
) -> None:
    assert until_served(frees, place, usual) == seconds


class Server:
    """A replica whose slots decode at the same pace; `ends` are by ask."""

    def __init__(self, bench: Bench, slots: int, rate: float) -> None:
        self.bench, self.slots, self.rate = bench, slots, rate
        self.runs: dict[int, tuple[float, int, int]] = {}  # since when, tokens, its limit
        self.asked: dict[int, tuple[int, int]] = {}

    def ask(self, tokens: int, limit: int) -> int:
        ask = self.bench.ask(tenant=f"t{len(self.asked)}")
        self.asked[ask] = (tokens, limit)
        return ask

    def step(self) -> None:
        """A tenth of a second."""
        bench = self.bench
        bench.now += 0.1
        for ask, (since, tokens, _) in list(self.runs.items()):
            if (bench.now - since) * self.rate >= tokens:
                del self.runs[ask]
                bench.end(ask)
        for ask, wanted in self.asked.items():
            served = bench.where(ask) == "a" and ask not in self.runs
            if served and wanted[0] > 0:
                self.runs[ask] = (bench.now, *wanted)
                self.asked[ask] = (0, 0)
        if round(bench.now * 10) % 10 == 0:
            self.poll()

    def poll(self) -> None:
        work = tuple(
            Work(
                ask,
                done := int((self.bench.now - since) * self.rate),
                limit - done if limit else -1,
            )
            for ask, (since, _, limit) in self.runs.items()
        )
        poll = SlotsSeen(self.bench.now, self.slots, len(self.runs), work=work)
        self.bench.take(self.bench.pool.seen("a", poll, self.bench.now))


def truth(server: Server, waiting: Sequence[int]) -> float:
    """Seconds until one more that waits behind these would have a slot."""
    now, rate = server.bench.now, server.rate
    ends = [since + tokens / rate - now for since, tokens, _ in server.runs.values()]
    heapq.heapify(ends)
    for ask in waiting:
        heapq.heappush(ends, heapq.heappop(ends) + server.asked[ask][0] / rate)
    return ends[0]


@pytest.mark.parametrize("queue", [0, 3, 12])
@pytest.mark.parametrize("limited", [True, False], ids=["limits", "no limits"])
@pytest.mark.parametrize("seed", range(3))
def test_from_the_first_minute_on_it_is_right_within_a_factor_of_two(
    queue: int, limited: bool, seed: int
) -> None:
    """Requests of 6 to 10 seconds on four slots, and a full queue; asked each second.

    Where none has a limit and none has ended, its age is all that is known of a request.
    """
    rng = random.Random(seed)
    bench = Bench(4, limits=QueueLimits(max_requests=queue, timeout=1e6))
    server, checked, right = Server(bench, 4, rate=10.0), 0, 0
    refused: list[int] = []
    slack = 1 if limited else 2  # Whole seconds; and what cannot be known without a limit.

    def fill() -> None:
        while True:
            tokens = rng.randint(60, 100)
            ask = server.ask(tokens, tokens if limited else 0)
            if bench.where(ask) == Reason.QUEUE_FULL:
                refused.append(ask)
                return

    while bench.now < 60:
        server.step()
        fill()
        if bench.now < 3 or round(bench.now * 10) % 10:
            continue
        waiting = [ask for ask in server.asked if bench.where(ask) == "waits"]
        if len(waiting) < queue:
            continue
        real = truth(server, waiting)
        refusal = bench.refusal(refused[-1])
        if real < LONGEST_RETRY:
            checked += 1
            right += real / 2 - slack <= refusal.retry_after <= 2 * real + slack
    assert checked > 20
    assert right >= checked * (1 if limited else 0.9)
