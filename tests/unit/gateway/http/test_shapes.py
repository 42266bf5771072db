"""In which shape does a client read an error?"""

from __future__ import annotations

import orjson
import pytest

from llmstack.gateway import refusals
from llmstack.gateway.http import answer as answers
from llmstack.gateway.http.answer import Answer
from llmstack.gateway.http.shapes import ANTHROPIC, shaped
from llmstack.routing.messages import Reason, Refusal

MESSAGES = "/v1/messages"


def refusal(reason: Reason) -> Answer:
    return refusals.of(Refusal(1, reason, retry_after=7, limit=60), "qwen")


SENTENCES = [
    ("a bad field", refusals.bad_request("m", "n"), 400, "invalid_request_error"),
    ("no key", refusals.unauthorized(), 401, "authentication_error"),
    ("no such model", refusals.unknown_model("m"), 404, "not_found_error"),
    (
        "a body that is too large",
        answers.error(413, "m", code="body_too_large"),
        413,
        "request_too_large",
    ),
    ("a coding", refusals.unknown_coding(), 415, "invalid_request_error"),
    ("a full queue", refusal(Reason.QUEUE_FULL), 429, "rate_limit_error"),
    ("our fault", answers.error(500, "m", code="internal"), 500, "api_error"),
    ("a dead replica", refusals.replica_died("m", again=False), 502, "api_error"),
    ("no replica", refusal(Reason.NO_REPLICA), 503, "overloaded_error"),
    ("no slot", refusal(Reason.SLOT_TIMEOUT), 504, "timeout_error"),
    ("overload", answers.error(529, "m", code="overloaded"), 529, "overloaded_error"),
    ("a replica's", answers.of_replica(400, b"too long"), 400, "invalid_request_error"),
    ("a replica's without a word", answers.of_replica(500, b""), 500, "api_error"),
]


@pytest.mark.parametrize("path", sorted(ANTHROPIC))
@pytest.mark.parametrize(
    ("answer", "status", "kind"), [row[1:] for row in SENTENCES], ids=[row[0] for row in SENTENCES]
)
def test_an_error_has_the_shape_of_anthropic_on_its_paths(
    path: str, answer: Answer, status: int, kind: str
) -> None:
    given = shaped(path, answer)
    message = orjson.loads(answer.body)["error"]["message"]
    error = {"type": kind, "message": message}
    assert orjson.loads(given.body) == {"type": "error", "error": error}
    assert (given.status, given.headers, given.code) == (status, answer.headers, answer.code)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "other", ""])
def test_elsewhere_it_stays_as_it_is(path: str) -> None:
    assert shaped(path, refusals.unauthorized()) == refusals.unauthorized()


def test_no_error_stays_as_it_is() -> None:
    assert shaped(MESSAGES, answers.ok({"input_tokens": 3})) == answers.ok({"input_tokens": 3})


def test_it_is_shaped_once() -> None:
    once = shaped(MESSAGES, refusals.unauthorized())
    assert shaped(MESSAGES, once) == once


def test_the_event_at_the_end_of_a_stream_is_what_the_body_would_be() -> None:
    answer = shaped(MESSAGES, answers.no_events("broke its answer off"))
    name, data, *rest = answers.sse_answer(answer).split(b"\n")
    assert (name, rest) == (b"event: error", [b"", b""])
    assert orjson.loads(data.removeprefix(b"data: ")) == orjson.loads(answer.body)
