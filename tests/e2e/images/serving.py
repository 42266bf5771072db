"""How is a llama-server started for a test, from the image or on this machine?"""

from __future__ import annotations

import json
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import httpx

from llmstack.engines.interface import ServerOptions
from llmstack.engines.llamacpp.server_arguments import arguments

from .builder import build
from .container import Container, running
from .errors import ImageError
from .runnable import llama_server_binary
from .sample import model_file

KEY: Final = "a-server-key"
KEY_FILE: Final = "/keys/server"
MODEL: Final = "/models/sample.gguf"
PATIENCE: Final = 120.0


@dataclass(frozen=True)
class Served:
    """A llama-server that listens on loopback."""

    url: str
    client: httpx.Client
    container: Container

    def health(self) -> int | None:
        """The status of /health, None while nobody listens."""
        try:
            return self.client.get("/health").status_code
        except httpx.TransportError:
            return None

    def busy(self) -> bool:
        """Is any slot computing?"""
        return any(slot["is_processing"] for slot in self.client.get("/slots").json())


def options(**changes: object) -> ServerOptions:
    """The sample model on one thread, on a free port, with these changes."""
    small = ServerOptions(
        model_path=MODEL,
        alias="sample",
        slots=2,
        context_length=512,
        api_key_file=KEY_FILE,
        port=free_port(),
        gpu_layers=0,
        prompt_cache_mib=0,
        threads=1,
    )
    return replace(small, **changes)  # type: ignore[arg-type]


@contextmanager
def serving(
    chosen: ServerOptions,
    *,
    ready: bool = True,
    model: Path | None = None,
    mounts: Mapping[Path, str] | None = None,
) -> Iterator[Served]:
    """llama-server in its container; with `ready`, only once it has loaded its model."""
    with tempfile.TemporaryDirectory(prefix="llm-stack-key-") as place:
        key = Path(place) / "key"
        key.write_text(KEY)
        Path(place).chmod(0o755)
        env = {"LLAMA_API_KEY_FILE": KEY_FILE, "LLAMA_PORT": str(chosen.port)}
        mounted = {key: KEY_FILE, (model or model_file()): MODEL, **(mounts or {})}
        with running(build("llama-server"), arguments(chosen), env, mounted) as container:
            url = f"http://127.0.0.1:{chosen.port}"
            headers = {"Authorization": f"Bearer {KEY}"}
            with httpx.Client(base_url=url, headers=headers, timeout=PATIENCE) as client:
                served = Served(url, client, container)
                if ready:
                    until(lambda: served.health() == 200, container)
                yield served


@contextmanager
def serving_here(chosen: ServerOptions) -> Iterator[httpx.Client]:
    """The same binary as a process of this machine, ready."""
    with tempfile.NamedTemporaryFile("w", prefix="llm-stack-key-") as key:
        key.write(KEY)
        key.flush()
        given = replace(chosen, model_path=str(model_file()), api_key_file=key.name)
        with tempfile.TemporaryFile() as log:
            command = [str(llama_server_binary()), *arguments(given)]
            process = subprocess.Popen(command, stdout=log, stderr=log)
            try:
                headers = {"Authorization": f"Bearer {KEY}"}
                url = f"http://127.0.0.1:{given.port}"
                with httpx.Client(base_url=url, headers=headers, timeout=PATIENCE) as client:
                    until(lambda: _answers(client))
                    yield client
            finally:
                process.kill()
                process.wait()


@contextmanager
def computing(served: Served, tokens: int, *, stream: bool = True) -> Iterator[socket.socket]:
    """A request that runs; on leaving, its client goes away and the slot becomes idle."""
    body = json.dumps({"prompt": "word", "n_predict": tokens, "ignore_eos": True, "stream": stream})
    head = (
        f"POST /completion HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {KEY}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", served.client.base_url.port or 0)) as client:
        client.sendall(f"{head}{body}".encode())
        until(served.busy, served.container)
        yield client
    until(lambda: not served.busy(), served.container)


def until(holds: Callable[[], bool], container: Container | None = None) -> None:
    """Returns when it holds; raises ImageError, with the server's log, if it never does."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        ended = container is not None and container.process.poll() is not None
        if ended or time.monotonic() > deadline:
            log = container.log.read_text(errors="replace")[-4000:] if container else ""
            raise ImageError(f"llama-server {'ended' if ended else 'does not answer'}:\n{log}")
        time.sleep(0.05)


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/health").status_code == 200
    except httpx.TransportError:
        return False
