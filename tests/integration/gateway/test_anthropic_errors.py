"""What do Anthropic's clients read where a request of theirs fails?"""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import anthropic
import pytest

from llmstack.gateway.keys import line_for
from tests.integration.gateway.dying import EVENT, WELL, sends
from tests.integration.gateway.raw import (
    BODY,
    EVENTS,
    QUICK,
    STREAM,
    Front,
    Replica,
    Turn,
    chunk,
    gateway,
    on_uvloop,
    plain,
    post,
)
from tests.integration.gateway.serving import FAST, MODEL, serving
from tests.support.said import SAID

PATHS = ("/v1/messages", "/v1/messages/count_tokens")
BOTH = pytest.mark.parametrize("path", PATHS)
ERROR = b'{"error": {"code": 400, "message": "too long", "type": "t"}}'


def error(body: bytes, kind: str) -> str:
    """The message of an error of this type, in Anthropic's shape and no other."""
    said: dict[str, Any] = json.loads(body)
    assert said == {"type": "error", "error": {"type": kind, "message": said["error"]["message"]}}
    return str(said["error"]["message"])


async def refused(front: Front, request: bytes, status: int, kind: str) -> str:
    answer = await front.ask(request)
    assert answer.status == status
    return error(answer.body, kind)


@BOTH
@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (b'{"model": "other", "messages": []}', 404, "not_found_error"),
        (b"no JSON", 400, "invalid_request_error"),
        (b'{"model": "smol", "n_cache_reuse": 1}', 400, "invalid_request_error"),
        (b"x" * 2000, 413, "request_too_large"),
    ],
    ids=["no such model", "no JSON", "a forbidden field", "too large"],
)
def test_what_the_gateway_refuses(path: str, body: bytes, status: int, kind: str) -> None:
    @on_uvloop
    async def test() -> None:
        limits = replace(QUICK, body=1000)
        async with Replica.running(WELL) as replica, gateway(replica.port, limits=limits) as front:
            await refused(front, post(body, path.encode()), status, kind)

    test()


@BOTH
def test_what_the_replica_refuses(path: str) -> None:
    @on_uvloop
    async def test() -> None:
        script = sends(plain(ERROR, b"400 Bad Request"))
        async with Replica.running(script) as replica, gateway(replica.port) as front:
            said = await refused(front, post(BODY, path.encode()), 400, "invalid_request_error")
            assert said == "too long"

    test()


@on_uvloop
async def test_a_stream_that_breaks_off_ends_with_an_event_of_that_shape() -> None:
    goes_on = asyncio.Event()

    async def script(turn: Turn) -> None:
        await turn.send(EVENTS + chunk(EVENT))
        await goes_on.wait()
        turn.close()

    async with Replica.running(script) as replica, gateway(replica.port) as front:
        client = await front.client()
        await client.send(post(STREAM, b"/v1/messages"))
        await client.until(EVENT)
        goes_on.set()
        answer = await client.answer()
        name, data = answer.body[len(EVENT) :].removesuffix(b"\n\n").split(b"\n")
        assert name == b"event: error"
        assert "closed the connection" in error(data.removeprefix(b"data: "), "api_error")


@on_uvloop
async def test_a_stream_that_waited_ends_with_an_event_of_that_shape() -> None:
    limits = replace(QUICK, early_seconds=0.02)
    async with gateway(1, limits=limits) as front:
        front.owner.replica_down("smol", "replica-0")
        client = await front.client()
        await client.send(post(STREAM, b"/v1/messages"))
        await client.until(b": waiting\n\n")
        front.owner.apply(type(front.app.catalog)(()))
        answer = await client.answer()
        assert answer.status == 200
        data = answer.body[answer.body.index(b"data: ") :].removeprefix(b"data: ")
        assert "does not exist" in error(data.strip(), "not_found_error")


async def test_anthropics_own_client_raises_its_own_exceptions(tmp_path: Path) -> None:
    SAID.give("sk-one")
    (tmp_path / "keys").write_text(line_for("sk-one", "team") + "\n")
    asked: Any = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 1}
    async with serving(tmp_path, FAST, keysFile="keys") as it:
        url = it.gateway.url
        async with anthropic.AsyncAnthropic(base_url=url, api_key="wrong", max_retries=0) as client:
            with pytest.raises(anthropic.AuthenticationError) as stranger:
                await client.messages.create(model=MODEL, **asked)
        async with anthropic.AsyncAnthropic(base_url=url, api_key="sk-one", max_retries=0) as known:
            with pytest.raises(anthropic.NotFoundError) as nowhere:
                await known.messages.create(model="other", **asked)
    for raised, kind in ((stranger, "authentication_error"), (nowhere, "not_found_error")):
        said: Any = raised.value.body
        assert (said["type"], said["error"]["type"]) == ("error", kind)
