"""Asks a model over and over, as clients in the cluster do; a JSON line for each answer.

    python3 client.py URL MODEL WORKERS PAUSE

Each worker waits PAUSE seconds between an answer and its next request.

Each request comes on a connection of its own, every other one is a stream. It runs in a pod with
Python and nothing else.
"""

from __future__ import annotations

import http.client
import itertools
import json
import sys
import threading
import time
from urllib.parse import urlsplit

PROMPTS = ("Say hello.", "Count to five.", "Name a colour.", "What is the sea?")


def main(url: str, model: str, workers: int, pause: float) -> None:
    """Asks until it is killed."""
    for number in range(workers):
        threading.Thread(target=ask_over_and_over, args=(url, model, number, pause)).start()


def ask_over_and_over(url: str, model: str, worker: int, pause: float) -> None:
    for turn in itertools.count():
        prompt = f"{PROMPTS[(worker + turn) % len(PROMPTS)]} ({worker}.{turn})"
        try:
            said = ask(url, model, prompt, stream=turn % 2 == 0)
        except (OSError, http.client.HTTPException, ValueError, LookupError) as error:
            said = {"ok": False, "error": repr(error)}
        # In one piece: other threads write, too.
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()
        time.sleep(pause)


def ask(url: str, model: str, prompt: str, *, stream: bool) -> dict[str, object]:
    """What came of one request? `ok` only if the answer is whole."""
    where = urlsplit(url)
    body = {
        "model": model,
        "messages": [{"role": "user", "content": prompt}],
        "max_tokens": 8,
        "stream": stream,
    }
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=120)
    try:
        headers = {"Content-Type": "application/json", "Connection": "close"}
        connection.request("POST", f"{where.path}/chat/completions", json.dumps(body), headers)
        answer = connection.getresponse()
        text = answer.read().decode()
    finally:
        connection.close()
    whole = is_whole_stream if stream else is_whole
    said: dict[str, object] = {"ok": answer.status == 200 and whole(text), "status": answer.status}
    if not said["ok"]:
        said["error"] = text[-500:]
    return {**said, "stream": stream, "replica": answer.headers.get("x-llmstack-replica")}


def is_whole(text: str) -> bool:
    return bool(json.loads(text)["choices"][0]["message"]["content"])


def is_whole_stream(text: str) -> bool:
    return text.endswith("data: [DONE]\n\n") and '"error"' not in text


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))
