"""What does the gateway itself answer, and in which words?

All of it has OpenAI's shape, {"error": {"message", "type", "param", "code"}}: official clients turn
it into their own exceptions, and retry what carries Retry-After. Where a client expects another
one it gets that (shapes.py).
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson

from llmstack.engines.llamacpp.errors import read_error
from llmstack.errors import LLMStackError
from llmstack.routing.messages import Reason, Refusal

Headers = tuple[tuple[bytes, bytes], ...]
JSON = b"application/json"

INVALID = "invalid_request_error"
UNAUTHORIZED = "authentication_error"
BUSY = "rate_limit_error"
SERVER = "server_error"


@dataclass(frozen=True)
class Answer:
    """A whole response. `code` is the error's, "" for none: metrics count by it."""

    status: int
    body: bytes
    headers: Headers = ()
    content_type: bytes = JSON
    code: str = ""


class Refused(LLMStackError):
    """This request is answered by the gateway itself, with `answer`."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.code)
        self.answer = answer


def ok(value: Any) -> Answer:
    """An answer of ours that is no error."""
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
    """An error; with `retry_after`, in seconds, clients come again by themselves."""
    headers: Headers = ((b"Retry-After", b"%d" % retry_after),) if retry_after else ()
    return Answer(status, orjson.dumps(_shape(message, kind, param, code)), headers, code=code)


def bad_request(message: str, param: str | None = None, code: str = "invalid_request") -> Answer:
    """400: what the client wrote cannot work."""
    return error(400, message, code=code, param=param)


def unauthorized(*, no_keys: bool = False) -> Answer:
    """401: no key, or none that is known. `no_keys`: there are none that could be."""
    message = (
        "This gateway needs an API key: send it as 'Authorization: Bearer KEY', 'X-Api-Key: KEY' "
        "or 'Api-Key: KEY'."
    )
    if no_keys:
        message = (
            "This gateway has no API keys configured and rejects all requests. Its administrator "
            "must add a key (`llmstack key TENANT` creates one) to its Secret or file of keys."
        )
    code = "no_keys_configured" if no_keys else "invalid_api_key"
    answer = error(401, message, kind=UNAUTHORIZED, code=code)
    return Answer(401, answer.body, ((b"WWW-Authenticate", b"Bearer"),), code=answer.code)


def not_serving(why: str) -> Answer:
    """503: the gateway takes no new clients, as when it stops or has not begun."""
    message = f"The gateway is not serving: {why}."
    return error(503, message, kind=SERVER, code="not_serving", retry_after=1)


def unknown_path(method: str, known: Iterable[str]) -> Answer:
    """404: nothing is forwarded there. The path is not repeated: a key may be in it."""
    message = (
        f"Unknown path for {method}. This gateway serves GET /v1/models and POST to "
        f"{', '.join(known)}."
    )
    return error(404, message, code="unknown_url")


def unserved(path: str, instead: str) -> Answer:
    """501: an endpoint that OpenAI has and this gateway has not; `instead` says what to do."""
    return error(501, f"{path} is not served: {instead}.", code="not_implemented")


def unknown_coding() -> Answer:
    """415: the body is compressed in a way that is not read. The client learns which are."""
    message = (
        "Unsupported Content-Encoding: send the body uncompressed, or compressed with gzip or "
        "deflate."
    )
    answer = error(415, message, code="unsupported_encoding")
    return replace(answer, headers=((b"Accept-Encoding", b"gzip, deflate"),))


def no_form() -> Answer:
    """415: this path takes a form, and the body is none, or is compressed."""
    message = (
        "This path requires a form with a file: send Content-Type: multipart/form-data with a "
        "boundary, and no Content-Encoding."
    )
    return error(415, message, code="unsupported_media_type")


def unknown_model(name: str) -> Answer:
    """404: no deployment has this name."""
    message = f"The model '{name[:200]}' does not exist. GET /v1/models lists all models."
    return error(404, message, code="model_not_found", param="model")


def wrong_mode(model: str, mode: str, known: Iterable[str]) -> Answer:
    """400: the model computes something else."""
    message = (
        f"The model '{model}' runs in mode {mode} (spec.engine.mode), which only serves "
        f"{', '.join(known)}."
    )
    return bad_request(message, "model", "wrong_mode")


def no_replica_left(model: str, tried: int, why: str) -> Answer:
    """502: all replicas that were tried failed before their first byte."""
    message = (
        f"{tried} replica(s) of '{model}' failed before responding (last: {why}). Retry; if it "
        "keeps failing, check the logs of the pods."
    )
    return error(502, message, kind=SERVER, code="replica_failed", retry_after=1)


def no_answer(model: str, why: str) -> Answer:
    """504: a replica is through with the request and says nothing; the words come after "It"."""
    message = (
        f"A replica of '{model}' {why}. Retry; if it keeps failing, change the request and report "
        "a bug: llama-server should have responded."
    )
    return error(504, message, kind=SERVER, code="no_answer")


def replica_died(model: str, again: bool) -> Answer:
    """502: the replica died under this request alone, or a second one did."""
    what = (
        f"A second replica of '{model}' died while processing this request"
        if again
        else f"The replica of '{model}' died while processing only this request"
    )
    message = f"{what}, so the gateway does not retry it. Change it before you send it again."
    return _died(502, message)


def deadly(model: str) -> Answer:
    """400: replicas died under this very body twice."""
    message = (
        f"Two replicas of '{model}' died while processing this request, so it is rejected for one "
        "hour. Change it before you send it again."
    )
    return _died(400, message)


def _died(status: int, message: str) -> Answer:
    """Official clients repeat an error of a server unless they are told not to."""
    kind = INVALID if status < 500 else SERVER
    answer = error(status, message, kind=kind, code="replica_died")
    return replace(answer, headers=((b"X-Should-Retry", b"false"),))


def slowed(model: str, seconds: float) -> Answer:
    """429: the tenant's requests have ended replicas."""
    after = whole_seconds(seconds)
    message = (
        f"Replicas of '{model}' died while processing your requests, so your requests are now "
        f"processed one at a time. Retry in {after} s."
    )
    return error(429, message, kind=BUSY, code="slowed", retry_after=after)


