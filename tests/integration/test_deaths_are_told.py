"""Does a server that a request ended become an Event, once? By a real API server and operators."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.e2e.cluster.processes import wait_until
from tests.integration.apiserver import ApiServer
from tests.integration.metrics_api import TEAM, deployment
from tests.integration.operators import installed

REASON = "ServerKilledByRequest"


@contextmanager
def gateway(deaths: list[dict[str, Any]]) -> Iterator[str]:
    """Says on /load that replicas of qwen died so, again and again. Gives its URL."""
    stopped = threading.Event()

    class Load(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            while not stopped.wait(0.5):
                models = {f"{TEAM}/qwen": {"replicas": [], "deaths": deaths}}
                line = json.dumps({"version": 1, "epoch": "e", "models": models})
                self.wfile.write(line.encode() + b"\n")

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Load)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/load"
    finally:
        stopped.set()
        server.shutdown()
        server.server_close()


def death(number: int, **fields: Any) -> dict[str, Any]:
    return {"id": f"e-{number}", "replica": "qwen-0", "at": time.time(), "suspects": 1} | fields


def told(server: ApiServer) -> list[str]:
    """The messages of all such Events."""
    found = json.loads(server.kubectl("-n", TEAM, "get", "events", "-o", "json"))["items"]
    return sorted(event["message"] for event in found if event["reason"] == REASON)


def test_a_server_that_a_request_ended_is_told_once(tmp_path: Path) -> None:
    """Two operators follow the gateway; the second one leads when the first was killed."""
    deaths = [death(1, tenant="team-b", request="req-1"), death(2, suspects=3)]
    with ApiServer.running(tmp_path / "apiserver") as server, gateway(deaths) as url:
        server.apply_crds()
        deployment(server)
        with installed(server, "told", tmp_path, everywhere=True) as stack:
            first = stack.start("one", LLMSTACK_GATEWAY_LOAD_URL=url)
            first.wait_until("leading")
            second = stack.start("two", LLMSTACK_GATEWAY_LOAD_URL=url)
            second.wait_until("standing by")
            wait_until(lambda: len(told(server)) == 2, "two Events", 60)
            first.send(signal.SIGKILL)
            second.wait_until("leading", 60)
            deaths.append(death(3, tenant="team-c", request="req-3"))
            wait_until(lambda: "team-c" in "".join(told(server)), "the third Event", 60)
        messages = told(server)
    assert len(messages) == 3
    assert sum("request req-1 of tenant team-b" in message for message in messages) == 1
    assert sum("processing 3 requests" in message for message in messages) == 1
