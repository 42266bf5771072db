"""What does the gateway itself answer?"""

import orjson
import pytest

from llmstack.gateway import refusals
from llmstack.gateway.http import answer as answers
from llmstack.gateway.http.answer import Answer
from llmstack.routing.messages import Reason, Refusal


@pytest.mark.parametrize(
    ("reason", "status", "code", "retry_after"),
    [
        (Reason.QUEUE_FULL, 429, "queue_full", b"7"),
        (Reason.NO_REPLICA, 503, "no_replica", b"7"),
        (Reason.CANNOT_START, 503, "cannot_start", None),
        (Reason.SLOT_TIMEOUT, 504, "slot_timeout", None),
        (Reason.TOO_MANY_SLOTS, 400, "too_many_slots", None),
        (Reason.MODEL_GONE, 404, "model_not_found", None),
    ],
)
def test_the_contract_of_the_queue(reason, status, code, retry_after):
    answer = refusals.of(Refusal(1, reason, retry_after=7, limit=60), "team-a/qwen")
    error = orjson.loads(answer.body)["error"]
    assert (answer.status, error["code"]) == (status, code)
    assert dict(answer.headers).get(b"Retry-After") == retry_after
    assert "team-a/qwen" in error["message"]
    assert set(error) == {"message", "type", "param", "code"}


def test_every_reason_has_an_answer():
    for reason in Reason:
        assert refusals.of(Refusal(1, reason), "qwen").status >= 400


def test_why_none_can_start_is_repeated_and_retrying_is_advised_against():
    answer = refusals.of(Refusal(1, Reason.CANNOT_START), "qwen", "SourceNotFound: no such file")
    assert "SourceNotFound: no such file" in orjson.loads(answer.body)["error"]["message"]
    assert dict(answer.headers) == {b"X-Should-Retry": b"false"}


def test_retry_after_is_never_zero():
    answer = refusals.of(Refusal(1, Reason.QUEUE_FULL, retry_after=0), "qwen")
    assert dict(answer.headers)[b"Retry-After"] == b"1"


def test_retry_after_of_a_slowed_tenant_is_in_whole_seconds():
    for after, told in ((0, b"1"), (0.2, b"1"), (1, b"1"), (1.2, b"2")):
        assert dict(refusals.slowed("qwen", after).headers)[b"Retry-After"] == told


def test_limits_are_named():
    text = refusals.of(Refusal(1, Reason.TOO_MANY_SLOTS, limit=4), "qwen").body
    assert b"(4)" in text
    assert b"1000 requests" in refusals.of(Refusal(1, Reason.QUEUE_FULL, limit=1000), "qwen").body


def test_both_kinds_of_clients_see_the_error_in_a_stream():
    event = answers.sse_answer(answers.no_events("is gone"))
    name, data, *rest = event.split(b"\n")
    assert name == b"event: error"
    value = orjson.loads(data.removeprefix(b"data: "))
    assert value["type"] == "error"
    assert value["error"]["message"] == "The replica is gone. Retry the request."
    assert rest == [b"", b""]


EVENTS = [
    ("ours", refusals.unknown_model("x"), "model_not_found"),
    (
        "a replica's",
        answers.of_replica(400, b'{"error": {"code": 400, "message": "m"}}'),
        "invalid_request",
    ),
    ("no JSON", answers.of_replica(500, b"<h1>oops \xff"), "replica_error"),
    ("none at all", answers.of_replica(500, b""), "replica_error"),
]


@pytest.mark.parametrize(("sentence", "answer", "code"), EVENTS, ids=[row[0] for row in EVENTS])
def test_an_answer_is_told_as_an_event(sentence: str, answer: Answer, code: str):
    name, data, *rest = answers.sse_answer(answer).split(b"\n")
    value = orjson.loads(data.removeprefix(b"data: "))
    assert (name, rest) == (b"event: error", [b"", b""])
    assert (value["type"], value["error"]["code"], value["code"]) == ("error", code, code)
    assert value["message"] == value["error"]["message"]
    assert set(value["error"]) == {"message", "type", "param", "code"}


def test_a_401_says_how_to_send_a_key():
    answer = refusals.unauthorized()
    assert answer.status == 401
    assert (b"WWW-Authenticate", b"Bearer") in answer.headers
    assert b"Authorization: Bearer" in answer.body


def test_a_401_says_where_no_key_can_be_right():
    error = orjson.loads(refusals.unauthorized(no_keys=True).body)["error"]
    assert error["message"].startswith("This gateway has no API keys configured")
    assert error["code"] == "no_keys_configured"
