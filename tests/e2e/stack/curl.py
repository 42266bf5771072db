"""Which line answers? It is printed to be pasted, so it is tried exactly as it is printed."""

from __future__ import annotations

import json
import shlex
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .errors import StackError

QUESTION = "Write one sentence about the sea."


@dataclass(frozen=True)
class Target:
    """Where a model answers, and how its key is read."""

    kubectl: Path
    kubeconfig: Path
    namespace: str
    name: str
    url: str


def line(target: Target) -> str:
    """A shell line that asks the model, and reads the server's key where it is needed."""
    read_key = shlex.join(
        [
            str(target.kubectl),
            f"--kubeconfig={target.kubeconfig}",
            f"--namespace={target.namespace}",
            "get",
            "secret",
            f"{target.name}-key",
            "--output=go-template={{.data.key|base64decode}}",
        ]
    )
    message = {"role": "user", "content": QUESTION}
    body = json.dumps({"messages": [message], "temperature": 0, "max_tokens": 32})
    return (
        f"curl -sS --fail-with-body {target.url}/v1/chat/completions"
        f' -H "Authorization: Bearer $({read_key})"'
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
