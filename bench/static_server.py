"""A web server that is as fast as loopback: sendfile, ranges, many connections.

    python -m bench.static_server FOLDER [BYTES_PER_SECOND_PER_CONNECTION]

Prints its port. With a rate, each connection is throttled to it, as some hubs do.
"""

import os
import re
import socket
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import BinaryIO

_RANGE = re.compile(r"^bytes=(\d+)-(\d*)$")
_PIECE = 2**16


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    folder = Path()
    rate = 0.0

    def handle_error(self, *_: object) -> None:
        """A client that has enough is no news."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:
        """Quiet: it is measured."""

    def do_GET(self) -> None:
        with (self.server.folder / Path(self.path).name).open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            wanted = _RANGE.match(self.headers.get("Range", ""))
            start = int(wanted[1]) if wanted else 0
            end = min(int(wanted[2]) + 1, size) if wanted and wanted[2] else size
            self.send_response(206 if wanted else 200)
            if wanted:
                self.send_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
            self.send_header("ETag", f'"{size}"')
            self.send_header("Content-Length", str(end - start))
            self.end_headers()
            self.wfile.flush()
            self._send(file, start, end)

    def _send(self, file: BinaryIO, start: int, end: int) -> None:
        began, rate = time.monotonic(), self.server.rate
        if not rate:
            self.connection.sendfile(file, start, end - start)
            return
        for position in range(start, end, _PIECE):
            self.connection.sendfile(file, position, min(_PIECE, end - position))
            ahead = began + (position + _PIECE - start) / rate - time.monotonic()
            time.sleep(max(0.0, ahead))


def main() -> None:
    folder, *rate = sys.argv[1:]
    server = _Server(("127.0.0.1", 0), _Handler)
    server.folder, server.rate = Path(folder), float(rate[0]) if rate else 0.0
    server.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
