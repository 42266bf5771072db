"""What of a replica's strange words reaches a client? None: they are garbage, or told in ours."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace

import pytest

from tests.integration.gateway.dying import WELL, sends
from tests.integration.gateway.raw import (
    QUICK,
    STREAM,
    Replica,
    Turn,
    chunk,
    gateway,
    on_uvloop,
    plain,
    post,
)

PAGE = b"<html><h1>Bad Gateway</h1></html>"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nEVIL\r\n0\r\n\r\n"
STRANGE = {
    "status 000": plain(b"EVIL", b"000 OK"),
    "status 099": plain(b"EVIL", b"099 OK"),
    "an unknown interim status": b"HTTP/1.1 150 Odd\r\n\r\n",
    "a redirect": plain(b"EVIL", b"307 Temporary Redirect", b"Location: http://EVIL\r\n"),
    "a redirect for good": plain(b"", b"308 Moved", b"Location: /EVIL\r\n"),
    "not modified": b"HTTP/1.1 304 EVIL\r\n\r\n",
    "no content": b"HTTP/1.1 204 EVIL\r\n\r\n",
    "a part": plain(b"EVIL", b"206 Partial Content", b"Content-Range: bytes 0-3/9\r\n"),
    "status 600": plain(b"EVIL", b"600 EVIL"),
    "status 999": plain(b"EVIL", b"999 EVIL"),
    "gzip": plain(gzip.compress(b"EVIL"), head=b"Content-Encoding: gzip\r\n"),
    "an encoded error": plain(b"EVIL", b"400 No", b"Content-Encoding: deflate\r\n"),
    "a page": plain(b"EVIL" + PAGE, head=b"Content-Type: text/html\r\n"),
    "interim answers without end": b"HTTP/1.1 100 EVIL\r\n\r\n" * 20_000,
    "HTTP/1.0 in chunks": CHUNKED.replace(b"HTTP/1.1", b"HTTP/1.0"),
    "HTTP/2": b"HTTP/2 200\r\ncontent-length: 4\r\n\r\nEVIL",
    "no number": plain(b"EVIL", b"two hundred"),
    "a bare CR in a header": plain(b"EVIL", head=b"Cache-Control: a\rSet-Cookie: EVIL\r\n"),
}


@pytest.mark.parametrize("body", [None, STREAM], ids=["plain", "stream"])
@pytest.mark.parametrize("sentence", STRANGE)
def test_it_is_garbage(sentence: str, body: bytes | None) -> None:
    """Another replica serves; where there is none, it is 502."""

    @on_uvloop
    async def test() -> None:
        request = post() if body is None else post(body)
        async with (
            Replica.running(sends(STRANGE[sentence])) as strange,
            Replica.running(WELL) as healthy,
            gateway(strange.port) as alone,
            gateway(strange.port, healthy.port) as front,
        ):
            assert (await front.ask(request)).body == b"well"
            answer = await alone.ask(request)
            assert answer.status == 502
            assert json.loads(answer.body)["error"]["code"] == "replica_failed"
            assert b"EVIL" not in answer.raw

    test()


ERRORS = {
    "an empty 400": (plain(b"", b"400 Bad Request"), 400),
    "an empty 413": (plain(b"", b"413 Payload Too Large"), 413),
    "an empty 500 in chunks": (
        b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b""),
        500,
    ),
    "a page": (plain(PAGE, b"404 Not Found", b"Content-Type: text/html\r\n"), 404),
    "a numeric code": (
        plain(b'{"error":{"code":400,"message":"m","type":"invalid_request_error"}}', b"400 No"),
        400,
    ),
    "an input that is too large": (
        plain(
            b'{"error":{"code":500,"message":"input (9 tokens) is too large to process",'
            b'"type":"server_error"}}',
            b"500 No",
        ),
        400,
    ),
    "until the connection's end": (b"HTTP/1.1 500 No\r\n\r\n" + PAGE, 500),
    "by HTTP/1.0": (b"HTTP/1.0 500 No\r\nContent-Length: 3\r\n\r\nnew", 500),
    "a header too large for it": (plain(b"", b"431 Large"), 502),
    "a proxy's login": (plain(PAGE, b"407 Login", b"Proxy-Authenticate: Basic\r\n"), 502),
    "more than anybody reads": (plain(b"x" * 300_000, b"500 No"), 500),
    "a long chunk": (
        b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"x" * 300_000),
        500,
    ),
}


@pytest.mark.parametrize("sentence", ERRORS)
def test_an_error_is_told_in_openais_shape(sentence: str) -> None:
    sent, status = ERRORS[sentence]

    async def script(turn: Turn) -> None:
        await turn.send(sent)
        turn.close()

    @on_uvloop
    async def test() -> None:
        async with Replica.running(script) as replica, gateway(replica.port) as front:
            client = await front.client()
            for count in (1, 2):
                await client.send(post())
                answer = await client.answer()
                assert (answer.status, answer.cut) == (status, False)
                assert answer.headers["content-type"] == "application/json"
                error = json.loads(answer.body)["error"]
                assert set(error) == {"message", "type", "param", "code"}
                assert isinstance(error["code"], str)
                assert error["message"]
                assert b"<html>" not in answer.body
                outcome = await front.recorded(count)
                assert (outcome.status, outcome.tries) == (status, 1)
            assert front.busy == 0

    test()


@on_uvloop
async def test_an_error_whose_body_does_not_come_is_a_fault() -> None:
    slow = sends(b"HTTP/1.1 400 No\r\nContent-Length: 9\r\n\r\nabc")
    quick = replace(QUICK, answer_idle_seconds=0.1)
    async with (
        Replica.running(slow) as replica,
        Replica.running(WELL) as healthy,
        gateway(replica.port, healthy.port, limits=quick) as front,
    ):
        assert (await front.ask(post())).body == b"well"


@on_uvloop
async def test_a_replicas_headers_do_not_reach_clients() -> None:
    said = plain(b"well", head=b"Set-Cookie: EVIL\r\nServer: EVIL\r\nX-Accel-Redirect: /EVIL\r\n")
    said = said.replace(b"200 OK", b"200 EVIL")
    async with Replica.running(sends(said)) as replica, gateway(replica.port) as front:
        answer = await front.ask(post())
        assert answer.body == b"well"
        assert b"EVIL" not in answer.raw


@on_uvloop
async def test_a_clients_headers_do_not_reach_replicas() -> None:
    lines = b"".join(
        b"%b: SECRET\r\n" % name
        for name in (
            b"Cookie",
            b"Forwarded",
            b"X-Forwarded-For",
            b"X-Real-IP",
            b"Via",
            b"Origin",
            b"Referer",
            b"Sec-Fetch-Site",
            b"X-Llmstack-Lease",
            b"X-Llmstack-Salt",
            b"X-Api-Key",
        )
    )
    lines += b"Content-Type: application/x-www-form-urlencoded\r\nCookie: %b\r\n" % (b"a" * 9000)
    async with Replica.running(WELL) as replica, gateway(replica.port) as front:
        assert (await front.ask(post(head=lines))).body == b"well"
        (turn,) = replica.turns
        assert b"SECRET" not in turn.head
        assert len(turn.head) < 400
        assert b"content-type: application/json\r\n" in turn.head
