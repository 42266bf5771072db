"""How is it seen that the other side is gone without a word: a lost node, a forgotten connection?

While a request waits for a slot or a prefill nothing is sent that could fail, so the kernel probes.
"""

import socket

_IDLE_SECONDS = 30
_INTERVAL_SECONDS = 10
_PROBES = 3


def probe(sock: socket.socket) -> None:
    """A silent peer that answers no probe is gone within a minute. Accepted sockets inherit it."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", _IDLE_SECONDS),
        ("TCP_KEEPINTVL", _INTERVAL_SECONDS),
        ("TCP_KEEPCNT", _PROBES),
    ):
        if hasattr(socket, name):  # Linux has all; where one lacks, the system's own value holds.
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
