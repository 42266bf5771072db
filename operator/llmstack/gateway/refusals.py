"""What does the gateway itself answer, and in which words?

Every error has OpenAI's format, {"error": {"message", "type", "param", "code"}}: official clients
turn it into their own exceptions, and retry if there is a Retry-After. Clients that expect another
format get that (shapes.py).
"""

import math
from collections.abc import Iterable
from dataclasses import replace

from llmstack.errors import LLMStackError
from llmstack.gateway.http.answer import BUSY, INVALID, SERVER, UNAUTHORIZED, Answer, error
from llmstack.routing.messages import Reason, Refusal


class Refused(LLMStackError):
    """Raised for a request that the gateway answers itself, with `answer`."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.code)
        self.answer = answer


def bad_request(message: str, param: str | None = None, code: str = "invalid_request") -> Answer:
    """400: the request is invalid."""
    return error(400, message, code=code, param=param)


def unauthorized(*, no_keys: bool = False) -> Answer:
    """401: the key is missing or unknown. `no_keys`: no keys are configured at all."""
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
    """503: the gateway accepts no new clients, because it is stopping or has not started."""
    message = f"The gateway is not serving: {why}."
    return error(503, message, kind=SERVER, code="not_serving", retry_after=1)


def unknown_path(method: str, known: Iterable[str]) -> Answer:
    """404: the path is not served. It is not repeated, because it may contain a key."""
    message = (
        f"Unknown path for {method}. This gateway serves GET /v1/models and POST to "
        f"{', '.join(known)}."
    )
    return error(404, message, code="unknown_url")


def unserved(path: str, instead: str) -> Answer:
    """501: an endpoint of OpenAI's that this gateway does not have. `instead`: what to do."""
    return error(501, f"{path} is not served: {instead}.", code="not_implemented")


def unknown_coding() -> Answer:
    """415: the body is compressed in an unsupported way. The answer names the supported ones."""
    message = (
        "Unsupported Content-Encoding: send the body uncompressed, or compressed with gzip or "
        "deflate."
    )
    answer = error(415, message, code="unsupported_encoding")
    return replace(answer, headers=((b"Accept-Encoding", b"gzip, deflate"),))


def no_form() -> Answer:
    """415: this path takes a form, but the body is not one, or is compressed."""
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
    """400: the model does not serve this path."""
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
    """504: a replica dropped the request without a response; `why` follows "A replica of …"."""
    message = (
        f"A replica of '{model}' {why}. Retry; if it keeps failing, change the request and report "
        "a bug: llama-server should have responded."
    )
    return error(504, message, kind=SERVER, code="no_answer")


def replica_died(model: str, again: bool) -> Answer:
    """502: a replica died under this request alone, or a second one did (`again`)."""
    what = (
        f"A second replica of '{model}' died while processing this request"
        if again
        else f"The replica of '{model}' died while processing only this request"
    )
    message = f"{what}, so the gateway does not retry it. Change it before you send it again."
    return _died(502, message)


def deadly(model: str) -> Answer:
    """400: replicas died twice under this very body."""
    message = (
        f"Two replicas of '{model}' died while processing this request, so it is rejected for one "
        "hour. Change it before you send it again."
    )
    return _died(400, message)


def _died(status: int, message: str) -> Answer:
    """Returns an error that tells official clients not to retry, which they would do on a 5xx."""
    kind = INVALID if status < 500 else SERVER
    answer = error(status, message, kind=kind, code="replica_died")
    return replace(answer, headers=((b"X-Should-Retry", b"false"),))


def slowed(model: str, seconds: float) -> Answer:
    """429: the tenant's requests have killed replicas."""
    after = _whole_seconds(seconds)
    message = (
        f"Replicas of '{model}' died while processing your requests, so your requests are now "
        f"processed one at a time. Retry in {after} s."
    )
    return error(429, message, kind=BUSY, code="slowed", retry_after=after)


def no_merged(what: str) -> Answer:
    """502: the response to a part of an array cannot be used. `what` follows "A replica"."""
    message = f"A replica {what}. Retry the request."
    return error(502, message, kind=SERVER, code="replica_failed")


def cannot_start(model: str, why: str) -> Answer:
    """503: no replica can start until somebody acts, so waiting and retrying are useless."""
    message = f"'{model}' has no replica and cannot start one: {why}"
    answer = error(503, message, kind=SERVER, code="cannot_start")
    return replace(answer, headers=((b"X-Should-Retry", b"false"),))


def of(refusal: Refusal, model: str, obstacle: str = "") -> Answer:
    """Returns the answer for a refusal of the queue, as the contract's table says.

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


def _whole_seconds(seconds: float) -> int:
    """Returns the value for Retry-After, which takes whole seconds; at least one."""
    return max(1, math.ceil(seconds))
