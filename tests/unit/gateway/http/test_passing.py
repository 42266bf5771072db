"""What ends a response that passes?"""

from __future__ import annotations

from llmstack.gateway.http.framing import Chunked, Garbage
from llmstack.gateway.http.passing import Passing

EVENT = b"5\r\nhello\r\n"


class Response:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def complete(self) -> None:
        self.told.append("complete")

    def garbage(self, error: Garbage) -> None:
        self.told.append("garbage")

    def ended(self, exc: Exception | None) -> None:
        self.told.append("ended")

    def unheard(self) -> None:
        self.told.append("unheard")


def closed(data: bytes) -> None:
    """As uvloop's transports do."""
    raise RuntimeError("unable to perform operation; the handler is closed")


def test_chunks_pass_up_to_the_last() -> None:
    response, written = Response(), bytearray()
    passing = Passing(response, Chunked(), written.extend, b"")
    passing.data_received(EVENT)
    passing.data_received(b"0\r\n\r\n")
    assert (response.told, bytes(written)) == (["complete"], EVENT + b"0\r\n\r\n")


def test_a_client_that_has_left_is_told_to_the_response() -> None:
    response = Response()
    Passing(response, Chunked(), closed, b"").data_received(EVENT)
    assert response.told == ["unheard"]


def test_garbage_is_not_written() -> None:
    response, written = Response(), bytearray()
    Passing(response, Chunked(), written.extend, b"").data_received(b"no chunk")
    assert (response.told, bytes(written)) == (["garbage"], b"")
