"""In which format does a client read an error?

    OpenAI's, everywhere but on Anthropic's    {"error": {"message", "type", "param", "code"}}
    Anthropic's, on its own paths              {"type": "error", "error": {"type", "message"}}

The status stays the same: both kinds of clients derive their exception from it, and whether to
retry.
"""

from dataclasses import replace
from typing import Any

import orjson

from llmstack.gateway.http.answer import Answer

ANTHROPIC = frozenset({"/v1/messages", "/v1/messages/count_tokens"})
_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_OTHERS = ("invalid_request_error", "api_error")
"""For statuses below 500, and for 500 and above."""


def shaped(path: str, answer: Answer) -> Answer:
    """Returns the answer in the format that clients of this path read; only errors differ."""
    if answer.status < 400 or path not in ANTHROPIC:
        return answer
    said: dict[str, Any] = orjson.loads(answer.body)
    if said.get("type") == "error":
        return answer
    kind = _TYPES.get(answer.status, _OTHERS[answer.status >= 500])
    error = {"type": kind, "message": said["error"]["message"]}
    return replace(answer, body=orjson.dumps({"type": "error", "error": error}))
