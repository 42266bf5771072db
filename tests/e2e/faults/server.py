"""A model source that misbehaves; runs in a pod, with nothing but the standard library.

/page.gguf        a web page under the name of a model
/private.gguf     401 without the token `right`
/forbidden.gguf   403 whatever is sent
/truncated.gguf   says it has 1 MiB and closes early, each time
/slow.gguf        4 GiB at 256 KiB/s a connection
anything else     404
"""

from __future__ import annotations

import struct
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

MIB = 1 << 20
PIECE = b"\0" * (256 * 1024)


def text(words: bytes) -> bytes:
    """A text of GGUF."""
    return struct.pack("<Q", len(words)) + words


def number(key: bytes, value: int) -> bytes:
    """A key with a number of 32 bits."""
    return text(key) + struct.pack("<II", 4, value)


# Version 3, a tensor of bytes that are all zero, and what makes a model of it: judged in time, so
# that what is slow is the download.
HEADER = b"".join(
    (
        b"GGUF" + struct.pack("<IQQ", 3, 1, 5),
        text(b"general.architecture") + struct.pack("<I", 8) + text(b"llama"),
        *(
            number(b"llama." + key, value)
            for key, value in (
                (b"block_count", 1),
                (b"context_length", 4096),
                (b"embedding_length", 64),
                (b"attention.head_count", 1),
            )
        ),
        text(b"token_embd.weight") + struct.pack("<IQQIQ", 2, 64, 1024, 0, 0),
    )
)


class Handler(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        match self.path:
            case "/page.gguf":
                self._body(b"this is a web page, not a model " * 1024)
            case "/private.gguf":
                allowed = self.headers.get("Authorization") == "Bearer right"
                self._body(b"no model either " * 1024) if allowed else self._refuse(401)
            case "/forbidden.gguf":
                self._refuse(403)
            case "/truncated.gguf":
                self._head(MIB)
                self.wfile.write(b"GGUF" + PIECE)
                self.close_connection = True
            case "/slow.gguf":
                self._head(4096 * MIB)
                self._trickle()
            case _:
                self._refuse(404)

    def _trickle(self) -> None:
        self.wfile.write(HEADER + PIECE[len(HEADER) :])
        for _ in range(4096 * 4 - 1):
            self.wfile.write(PIECE)
            time.sleep(1)

    def _body(self, body: bytes) -> None:
        self._head(len(body))
        self.wfile.write(body)

    def _head(self, length: int) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def _refuse(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()


if __name__ == "__main__":
    ThreadingHTTPServer(("", 8080), Handler).serve_forever()
