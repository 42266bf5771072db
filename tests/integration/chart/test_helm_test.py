"""Does `helm test` tell a stack that answers from one that does not?

Its own command is run here, against a real HTTP server; a test on a node runs the whole.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml

from tests.integration.apiserver import ApiServer
from tests.integration.chart.cluster import accepted
from tests.integration.chart.helm import ALL_OPTIONS, IMAGES, Object, render

RESTRICTED = {
    "name": "restricted",
    "labels": {"pod-security.kubernetes.io/enforce": "restricted"},
}


def pod(objects: list[Object]) -> Object:
    """The Pod of the test."""
    (found,) = (body for body in objects if body["kind"] == "Pod")
    return found


def asked(objects: list[Object]) -> list[str]:
    """What it asks, after its patience."""
    (container,) = pod(objects)["spec"]["containers"]
    patience, *rest = container["args"]
    assert float(patience) > 0
    return rest


OPERATOR = "200=http://llm-stack.llm-stack.svc.cluster.local:8080/readyz"
GATEWAY = "http://llm-stack-gateway.llm-stack.svc.cluster.local/v1/models"
KEYS = "gateway.auth.keysSecretRef.name=client-keys"
ASKED = [
    ("both parts", (), [OPERATOR, f"200={GATEWAY}"]),
    ("whoever has no key is turned away", (KEYS,), [OPERATOR, f"401-no_keys_configured={GATEWAY}"]),
    ("a gateway that is stopped is not asked", ("gateway.replicas=0",), [OPERATOR]),
    ("nor is an operator", ("replicas=0",), [f"200={GATEWAY}"]),
]


@pytest.mark.parametrize(("what", "values", "urls"), ASKED, ids=[row[0] for row in ASKED])
def test_it_asks_what_is_installed(what: str, values: tuple[str, ...], urls: list[str]) -> None:
    assert asked(render(*IMAGES, *values)) == urls, what


class Answers(BaseHTTPRequestHandler):
    """Answers /401 by 401, and so on; /401/words with these words."""

    def do_GET(self) -> None:
        status, _, words = self.path[1:].partition("/")
        self.send_response(int(status))
        self.end_headers()
        self.wfile.write(words.encode())


@pytest.fixture
def url() -> Iterator[str]:
    """Where a real server answers."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The container's command with `arguments` and no patience."""
    (container,) = pod(render())["spec"]["containers"]
    program, *command = container["command"]
    assert program == "python"
    line = [sys.executable, *command, "0", *arguments]
    return subprocess.run(line, capture_output=True, text=True, check=False)


def test_it_succeeds_where_all_answer_as_they_should(url: str) -> None:
    assert run(f"200={url}/200", f"401={url}/401").returncode == 0


def test_it_fails_where_keys_should_be_asked_for_and_are_not(url: str) -> None:
    done = run(f"401={url}/200", f"200={url}/200")

    assert done.returncode == 1
    assert f"{url}/200: 200, and not 401" in done.stdout


def test_it_fails_where_there_are_no_keys_at_all(url: str) -> None:
    wanted = "401-no_keys_configured"
    done = run(f"{wanted}={url}/401/no_keys_configured", f"{wanted}={url}/401/invalid_api_key")

    assert done.returncode == 1
    assert "/401/no_keys_configured: 401 no_keys_configured, and not 401" in done.stdout
    assert "/401/invalid_api_key: 401\n" in done.stdout


def test_it_says_of_each_that_does_not_answer_why(url: str) -> None:
    done = run("200=http://127.0.0.1:1/", f"200={url}/503")

    assert done.returncode == 1
    assert "http://127.0.0.1:1/: <urlopen error [Errno 111] Connection refused>" in done.stdout
    assert "/503: 503, and not 200" in done.stdout


def test_the_pod_meets_the_restricted_standard(cluster: ApiServer) -> None:
    body = pod(render())
    body["metadata"]["namespace"] = "restricted"
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": RESTRICTED}
    cluster.kubectl("create", "--filename=-", stdin=yaml.safe_dump(namespace))

    accepted(cluster, body)
    accepted(cluster, pod(render(file=ALL_OPTIONS)))
