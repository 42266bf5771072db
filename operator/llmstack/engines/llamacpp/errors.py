"""What does an error of a server mean to a client?

llama-server answers {"error": {"code": 400, "message", "type"}}; its HTTP library answers with an
empty body, and with plain text where the server's own code threw. A server that is none of ours may
say anything. Bytes in, a few checked words out.
"""

import json
import re
from typing import Any, NamedTuple

INVALID = "invalid_request_error"
SERVER = "server_error"
_MOST_WORDS = 2000
"""Characters of a message; llama-server's are shorter."""
_WORD = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_NOT_PRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_PASSING = frozenset({400, 404, 409, 413, 415, 422, 429, 500, 501, 503})
"""Statuses that mean the same from the gateway. The rest is about the hop between the two."""
_STATUS = {
    INVALID: 400,
    "exceed_context_size_error": 400,
    "not_found_error": 404,
    "not_supported_error": 501,
    "unavailable_error": 503,
}
"""By llama-server's type, where the status is 500 all the same."""
_TYPE = {400: INVALID, 404: "not_found_error", 429: "rate_limit_error", 503: "unavailable_error"}
_CODE = {
    INVALID: "invalid_request",
    "exceed_context_size_error": "context_length_exceeded",
    "not_found_error": "not_found",
    "not_supported_error": "not_supported",
    "unavailable_error": "unavailable",
    "rate_limit_error": "rate_limited",
}
"""By type; `context_length_exceeded` is the code by which OpenAI's clients shorten a prompt."""
_CLIENTS = (
    (re.compile(r"too large to process"), "input_too_large"),
    (re.compile(r"\[json\.exception\."), "invalid_request"),
    (re.compile(r"Jinja Exception"), "invalid_request"),
    (re.compile(r"^Failed to parse (messages|tools|tool call arguments)"), "invalid_request"),
    (re.compile(r"input is not supported|not support multimodal"), "media_not_supported"),
    (re.compile(r"^Failed to (load|download) image|^Invalid base64"), "invalid_media"),
    (re.compile(r"^Cannot (use both|specify)|^Unsupported param|^Only no echo"), "invalid_request"),
    (re.compile(r"_M_range_check|_Map_base::at"), "token_out_of_range"),
)
"""What llama-server calls its own error (500) and is the request's: sent again, it fails again."""
_CLEARER = {
    "media_not_supported": "This model takes no such input: {}",
    "token_out_of_range": "A token number is outside of the model's vocabulary ({}).",
}
"""By our code, where the server's own words do not tell a client what to change."""


class ServerError(NamedTuple):
    """An error in OpenAI's terms."""

    status: int
    message: str
    type: str
    code: str
    param: str | None = None


def read_error(status: int, body: bytes) -> ServerError:
    """The error that an answer with this status, 400 to 599, and this body stands for."""
    said = _said(body)
    message = _text(said.get("message"))
    kind = _word(said.get("type")) or _TYPE.get(status, INVALID if status < 500 else SERVER)
    if status >= 500 and kind == SERVER:
        for words, code in _CLIENTS:
            if words.search(message):
                return ServerError(400, _CLEARER.get(code, "{}").format(message), INVALID, code)
    passing = _STATUS.get(kind, status) if status == 500 else status
    if passing not in _PASSING:
        return ServerError(502, _unexplained(status, message), SERVER, "replica_error")
    code = _word(said.get("code")) or _CODE.get(kind, "replica_error")
    param = _word(said.get("param")) or None
    return ServerError(passing, message or _unexplained(status), kind, code, param)


def _said(body: bytes) -> dict[str, Any]:
    """The members of the error, where the body tells any."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {"message": _plain(body)}
    if not isinstance(value, dict):
        return {}
    error = value.get("error", value.get("detail", value))
    return error if isinstance(error, dict) else {"message": error}


def _plain(body: bytes) -> str:
    """A body that is text; nothing of a page."""
    text = body.decode(errors="replace").strip()
    return "" if text.startswith(("<", "{", "[")) or "\ufffd" in text else text


def _text(value: object) -> str:
    if not isinstance(value, str):
        return ""
    valid = value[:_MOST_WORDS].encode(errors="replace").decode()  # JSON may escape half a pair.
    return _NOT_PRINTABLE.sub(" ", valid).strip()


def _word(value: object) -> str:
    return value if isinstance(value, str) and _WORD.fullmatch(value) else ""


def _unexplained(status: int, message: str = "") -> str:
    return f"The replica answered with {status}{': ' + message if message else ' and no reason'}."
