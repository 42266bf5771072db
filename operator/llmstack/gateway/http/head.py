"""What does the head of a message say? parse.py makes these of bytes."""

import re
from dataclasses import dataclass
from functools import cached_property

from llmstack.errors import LLMStackError
from llmstack.scan.form import boundary_of

Fields = list[tuple[bytes, bytes]]
"""Header names, in lower case, and values, in the order in which they came."""

END = b"\r\n\r\n"
_ID = re.compile(rb"(?!sk-)[\x21-\x7e]{1,128}")
"""Excludes what begins like a key, because ids are logged."""


class Malformed(LLMStackError):
    """A request that cannot be served as it was sent. It is refused with `status`.

    `retry_after` is in seconds; 0 means no Retry-After.
    """

    def __init__(
        self, status: int, message: str, code: str = "malformed_request", retry_after: int = 0
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.status = status
        self.message = message
        self.code = code


@dataclass(frozen=True, eq=False)
class RequestHead:
    """The head of a request.

    `length` is None for a chunked body. `path` has no query. `expects` is True for `Expect:
    100-continue`. `old` is True for HTTP/1.0, whose responses have no chunks and end with the
    connection.
    """

    method: str
    path: str
    host: str
    fields: Fields
    by_name: dict[bytes, bytes]
    length: int | None
    keep_alive: bool
    expects: bool
    old: bool = False

    def get(self, name: bytes) -> str | None:
        """Returns a header's value, the last if repeated. `name` must be in lower case."""
        value = self.by_name.get(name)
        return None if value is None else value.decode("latin-1").strip(" \t")

    @cached_property
    def id(self) -> bytes:
        """X-Request-Id if it is fit for a log, else b""."""
        given = self.by_name.get(b"x-request-id", b"")
        return given if _ID.fullmatch(given) else b""

    @cached_property
    def credentials(self) -> tuple[str | None, str | None]:
        """The values of Authorization, and of x-api-key or api-key."""
        return self.get(b"authorization"), self.get(b"x-api-key") or self.get(b"api-key")

    @cached_property
    def coding(self) -> str:
        """The value of Content-Encoding in lower case; "" if the body is not encoded."""
        coding = (self.get(b"content-encoding") or "").lower()
        return "" if coding == "identity" else coding

    @cached_property
    def boundary(self) -> bytes | None:
        """The form boundary in Content-Type, or None if the body is not a form."""
        kind = self.by_name.get(b"content-type", b"")
        return boundary_of(kind.decode("latin-1")) if b"boundary" in kind.lower() else None


@dataclass(frozen=True, eq=False)
class ResponseHead:
    """The head of a response. `length` is None if it is chunked or ends with the connection."""

    status: int
    fields: Fields
    length: int | None
    until_close: bool
    keep_alive: bool
    events: bool

    @property
    def interim(self) -> bool:
        return self.status < 200

    @property
    def error(self) -> bool:
        return self.status >= 400


def connection_tokens(fields: Fields) -> frozenset[bytes]:
    """Returns the tokens of all Connection headers, in lower case."""
    words = b",".join(value for name, value in fields if name == b"connection").lower().split(b",")
    return frozenset(word.strip() for word in words)