def no_merged(what: str) -> Answer:
    """502: the answer to a part of an array cannot be used; the words come after "A replica"."""
    message = f"A replica {what}. Retry the request."
    return error(502, message, kind=SERVER, code="replica_failed")


def no_events(what: str) -> Answer:
    """502: a replica was to stream; the words come after "The replica"."""
    message = f"The replica {what}. Retry the request."
    return error(502, message, kind=SERVER, code="replica_failed")


def of_replica(status: int, body: bytes) -> Answer:
    """A replica's own error, in our shape: it is no fault of ours, and has no code here."""
    error = read_error(status, body)
    shape = _shape(error.message, error.type, error.param, error.code)
    return Answer(error.status, orjson.dumps(shape))


def answered_with(status: int, body: bytes) -> Answer:
    """An answer of a replica's that is in our shape already."""
    return Answer(status, body)


def cannot_start(model: str, why: str) -> Answer:
    """503: no replica comes up until somebody acts, so that waiting or repeating is of no use."""
    message = f"'{model}' has no replica and cannot start one: {why}"
    answer = error(503, message, kind=SERVER, code="cannot_start")
    return replace(answer, headers=((b"X-Should-Retry", b"false"),))


def of(refusal: Refusal, model: str, obstacle: str = "") -> Answer:
    """The answer for what the queue decided; the table of the contract.

    `obstacle` is why no replica can start, if none can.
    """
    seconds, limit = max(1, refusal.retry_after), f"{refusal.limit:g}"
    match refusal.reason:
        case Reason.QUEUE_FULL:
            message = (
                f"The queue of '{model}' is full: at most {limit} requests may wait (spec.queue."
                f"maxRequests). Retry in {seconds} s."
            )
            return error(429, message, kind=BUSY, code="queue_full", retry_after=seconds)
        case Reason.SLOT_TIMEOUT:
            message = f"All slots of '{model}' were busy for {limit} s (spec.queue.timeoutSeconds)."
            return error(504, message, kind=SERVER, code="slot_timeout")
        case Reason.NO_REPLICA:
            message = (
                f"No replica of '{model}' was ready within {limit} s (spec.queue."
                "coldStartTimeoutSeconds). See the conditions of the LLMDeployment."
            )
            return error(503, message, kind=SERVER, code="no_replica", retry_after=seconds)
        case Reason.CANNOT_START:
            return cannot_start(model, obstacle or "see the conditions of the LLMDeployment")
        case Reason.TOO_MANY_SLOTS:
            message = (
                f"This request needs more slots than a replica of '{model}' has ({limit}): lower n."
            )
            return bad_request(message, "n", "too_many_slots")
        case Reason.MODEL_GONE:
            return unknown_model(model)


def sse_answer(answer: Answer) -> bytes:
    """An event that ends a stream with this error, whose status can no longer be told.

    OpenAI's clients look for `error` in the data, and those of the Responses API for what is in the
    error beside its type: it has both. Anthropic's read the event as they do the body.
    """
    said = orjson.loads(answer.body)
    if "type" not in said:
        error: Mapping[str, Any] = said["error"]
        beside = {name: error[name] for name in ("message", "param", "code")}
        said = {"type": "error", **beside, "error": error}
    return b"event: error\ndata: " + orjson.dumps(said) + b"\n\n"


def whole_seconds(seconds: float) -> int:
    """Retry-After knows whole seconds only; at least one."""
    return max(1, math.ceil(seconds))


def _shape(message: str, kind: str, param: str | None, code: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}
