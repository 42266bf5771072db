"""What does an answer of the gateway itself look like?

Every error has OpenAI's format, {"error": {"message", "type", "param", "code"}}: official clients
turn it into their own exceptions, and retry if there is a Retry-After. Clients that expect another
format get that (shapes.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from llmstack.engines.llamacpp.errors import read_error

Headers = tuple[tuple[bytes, bytes], ...]
JSON = b"application/json"

INVALID = "invalid_request_error"
UNAUTHORIZED = "authentication_error"
BUSY = "rate_limit_error"
SERVER = "server_error"


@dataclass(frozen=True)
class Answer:
    """A whole response. `code` is the error's code, "" if it is none; metrics count by it."""

    status: int
    body: bytes
    headers: Headers = ()
    content_type: bytes = JSON
    code: str = ""


def ok(value: Any) -> Answer:
    """Returns a successful answer of the gateway's own."""
    return Answer(200, orjson.dumps(value))


def error(
    status: int,
    message: str,
    *,
    kind: str = INVALID,
    code: str,
    param: str | None = None,
    retry_after: int = 0,
) -> Answer:
    """Returns an error. After `retry_after` seconds, if set, clients retry by themselves."""
    headers: Headers = ((b"Retry-After", b"%d" % retry_after),) if retry_after else ()
    return Answer(status, orjson.dumps(_shape(message, kind, param, code)), headers, code=code)


def no_events(what: str) -> Answer:
    """502: a replica failed to stream. `what` follows "The replica"."""
    message = f"The replica {what}. Retry the request."
    return error(502, message, kind=SERVER, code="replica_failed")


def of_replica(status: int, body: bytes) -> Answer:
    """Returns a replica's own error in our format. It is not the gateway's, so it has no code."""
    error = read_error(status, body)
    shape = _shape(error.message, error.type, error.param, error.code)
    return Answer(error.status, orjson.dumps(shape))


def answered_with(status: int, body: bytes) -> Answer:
    """Returns a replica's error that is already in our format."""
    return Answer(status, body)


def sse_answer(answer: Answer) -> bytes:
    """Returns an event that ends a stream with this error, when its status can no longer be sent.

    OpenAI's clients look for `error` in the data, those of the Responses API for the error's fields
    beside `type`, so it has both. Anthropic's read the event as they read the body.
    """
    said = orjson.loads(answer.body)
    if "type" not in said:
        error: Mapping[str, Any] = said["error"]
        beside = {name: error[name] for name in ("message", "param", "code")}
        said = {"type": "error", **beside, "error": error}
    return b"event: error\ndata: " + orjson.dumps(said) + b"\n\n"


def _shape(message: str, kind: str, param: str | None, code: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}
