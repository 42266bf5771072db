"""How long may the head of an answer take?

Timeouts of a socket are for each read: a server that sends a byte of its head now and then never
meets one. Here a watch over the whole head shuts the connection down.
"""

import socket
import threading
from typing import Any

from urllib3 import HTTPConnectionPool, HTTPResponse, HTTPSConnectionPool
from urllib3.connection import HTTPConnection, HTTPSConnection


def pool_classes(seconds: float) -> dict[str, type[HTTPConnectionPool]]:
    """By scheme: pools whose connections raise TimeoutError when a head takes longer."""

    class Plain(HTTPConnection):
        def getresponse(self) -> HTTPResponse:  # type: ignore[override]
            with _Watch(self.sock, seconds):
                return super().getresponse()

    class Secure(HTTPSConnection):
        def getresponse(self) -> HTTPResponse:  # type: ignore[override]
            with _Watch(self.sock, seconds):
                return super().getresponse()

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


class _Watch:
    """Shuts a socket down after so many seconds, unless it is left before."""

    def __init__(self, sock: Any, seconds: float) -> None:
        self._sock = sock
        self._over = False
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        if self._over:
            raise TimeoutError("the head of the answer took too long")

    def _end(self) -> None:
        self._over = True
        try:
            # The plain socket's: that of TLS would first take away what the reader is using.
            socket.socket.shutdown(self._sock, socket.SHUT_RDWR)
        except OSError:
            return
