"""How does the host tell the node what to do? One request a connection over a unix socket.

A request is a JSON object `{"do": NAME, …}` with file descriptors beside it; the answer is
`{"done": RESULT}` or `{"failed": MESSAGE}`. A path is the same in every namespace that shares the
file system, so the socket needs no interface.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from .errors import ClusterError

Command = Callable[[dict[str, Any], list[int]], Any]
LONGEST_REQUEST = 64 * 1024


def ask(path: Path, what: str, files: Sequence[int] = (), **arguments: Any) -> Any:
    """Has the node do `what`; returns its result, raises ClusterError with its message."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        connection.connect(str(path))
        request = json.dumps({"do": what} | arguments).encode()
        socket.send_fds(connection, [request], list(files))
        answer = connection.recv(LONGEST_REQUEST)
    if not answer:
        raise ClusterError(f"The node ended while it was asked to {what}.")
    said = json.loads(answer)
    if "failed" in said:
        raise ClusterError(said["failed"])
    return said["done"]


def serve(path: Path, commands: dict[str, Command]) -> None:
    """Answers requests, each in a thread, until the process ends."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    path.unlink(missing_ok=True)
    listener.bind(str(path))
    listener.listen()

    def accept() -> None:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_answer, args=(connection, commands), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def listener(files: list[int]) -> socket.socket:
    """The listening socket that came with a request."""
    return socket.socket(fileno=files[0])


def _answer(connection: socket.socket, commands: dict[str, Command]) -> None:
    with connection:
        message, files, _, _ = socket.recv_fds(connection, LONGEST_REQUEST, 4)
        try:
            request = json.loads(message)
            answer = {"done": commands[request["do"]](request, files)}
        except Exception as error:
            answer = {"failed": f"{type(error).__name__}: {error}"}
        connection.sendall(json.dumps(answer).encode()[:LONGEST_REQUEST])
