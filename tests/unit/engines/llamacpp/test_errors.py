"""What does an error of a server mean to a client?"""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmstack.engines.llamacpp.errors import ServerError, read_error


def llama(code: int, kind: str, message: str) -> bytes:
    """As llama-server writes it."""
    return json.dumps({"error": {"code": code, "message": message, "type": kind}}).encode()


LARGE = "input (600 tokens) is too large to process. increase the physical batch size"
ERRORS = [
    (
        "llama-server's own refusal",
        (400, llama(400, "invalid_request_error", "no")),
        (400, "no", "invalid_request_error", "invalid_request"),
    ),
    (
        "a context that is too short",
        (400, llama(400, "exceed_context_size_error", "9 tokens")),
        (400, "9 tokens", "exceed_context_size_error", "context_length_exceeded"),
    ),
    (
        "an input that is too large is no fault of the server",
        (500, llama(500, "server_error", LARGE)),
        (400, LARGE, "invalid_request_error", "input_too_large"),
    ),
    (
        "a field of a wrong type is none either",
        (500, llama(500, "server_error", "[json.exception.type_error.302] type must be string")),
        (
            400,
            "[json.exception.type_error.302] type must be string",
            "invalid_request_error",
            "invalid_request",
        ),
    ),
    (
        "nor are messages that a template refuses",
        (500, llama(500, "server_error", "Jinja Exception: roles must alternate")),
        (400, "Jinja Exception: roles must alternate", "invalid_request_error", "invalid_request"),
    ),
    (
        "nor are tools, messages and arguments that it cannot read",
        (500, llama(500, "server_error", "Failed to parse tools: Missing tool type: {}")),
        (
            400,
            "Failed to parse tools: Missing tool type: {}",
            "invalid_request_error",
            "invalid_request",
        ),
    ),
    (
        "nor is an image for a model that sees none",
        (500, llama(500, "server_error", "image input is not supported - hint: mmproj")),
        (
            400,
            "This model takes no such input: image input is not supported - hint: mmproj",
            "invalid_request_error",
            "media_not_supported",
        ),
    ),
    (
        "nor is an image that is none",
        (500, llama(500, "server_error", "Failed to load image or audio file")),
        (400, "Failed to load image or audio file", "invalid_request_error", "invalid_media"),
    ),
    (
        "nor is a token that the model does not have",
        (500, llama(500, "server_error", "vector::_M_range_check: __n (which is 9)")),
        (
            400,
            "A token number is outside of the model's vocabulary"
            " (vector::_M_range_check: __n (which is 9)).",
            "invalid_request_error",
            "token_out_of_range",
        ),
    ),
    (
        "what the model wrote and the server cannot read is not the client's fault",
        (500, llama(500, "server_error", "The model produced output that does not match")),
        (
            500,
            "The model produced output that does not match",
            "server_error",
            "replica_error",
        ),
    ),
    (
        "a client's fault under a server's status",
        (500, llama(400, "invalid_request_error", "no")),
        (400, "no", "invalid_request_error", "invalid_request"),
    ),
    (
        "what it does not support",
        (501, llama(501, "not_supported_error", "start it with --embeddings")),
        (501, "start it with --embeddings", "not_supported_error", "not_supported"),
    ),
    (
        "an error of its own",
        (500, llama(500, "server_error", "got exception: x")),
        (500, "got exception: x", "server_error", "replica_error"),
    ),
    (
        "an empty 400",
        (400, b""),
        (
            400,
            "The replica answered with 400 and no reason.",
            "invalid_request_error",
            "invalid_request",
        ),
    ),
    (
        "an empty 413",
        (413, b""),
        (
            413,
            "The replica answered with 413 and no reason.",
            "invalid_request_error",
            "invalid_request",
        ),
    ),
    (
        "an empty 500",
        (500, b""),
        (500, "The replica answered with 500 and no reason.", "server_error", "replica_error"),
    ),
    (
        "plain text, as of an exception in its HTTP library",
        (500, b"std::bad_alloc"),
        (500, "std::bad_alloc", "server_error", "replica_error"),
    ),
    (
        "a page",
        (404, b"<html>secret</html>"),
        (404, "The replica answered with 404 and no reason.", "not_found_error", "not_found"),
    ),
    (
        "an error that is a string",
        (429, b'{"error": "slow down"}'),
        (429, "slow down", "rate_limit_error", "rate_limited"),
    ),
    (
        "OpenAI's own shape",
        (400, b'{"error": {"message": "m", "type": "t", "param": "n", "code": "c"}}'),
        (400, "m", "t", "c"),
    ),
    (
        "a fault of the hop between gateway and replica",
        (431, b""),
        (502, "The replica answered with 431 and no reason.", "server_error", "replica_error"),
    ),
    (
        "a proxy that wants a password",
        (407, b'{"error": {"message": "log in"}}'),
        (502, "The replica answered with 407: log in.", "server_error", "replica_error"),
    ),
    (
        "members of wrong types",
        (400, b'{"error": {"message": {"a": 1}, "type": 7, "code": [], "param": {}}}'),
        (
            400,
            "The replica answered with 400 and no reason.",
            "invalid_request_error",
            "invalid_request",
        ),
    ),
    (
        "half a pair of surrogates",
        (400, b'{"error": {"message": "\\ud800", "type": "t"}}'),
        (400, "?", "t", "replica_error"),
    ),
    (
        "control characters",
        (400, llama(400, "invalid_request_error", "a\r\nb\x1b[2Jc")),
        (400, "a b [2Jc", "invalid_request_error", "invalid_request"),
    ),
]


@pytest.mark.parametrize(("sentence", "sent", "means"), ERRORS, ids=[row[0] for row in ERRORS])
def test_what_it_means(
    sentence: str, sent: tuple[int, bytes], means: tuple[int, str, str, str]
) -> None:
    assert read_error(*sent)[:4] == means


def test_the_field_that_is_off_is_named() -> None:
    body = b'{"error": {"message": "m", "type": "t", "param": "n", "code": "c"}}'
    assert read_error(400, body) == ServerError(400, "m", "t", "c", "n")


@given(st.integers(400, 599), st.binary(max_size=200) | st.text().map(lambda s: s.encode()))
def test_any_bytes_are_some_error(status: int, body: bytes) -> None:
    error = read_error(status, body)
    assert 400 <= error.status <= 599
    assert error.message.encode()
    assert not any(unicodedata.category(each) == "Cc" for each in error.message)
    assert error.code


@pytest.mark.parametrize("body", [b"[" * 60_000, b'{"error":' * 7_000, b"\xff" * 60_000])
def test_what_nobody_writes_is_still_an_error(body: bytes) -> None:
    assert read_error(500, body).status == 500


def test_a_message_is_bounded() -> None:
    assert len(read_error(400, llama(400, "t", "x" * 60_000)).message) == 2000
