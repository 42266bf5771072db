"""How is it noticed that the other side has vanished (a lost node, a forgotten connection)?

While a request waits for a slot or a prefill, nothing is sent that could fail; so the kernel
probes.
"""

import socket

_IDLE_SECONDS = 30
_INTERVAL_SECONDS = 10
_PROBES = 3


def probe(sock: socket.socket) -> None:
    """Makes the kernel end a connection whose peer answers no probe, within about a minute.

    Accepted sockets inherit this from their listener.
    """
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_KEEPIDLE", _IDLE_SECONDS),
        ("TCP_KEEPINTVL", _INTERVAL_SECONDS),
        ("TCP_KEEPCNT", _PROBES),
    ):
        if hasattr(socket, name):  # Linux has all three; elsewhere the system's default applies.
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
