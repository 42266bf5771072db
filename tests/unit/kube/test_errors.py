"""Which error is in an answer of the API server?"""

import json

from llmstack.kube.errors import from_answer


def test_a_status_object_speaks_for_itself() -> None:
    body = {"kind": "Status", "reason": "Conflict", "message": "changed", "code": 409}
    error = from_answer(409, json.dumps(body))
    assert (error.status, error.reason, error.message) == (409, "Conflict", "changed")
    assert error.conflict and not error.not_found and not error.refused


def test_anything_else_is_quoted() -> None:
    error = from_answer(502, "<html>bad gateway</html>")
    assert (error.reason, error.message) == ("HTTP502", "<html>bad gateway</html>")


def test_an_empty_answer() -> None:
    assert from_answer(404, "").message == "no message"


def test_what_will_be_refused_again() -> None:
    again = {status: from_answer(status, "").refused for status in (403, 422, 409, 429, 500, 503)}
    assert again == {403: True, 422: True, 409: False, 429: False, 500: False, 503: False}
