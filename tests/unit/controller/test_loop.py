"""Which errors of the event loop are logged?"""

from __future__ import annotations

import asyncio

import pytest

from llmstack.controller.loop import report


@pytest.mark.parametrize(
    ("error", "logged"),
    [
        (
            RuntimeError("no operation on <TCPTransport>; the handler is closed"),
            False,
        ),
        (RuntimeError("the store is broken"), True),
        (ValueError("the handler is closed"), True),
    ],
)
async def test_all_but_data_on_a_connection_that_is_closed(
    caplog: pytest.LogCaptureFixture, error: Exception, logged: bool
) -> None:
    loop = asyncio.get_running_loop()
    report(loop, {"message": "Fatal error on SSL protocol", "exception": error})
    assert bool(caplog.records) is logged
