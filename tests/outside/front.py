"""Stands in for llama-server: starts the real one, and the gateway before it if FRONT=gateway.

    python -m tests.outside.front --port 8080 …llama-server's arguments…

The models that the suite names cannot be had without a network; MODEL, EMBEDDING_MODEL and
RERANKING_MODEL take their places.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from hashlib import sha256
from pathlib import Path
from types import FrameType

from tests.e2e.cluster.sites import free_ports

_DROPPED = {"--hf-repo": 1, "--hf-file": 1, "--model": 1, "--host": 1, "--port": 1, "--no-slots": 0}
_MODELS = {"generate": "MODEL", "embed": "EMBEDDING_MODEL", "rerank": "RERANKING_MODEL"}
_STARTED_SECONDS = 60.0
_ASKED_FOR = (
    *("gpt-3.5-turbo", "gpt-3.5-turbo-instruct", "gpt-4.1", "davinci-002", "codellama70b"),
    *("test", "text-embedding-3-small", "ggml-org/tinygemma3-GGUF:Q8_0"),
)
"""Models that the suite names: llama-server takes any, the gateway those that there are."""


def arguments(given: list[str], port: int, model: str) -> list[str]:
    """llama-server's arguments with another port and a model that is there."""
    kept: list[str] = []
    rest = iter(given)
    for word in rest:
        if word in _DROPPED:
            for _ in range(_DROPPED[word]):
                next(rest)
        else:
            kept.append(word)
    return [*kept, "--host", "127.0.0.1", "--port", str(port), "--model", model, "--slots"]


def value(given: list[str], flag: str, default: str) -> str:
    """What stands behind the flag."""
    return given[given.index(flag) + 1] if flag in given else default


def mode(given: list[str]) -> str:
    """What the server was started for, in the gateway's words."""
    if "--reranking" in given:
        return "rerank"
    return "embed" if "--embedding" in given else "generate"


def config(given: list[str], port: int, folder: Path) -> Path:
    """The gateway's file: this one server, its key asked of clients too."""
    (admin,) = free_ports(1)
    backend = {"url": f"http://127.0.0.1:{port}"}
    model = {
        "name": value(given, "--alias", "model").split(",")[0],
        "aliases": list(_ASKED_FOR),
        "mode": mode(given),
        "backends": [backend],
        "mediaHosts": ["127.0.0.1"],
    }
    text = {
        "listen": f"127.0.0.1:{value(given, '--port', '8080')}",
        "admin": f"127.0.0.1:{admin}",
        "models": [model],
    }
    key = value(given, "--api-key", "")
    if key:
        (folder / "key").write_text(key)
        (folder / "keys").write_text(f"sha256:{sha256(key.encode()).hexdigest()} suite\n")
        backend["apiKeyFile"], text["keysFile"] = str(folder / "key"), str(folder / "keys")
    path = folder / "gateway.yaml"
    path.write_text(json.dumps(text))
    return path


def main() -> int:
    """Runs until it is told to end, or one of the two ends by itself."""
    given = sys.argv[1:]
    through = os.environ.get("FRONT") == "gateway"
    port = free_ports(1)[0] if through else int(value(given, "--port", "8080"))
    model = os.environ[_MODELS[mode(given)]]
    with tempfile.TemporaryDirectory() as folder:
        programs = [subprocess.Popen([os.environ["LLAMA_SERVER"], *arguments(given, port, model)])]

        def end(_signal: int, _frame: FrameType | None) -> None:
            for program in programs:
                program.terminate()

        signal.signal(signal.SIGTERM, end)
        if through and _started(programs[0], port):
            path = config(given, port, Path(folder))
            argv = [sys.executable, "-m", "llmstack", "gateway", "--config", str(path)]
            programs.append(subprocess.Popen(argv))
        status = programs[-1].wait()
        programs[0].kill()
        return status


def _started(server: subprocess.Popen[bytes], port: int) -> bool:
    deadline = time.monotonic() + _STARTED_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health"):
                return True
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.05)
    return False


if __name__ == "__main__":
    sys.exit(main())
