"""Which line answers? It is printed to be pasted, so it is tried exactly as it is printed."""

from __future__ import annotations

import json
import shlex
import subprocess

from .errors import StackError

QUESTION = "Write one sentence about the sea."


def line(url: str, model: str) -> str:
    """A shell line that asks the model at the gateway's URL."""
    message = {"role": "user", "content": QUESTION}
    body = json.dumps({"model": model, "messages": [message], "temperature": 0, "max_tokens": 32})
    return (
        f"curl -sS --fail-with-body {url}/v1/chat/completions"
        f" -H 'Content-Type: application/json' -d {shlex.quote(body)}"
    )


def answer(command: str) -> str:
    """What the model said to that line. StackError with what came instead."""
    done = subprocess.run(
        ["/bin/sh", "-c", command], capture_output=True, text=True, timeout=120, check=False
    )
    try:
        text: str = json.loads(done.stdout)["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError):
        raise StackError(
            f"{command}\nended with {done.returncode}: {done.stdout}{done.stderr}"
        ) from None
    if not text.strip():
        raise StackError(f"{command}\nanswered with no text: {done.stdout}")
    return text
