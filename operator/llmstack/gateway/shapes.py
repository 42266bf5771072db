"""In which shape does a client read an error?

    OpenAI's, and so everywhere else    {"error": {"message", "type", "param", "code"}}
    Anthropic's, on its own paths       {"type": "error", "error": {"type", "message"}}

The status stays the same: both kinds of clients choose their exception by it, and whether they try
again.
"""

from dataclasses import replace
from typing import Any

import orjson

from llmstack.gateway.refusals import Answer

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
"""Below 500, and from there on."""


def shaped(path: str, answer: Answer) -> Answer:
    """The answer as clients of this path read it: an error may take another shape."""
    if answer.status < 400 or path not in ANTHROPIC:
        return answer
    said: dict[str, Any] = orjson.loads(answer.body)
    if said.get("type") == "error":
        return answer
    kind = _TYPES.get(answer.status, _OTHERS[answer.status >= 500])
    error = {"type": kind, "message": said["error"]["message"]}
    return replace(answer, body=orjson.dumps({"type": "error", "error": error}))
