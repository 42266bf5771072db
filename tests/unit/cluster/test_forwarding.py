"""To which pod does a forward connect, and what happens to the bytes?"""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest

from tests.e2e.cluster.forwarding import Forwarder, NoTarget, ready_addresses

SPEC = {"ports": [{"name": "http", "port": 80}, {"name": "metrics", "port": 9090}]}


def part(name: str, port: int, *endpoints: tuple[str, bool]) -> dict[str, Any]:
    return {
        "ports": [{"name": name, "port": port}],
        "endpoints": [
            {"addresses": [address], "conditions": {"ready": ready}} for address, ready in endpoints
        ],
    }


def test_the_ports_name_leads_to_the_pods_port() -> None:
    slices = [part("http", 8080, ("10.0.0.1", True)), part("metrics", 9091, ("10.0.0.1", True))]
    assert ready_addresses(SPEC, slices, 80) == [("10.0.0.1", 8080)]
    assert ready_addresses(SPEC, slices, 9090) == [("10.0.0.1", 9091)]


def test_pods_that_are_not_ready_are_left_out() -> None:
    slices = [part("http", 8080, ("10.0.0.1", False), ("10.0.0.2", True))]
    assert ready_addresses(SPEC, slices, 80) == [("10.0.0.2", 8080)]


@pytest.mark.parametrize(
    ("slices", "port"),
    [
        ([], 80),
        ([part("http", 8080, ("10.0.0.1", False))], 80),
        ([part("http", 8080, ("10.0.0.1", True))], 81),
        ([{"ports": None, "endpoints": None}], 80),
    ],
)
def test_where_no_pod_serves_the_port_there_is_no_target(
    slices: list[dict[str, Any]], port: int
) -> None:
    with pytest.raises(NoTarget):
        ready_addresses(SPEC, slices, port)


@pytest.fixture(scope="module")
def forwarder() -> Forwarder:
    return Forwarder()


def listening(forwarder: Forwarder, there: socket.socket) -> socket.socket:
    """A connection through the forwarder to `there`."""
    here = socket.create_server(("127.0.0.1", 0))
    address = here.getsockname()
    forwarder.add(here, there.getsockname)
    return socket.create_connection(address, timeout=10)


def test_an_end_of_one_direction_is_passed_on_and_the_other_goes_on(forwarder: Forwarder) -> None:
    with socket.create_server(("127.0.0.1", 0)) as there:

        def answer_after_the_end() -> None:
            connection, _ = there.accept()
            with connection:
                asked = b"".join(iter(lambda: connection.recv(1024), b""))
                connection.sendall(asked.upper() * 100_000)

        server = threading.Thread(target=answer_after_the_end)
        server.start()
        with listening(forwarder, there) as client:
            client.sendall(b"question")
            client.shutdown(socket.SHUT_WR)
            answered = b"".join(iter(lambda: client.recv(65536), b""))
        server.join()
    assert answered == b"QUESTION" * 100_000


def test_where_nobody_listens_the_connection_ends(forwarder: Forwarder) -> None:
    # Bound, so that nobody else takes the port, but not listening.
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        with listening(forwarder, silent) as client:
            assert client.recv(1) == b""
