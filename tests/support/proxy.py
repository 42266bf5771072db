"""A proxy that refuses: every request, tunnels too, gets the same status.

with RefusingProxy(407) as proxy:
    fetch(source, HTTPS_PROXY=proxy.url)
"""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def log_message(self, *_: object) -> None:
        """Quiet: requests are kept in RefusingProxy.seen."""

    def do_GET(self) -> None:
        self.server.seen.append(self.path)
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_CONNECT(self) -> None:
        self.do_GET()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, status: int, seen: list[str]) -> None:
        self.status, self.seen = status, seen
        super().__init__(("127.0.0.1", 0), _Handler)


class RefusingProxy:
    """On loopback; `seen` are the addresses that were asked of it."""

    def __init__(self, status: int) -> None:
        self.seen: list[str] = []
        self._server = _Server(status, self.seen)

    @property
    def place(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=[0.05], daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
