"""What has a client sent so far? A head, then a body, then what came ahead of its turn.

feed ─> head ─> body ─> rest ──next()──> head ─> …
"""

import re
from collections.abc import Callable

from llmstack.gateway.http.body import Body
from llmstack.gateway.http.compressed import CODINGS, Compressed
from llmstack.gateway.http.form_body import FormBody
from llmstack.gateway.http.framing import Chunked, Framing, Garbage, Length
from llmstack.gateway.http.head import END, Malformed, RequestHead
from llmstack.gateway.http.parse import parse_request
from llmstack.settings.limits import Limits

_BEGINNING = re.compile(rb"[A-Z][A-Z-]{0,31}(?: |\Z)|\r\Z")
_BARE_LF = re.compile(rb"(?<!\r)\n")
_CRLF = b"\r\n"


def _no_form(_path: str) -> bool:
    return False


class RequestReader:
    """The requests of one connection, one after the other.

    head   of the current request; None until it has wholly come
    body   what has come of its body
    """

    __slots__ = ("_buffer", "_framing", "_limits", "_rest", "_takes_form", "body", "head")

    def __init__(self, limits: Limits, takes_form: Callable[[str], bool] = _no_form) -> None:
        self._limits = limits
        self._takes_form = takes_form
        self._buffer = bytearray()
        self._rest = b""
        self._reset()

    def _reset(self) -> None:
        self.head: RequestHead | None = None
        self.body = Body()
        self._framing: Framing | None = None

    @property
    def begun(self) -> bool:
        """True if part of a request has come."""
        return self.head is not None or bool(self._buffer)

    @property
    def complete(self) -> bool:
        """True if the whole request has come."""
        return self.body.whole

    @property
    def held(self) -> int:
        """Approximate bytes of memory that everything here takes."""
        return self.body.held + len(self._rest) + len(self._buffer)

    @property
    def ahead(self) -> int:
        """Bytes that came before their turn."""
        return len(self._rest)

    def feed(self, data: bytes) -> None:
        """Takes bytes that came. Raises Malformed, after which nothing more may be fed."""
        if self.body.whole:
            self._rest += data
            return
        if self.head is None:
            rest = self._take_head(data)
            if rest is None:
                return
            data = rest
        self._take_body(data)

    def next(self) -> None:
        """Goes on to the next request, which may have come already. Raises Malformed."""
        rest, self._rest = self._rest, b""
        self._reset()
        if rest:
            self.feed(rest)

    def discard(self) -> None:
        """Drops what came ahead."""
        self._rest = b""

    def _take_head(self, data: bytes) -> bytes | None:
        """Sets `head` once it is whole, and returns what follows it; None before that."""
        seen = max(0, len(self._buffer) - len(END) + 1)
        if self._buffer:
            self._buffer += data
            data = bytes(self._buffer) if END in self._buffer[seen:] else b""
        begin = 0
        while data.startswith(_CRLF, begin):  # Empty lines may precede a request.
            begin += 2
        end = data.find(END, begin)
        if end < 0:
            self._keep_unfinished(data[begin:], seen)
            return None
        if end + len(END) - begin > self._limits.head:
            raise _head_too_large(self._limits)
        self._buffer.clear()
        # Set even if the request is refused for it: the refusal has the shape of its path.
        self.head = parse_request(data[begin : end + len(END)])
        self._check(self.head)
        return data[end + len(END) :]

    def _keep_unfinished(self, data: bytes, seen: int) -> None:
        """Keeps part of a head. Raises Malformed if it cannot become a head."""
        buffer = self._buffer
        buffer += data
        while buffer.startswith(_CRLF):
            del buffer[:2]
        if len(buffer) > self._limits.head:
            raise _head_too_large(self._limits)
        if buffer and not _BEGINNING.match(buffer):
            raise Malformed(400, "This is no HTTP/1.1 request. TLS ends in front of the gateway.")
        if _BARE_LF.search(buffer, seen):
            raise Malformed(400, "Lines of a head end with CR LF.")

    def _check(self, head: RequestHead) -> None:
        length = head.length
        if length is not None and length > self._limits.body:
            raise _body_too_large(self._limits)
        self._framing = Chunked(hold=0) if length is None else Length(length)
        if head.coding in CODINGS:
            self.body = Compressed(head.coding, self._limits.body)
        elif head.boundary is not None and self._takes_form(head.path):
            self.body = FormBody(head.boundary)

    def _take_body(self, data: bytes) -> None:
        framing = self._framing
        assert framing is not None
        if not framing.done:
            if not data:
                return
            try:
                payload = framing.payload(framing.feed(data))
            except Garbage as error:
                raise Malformed(400, f"The chunked body is malformed: {error}.") from error
            self.body.add(payload)
            if self.body.size > self._limits.body:
                raise _body_too_large(self._limits)
            data = framing.rest
        if framing.done:
            self.body.whole = True
            self._rest = data


def _head_too_large(limits: Limits) -> Malformed:
    return Malformed(431, f"The head exceeds {limits.head} bytes.", "head_too_large")


def _body_too_large(limits: Limits) -> Malformed:
    return Malformed(413, f"The body exceeds {limits.body} bytes.", "body_too_large")
