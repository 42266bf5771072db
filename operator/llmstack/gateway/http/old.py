"""How does a response reach a client of HTTP/1.0, which does not know chunks?

What is written for HTTP/1.1 passes without its chunk framing; closing the connection ends it.
"""

from llmstack.gateway.http.framing import unchunk
from llmstack.gateway.http.head import END

_CHUNKED = b"transfer-encoding: chunked\r\n"


class Unchunked:
    """Converts one response: first its whole head, then whole chunks or a plain body."""

    __slots__ = ("_begun", "_chunked")

    def __init__(self) -> None:
        self._begun = False
        self._chunked = False

    def __call__(self, data: bytes) -> bytes:
        """Returns the bytes to send instead of these."""
        if self._begun:
            return unchunk(data) if self._chunked else data
        self._begun = True
        end = data.index(END) + len(END)
        head, body = data[:end], data[end:]
        self._chunked = _CHUNKED in head
        if not self._chunked:
            return data
        return head.replace(_CHUNKED, b"", 1) + unchunk(body)
