"""Is what a tool was called with, JSON inside of a string, too deep for llama-server?

For templates that want an object it parses the string, and then walks through it by recursion:
200,000 brackets end the process. The body's own depth says nothing about what is in a string.
"""

import orjson

from llmstack.engines.llamacpp.unfit import Unfit
from llmstack.scan.outline import Kind, Outline, Span

ARGUMENTS = "arguments"
"""A name that an outline must hold in `nested` for a judgement."""

_DEEPEST = 100
"""So many opening brackets in the text are no depth to look at."""
_LARGEST = 1024 * 1024
"""Bytes that are parsed to learn their depth; it takes some 10 ms."""


def check_arguments(body: bytes | bytearray, outline: Outline) -> None:
    """Raises Unfit."""
    for span in outline.nested:
        if span.name == ARGUMENTS and span.kind is Kind.STRING and not _is_shallow(body, span):
            raise Unfit(
                f"'{ARGUMENTS}' of a tool call must be JSON of at most {_LARGEST} bytes that does "
                "not nest deeply.",
                ARGUMENTS,
            )


def _is_shallow(body: bytes | bytearray, span: Span) -> bool:
    # Any escape may be a bracket.
    opened = sum(body.count(sign, span.start, span.end) for sign in (b"[", b"{", b"\\u"))
    if opened <= _DEEPEST:
        return True
    if span.end - span.start > _LARGEST:
        return False
    try:
        orjson.loads(orjson.loads(body[span.start : span.end]))  # It refuses to go below 1024.
    except orjson.JSONDecodeError:
        return False  # Another parser might take what this one does not.
    return True
