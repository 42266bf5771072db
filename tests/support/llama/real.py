"""How is the real llama-server run beside tests of the gateway?

    with RealLlama.running(directory, slots=2) as server:
        server.port, server.key, server.deferrals()

One thread, its debug log in a file: the log tells each deferral, where the gauge of /metrics shows
only those that last until somebody looks.
"""

from __future__ import annotations

import json
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self
from urllib.error import HTTPError, URLError

from llmstack.engines.interface import ServerOptions
from llmstack.engines.llamacpp.server_arguments import arguments
from tests.e2e.images import llama_server_binary, model_file
from tests.e2e.images.serving import free_port, until

KEY: Final = "a-server-key"
_DEFERRED: Final = re.compile(rb"D que +defer: defer task, id = \d+$", re.MULTILINE)
"""Not from the line's beginning: what the server prints before it may end without a newline."""
_LOOKED: Final = b"n_idle_slots = "
FILLS_IN: Final = (
    "--override-kv",
    ",".join(f"tokenizer.ggml.fim_{name}_token_id=int:{4 + number}"
             for number, name in enumerate(("pre", "suf", "mid"))),
)  # fmt: skip
"""Arguments that let the sample model serve /infill; what it fills in means nothing."""
_DEBUG: Final = ("--host", "127.0.0.1", "--log-verbosity", "5", "--no-warmup")


def deferrals(log: Path) -> int:
    """How many tasks found no slot, by the server's debug log?"""
    return len(_DEFERRED.findall(log.read_bytes()))


@dataclass
class RealLlama:
    """A llama-server of this machine. `loading` is what /health said until it was ready."""

    port: int
    slots: int
    log: Path
    process: subprocess.Popen[bytes]
    key: str = KEY
    loading: list[tuple[int, bytes]] = field(default_factory=list)

    @classmethod
    @contextmanager
    def running(
        cls,
        directory: Path,
        model: Path | None = None,
        extra: tuple[str, ...] = (),
        program: Path | None = None,
        **changes: object,
    ) -> Iterator[Self]:
        """Ready; `program` is another llama-server, `changes` are those of ServerOptions."""
        key, log = directory / "key", directory / "log"
        key.write_text(KEY)
        options = _options(model or model_file(), key, extra, changes)
        with log.open("wb") as file:
            command = [str(program or llama_server_binary()), *arguments(options)]
            process = subprocess.Popen(command, stdout=file, stderr=file)
        server = cls(options.port, options.slots, log, process)
        try:
            until(server._ready)
            yield server
        finally:
            process.kill()
            process.wait()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def deferrals(self) -> int:
        """Complete: the log is written behind, so it is read up to a look at /slots made now."""
        before = self.log.stat().st_size
        request = urllib.request.Request(
            f"{self.url}/slots", headers={"Authorization": f"Bearer {self.key}"}
        )
        with urllib.request.urlopen(request) as answer:
            json.load(answer)
        until(lambda: _LOOKED in self.log.read_bytes()[before:])
        return deferrals(self.log)

    def _ready(self) -> bool:
        if self.process.poll() is not None:
            raise RuntimeError(f"llama-server ended:\n{self.log.read_text()[-4000:]}")
        try:
            with urllib.request.urlopen(f"{self.url}/health") as answer:
                return bool(answer.status == 200)
        except HTTPError as refused:
            self.loading.append((refused.code, refused.read()))
        except (URLError, ConnectionError):
            pass
        return False


def _options(
    model: Path, key: Path, extra: tuple[str, ...], changes: dict[str, object]
) -> ServerOptions:
    given: dict[str, object] = {
        "model_path": str(model),
        "alias": "sample",
        "slots": 2,
        "context_length": 1024,
        "api_key_file": str(key),
        "port": free_port(),
        "gpu_layers": 0,
        "prompt_cache_mib": 0,
        "threads": 1,
        "extra_args": (*_DEBUG, *extra),
    }
    return ServerOptions(**(given | changes))  # type: ignore[arg-type]
