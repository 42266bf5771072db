"""Who asked for what, and how did it go?"""

import os
import threading

import orjson
import pytest

from llmstack.engines.llamacpp.usage import Usage
from llmstack.gateway.access_log import AccessLog, line
from llmstack.gateway.outcome import Outcome

SERVED = Outcome(b"r1", "POST", "/v1/chat/completions", 200, queued=0.0123456, text=b"secret words")


def test_a_line_is_one_json_object_without_prompt_or_answer():
    entry = line(SERVED, Usage(15, 10, 7), now=1_790_000_000.5)
    assert entry.endswith(b"}\n")
    assert entry.count(b"\n") == 1
    assert b"secret" not in entry
    value = orjson.loads(entry)
    assert value["time"].startswith("2026-")
    assert value["time"].endswith("Z")
    assert (value["request"], value["status"], value["queued_ms"]) == ("r1", 200, 12.346)
    assert (value["prompt_tokens"], value["completion_tokens"]) == (15, 7)


@pytest.mark.parametrize(
    ("now", "time"),
    [
        (1_790_000_000.25, "2026-09-21T14:13:20.250000Z"),
        (1_790_000_001.0, "2026-09-21T14:13:21.000000Z"),
    ],
)
def test_the_time_has_microseconds(now: float, time: str) -> None:
    assert orjson.loads(line(SERVED, Usage(), now))["time"] == time


def test_an_id_that_a_client_chose_cannot_add_to_the_line() -> None:
    odd = Outcome(b'a","status":200,"b":"\\', "POST", "/v1/", 401, "it's", stream=True)
    value = orjson.loads(line(odd, Usage(), 1.0))
    assert (value["request"], value["status"]) == ('a","status":200,"b":"\\', 401)
    assert (value["outcome"], value["stream"], value["prefix_hit"]) == ("it's", True, None)


async def test_lines_come_out_in_order_and_closing_writes_the_rest():
    reader, writer = os.pipe()
    log = AccessLog(writer)
    for number in range(100):
        log.write(b"%d\n" % number)
    await log.close()
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        assert stream.read() == b"".join(b"%d\n" % number for number in range(100))
    assert log.dropped == 0


async def test_a_reader_that_does_not_read_stops_nobody(monkeypatch):
    """The pipe is full at once; later lines are dropped and counted, and `write` always returns."""
    monkeypatch.setattr("llmstack.gateway.access_log._MOST_LINES", 10)
    reader, writer = os.pipe()
    log = AccessLog(writer)
    log.write(b"x" * 1_000_000 + b"\n")
    log._flush()
    for _ in range(25):
        log.write(b"y\n")
    assert log.dropped == 15
    received: list[bytes] = []

    def read_all() -> None:
        with os.fdopen(reader, "rb") as stream:
            received.append(stream.read())

    thread = threading.Thread(target=read_all)
    thread.start()
    await log.close()
    os.close(writer)
    thread.join()
    assert received[0] == b"x" * 1_000_000 + b"\n" + b"y\n" * 10


async def test_a_log_that_is_closed_is_no_reason_to_fail():
    reader, writer = os.pipe()
    os.close(reader)
    log = AccessLog(writer)
    log.write(b"lost\n")
    await log.close()
    os.close(writer)
    assert log.dropped == 1
