"""The printed line is one line, can be pasted, and is tried as it is printed."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.e2e.stack import curl
from tests.e2e.stack.errors import StackError


class Answering(HTTPServer):
    """Says `answer` to every request, and remembers the requests."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answer: object = {"choices": [{"message": {"content": "Paris."}}]}
        self.seen: list[tuple[str, object]] = []


class _Handler(BaseHTTPRequestHandler):
    server: Answering

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.seen.append((self.path, body))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(self.server.answer).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Answering]:
    with Answering() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def line(server: Answering) -> str:
    return curl.line(f"http://127.0.0.1:{server.server_port}", "default/smollm2")


def test_the_line_asks_the_model(server: Answering, line: str) -> None:
    assert curl.answer(line) == "Paris."
    assert "\n" not in line
    ((path, body),) = server.seen
    assert path == "/v1/chat/completions"
    assert body == {
        "model": "default/smollm2",
        "messages": [{"role": "user", "content": curl.QUESTION}],
        "temperature": 0,
        "max_tokens": 32,
    }


WRONG = [{"error": "Invalid API Key"}, {"choices": []}, {"choices": [{"message": {"content": ""}}]}]


@pytest.mark.parametrize("answer", WRONG, ids=str)
def test_what_is_no_completion_is_shown_with_the_line(
    server: Answering, line: str, answer: object
) -> None:
    server.answer = answer

    with pytest.raises(StackError) as failed:
        curl.answer(line)

    assert line in str(failed.value)
    assert json.dumps(answer) in str(failed.value)


def test_a_server_that_is_not_there_is_said() -> None:
    gone = curl.line("http://127.0.0.1:1", "smollm2")

    with pytest.raises(StackError, match="Failed to connect"):
        curl.answer(gone)
