"""How far, how fast, how long? With a clock of our own."""

import json

from llmstack.fetch.progress import Meter
from llmstack.models.report import parse_log


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def meter(interval=2.0):
    clock, lines = Clock(), []
    return Meter(lines.append, interval, clock), clock, lines


def test_speed_counts_what_came_now_and_not_what_was_there():
    found, clock, _ = meter()
    found.begin(have=6000, total=10_000)
    found.work_on("m.gguf")
    clock.now += 4
    found.add(2000)
    now = found.now()
    assert (now.file, now.bytes, now.total) == ("m.gguf", 8000, 10_000)
    assert (now.bytes_per_second, now.eta_seconds) == (500, 4)


def test_speed_is_that_of_the_last_seconds():
    found, clock, _ = meter()
    found.begin(have=0, total=1_000_000)
    for _ in range(20):
        clock.now += 1
        found.add(10_000)
        found.now()
    for _ in range(15):
        clock.now += 1
        found.add(100)
        found.now()
    assert found.now().bytes_per_second == 100


def test_lines_are_at_least_the_interval_apart():
    found, clock, lines = meter(interval=2.0)
    found.begin(0, 100)
    for _ in range(100):
        clock.now += 0.1
        found.tick()
    assert len(lines) == 5
    found.add(100)
    found.flush()
    assert parse_log("\n".join(lines)).bytes == 100


def test_nothing_known_yet():
    found, _, _ = meter()
    found.begin(0, None)
    now = found.now()
    assert (now.bytes, now.total, now.bytes_per_second, now.eta_seconds) == (0, None, 0, None)


def test_notes_are_lines_too():
    found, _, lines = meter()
    found.note("waiting")
    assert json.loads(lines[0]) == {"event": "note", "message": "waiting"}
